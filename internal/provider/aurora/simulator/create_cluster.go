package simulator

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/engine"
)

// What a DB cluster gets that names nothing.
const (
	defaultSubnetGroup   = "default"
	defaultSecurityGroup = "sg-0default0000000"
	defaultMaster        = "postgres"
)

func (s *Simulator) createDBCluster(q *call, in *rds.CreateDBClusterInput) (*rds.CreateDBClusterOutput, error) {
	if *in.Engine != aurora {
		return nil, refuseAs(invalidParameterValue, "The simulator has no engine %s, only %s.", *in.Engine, aurora)
	}
	v, err := s.world.version(in.EngineVersion)
	if err != nil {
		return nil, err
	}
	if in.MasterUserPassword == nil && !value(in.ManageMasterUserPassword) {
		return nil, refuseAs(invalidParameterValue, "The parameter MasterUserPassword must be provided and must not be blank.")
	}
	if err := s.world.knownGroups(in.VpcSecurityGroupIds); err != nil {
		return nil, err
	}
	c, err := s.newCluster(*in.DBClusterIdentifier, v, in.DBClusterParameterGroupName)
	if err != nil {
		return nil, err
	}
	c.shown.MasterUsername = or(in.MasterUsername, defaultMaster)
	c.shown.DatabaseName = in.DatabaseName
	c.shown.StorageEncrypted, c.shown.KmsKeyId = ptr(value(in.StorageEncrypted)), in.KmsKeyId
	c.shown.DBSubnetGroup = or(in.DBSubnetGroupName, defaultSubnetGroup)
	c.shown.VpcSecurityGroups = memberships(in.VpcSecurityGroupIds)
	c.shown.DeletionProtection = ptr(value(in.DeletionProtection))
	c.shown.IAMDatabaseAuthenticationEnabled = ptr(value(in.EnableIAMDatabaseAuthentication))
	c.shown.EnabledCloudwatchLogsExports = in.EnableCloudwatchLogsExports
	c.shown.BackupRetentionPeriod = or(in.BackupRetentionPeriod, 1)
	c.shown.StorageType = or(in.StorageType, "aurora")
	c.shown.CopyTagsToSnapshot = ptr(value(in.CopyTagsToSnapshot))
	c.shown.NetworkType = or(in.NetworkType, "IPV4")
	c.shown.ServerlessV2ScalingConfiguration = capacity(in.ServerlessV2ScalingConfiguration)
	c.shown.PreferredMaintenanceWindow = or(in.PreferredMaintenanceWindow, "sun:03:00-sun:03:30")
	c.shown.PreferredBackupWindow = or(in.PreferredBackupWindow, "01:00-01:30")
	password := value(in.MasterUserPassword)
	if value(in.ManageMasterUserPassword) {
		password = s.manage(c)
	}
	if err := s.add(c, in.Tags); err != nil {
		return nil, err
	}
	server := engine.New(s.place(), v.programs, *c.shown.MasterUsername)
	s.world.servers = append(s.world.servers, server)
	s.begin(q, c, func(j *job) error {
		if err := j.pass(creating, c); err != nil {
			return err
		}
		if err := server.Create(j.ctx, password, value(in.DatabaseName)); err != nil {
			return err
		}
		return j.stored(c, server)
	})
	return &rds.CreateDBClusterOutput{DBCluster: &c.shown}, nil
}

// newCluster is a DB cluster with what each has.
func (s *Simulator) newCluster(name string, v engineVersion, group *string) (*dbCluster, error) {
	name = strings.ToLower(name)
	if err := identifier("DBClusterIdentifier", name, longestIdentifier); err != nil {
		return nil, err
	}
	if _, err := s.world.cluster(&name); err == nil {
		return nil, refuse(schemas.DBClusterAlreadyExistsFault, "DB Cluster already exists")
	}
	g, err := s.world.groupFor(true, group, v)
	if err != nil {
		return nil, err
	}
	c := &dbCluster{clones: ptr(1)}
	zones := []string{"a", "b", "c"}
	for i := range zones {
		zones[i] = s.options.Region + zones[i]
	}
	c.shown = types.DBCluster{
		Engine: ptr(aurora), EngineVersion: ptr(v.String()), EngineMode: ptr("provisioned"), Status: ptr(creating),
		DBClusterParameterGroup: &g.name, ClusterCreateTime: ptr(time.Now()), Port: ptr(int32(s.port)), //nolint:gosec // a port fits
		DbClusterResourceId: ptr(s.resourceID("cluster")), AvailabilityZones: zones, HostedZoneId: ptr("Z0SIMULATED"),
		MultiAZ: ptr(false), AutoMinorVersionUpgrade: ptr(true), AllocatedStorage: ptr(int32(1)), CrossAccountClone: ptr(false),
		EarliestRestorableTime: ptr(time.Now()), LatestRestorableTime: ptr(time.Now()),
	}
	s.name(c, name)
	return c, nil
}

// name makes name the DB cluster's, and its endpoints what follows from it.
func (s *Simulator) name(c *dbCluster, name string) {
	c.shown.DBClusterIdentifier = &name
	c.shown.DBClusterArn = ptr(s.arn("cluster", name))
	c.shown.Endpoint, c.shown.ReaderEndpoint = ptr(addressOf(writerEndpoint, name)), ptr(addressOf(readerEndpoint, name))
}

// resourceID makes the identifier of a resource that no rename changes.
func (s *Simulator) resourceID(kind string) string {
	s.world.resources++
	return fmt.Sprintf("%s-SIMULATED%016d", kind, s.world.resources)
}

// add puts a new DB cluster into the world, with its endpoints.
func (s *Simulator) add(c *dbCluster, tags []types.Tag) error {
	for _, address := range []string{*c.shown.Endpoint, *c.shown.ReaderEndpoint} {
		if err := s.open(address, func() *dbCluster { return c }); err != nil {
			return err
		}
	}
	s.world.clusters = append(s.world.clusters, c)
	s.world.retag(*c.shown.DBClusterArn, tags)
	c.shown.TagList = s.world.tags[*c.shown.DBClusterArn]
	return nil
}

// stored gives a DB cluster its server: its storage is there. Whether it runs depends on its DB instances.
func (j *job) stored(c *dbCluster, server *engine.Server) error {
	s := j.s
	s.mu.Lock()
	defer s.mu.Unlock()
	c.server = server
	if err := s.certify(c); err != nil {
		return err
	}
	c.setStatus(available)
	return nil
}

func memberships(groups []string) (all []types.VpcSecurityGroupMembership) {
	if len(groups) == 0 {
		groups = []string{defaultSecurityGroup}
	}
	for _, group := range groups {
		all = append(all, types.VpcSecurityGroupMembership{VpcSecurityGroupId: ptr(group), Status: ptr("active")})
	}
	return all
}

func capacity(in *types.ServerlessV2ScalingConfiguration) *types.ServerlessV2ScalingConfigurationInfo {
	if in == nil {
		return nil
	}
	return &types.ServerlessV2ScalingConfigurationInfo{
		MinCapacity: in.MinCapacity, MaxCapacity: in.MaxCapacity, SecondsUntilAutoPause: in.SecondsUntilAutoPause,
	}
}
