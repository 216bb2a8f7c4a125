package simulator

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func (s *Simulator) createDBInstance(q *call, in *rds.CreateDBInstanceInput) (*rds.CreateDBInstanceOutput, error) {
	if in.DBClusterIdentifier == nil {
		return nil, refuseAs(invalidParameterCombination, "The simulator has DB instances in DB clusters only.")
	}
	c, err := s.world.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := s.world.idle(c); err != nil {
		return nil, err
	}
	if err := fits(c, in); err != nil {
		return nil, err
	}
	i, err := s.newInstance(c, in)
	if err != nil {
		return nil, err
	}
	if err := s.open(*i.shown.Endpoint.Address, func() *dbCluster { return i.cluster }); err != nil {
		return nil, err
	}
	s.world.instances = append(s.world.instances, i)
	s.world.retag(*i.shown.DBInstanceArn, in.Tags)
	i.shown.TagList = s.world.tags[*i.shown.DBInstanceArn]
	s.world.reckon(c)
	if err := s.certify(c); err != nil {
		return nil, err
	}
	steps := []string{creating}
	if value(in.MonitoringInterval) > 0 {
		steps = append(steps, "configuring-enhanced-monitoring")
	}
	if len(c.shown.EnabledCloudwatchLogsExports) > 0 {
		steps = append(steps, "configuring-log-exports")
	}
	s.begin(q, c, func(j *job) error {
		for _, status := range steps {
			if err := j.pass(status, i); err != nil {
				return err
			}
		}
		return j.start(c, i)
	})
	return &rds.CreateDBInstanceOutput{DBInstance: &i.shown}, nil
}

// fits refuses what is the DB cluster's to say, and what contradicts it.
func fits(c *dbCluster, in *rds.CreateDBInstanceInput) error {
	switch {
	case *in.Engine != *c.shown.Engine:
		return refuseAs(invalidParameterCombination, "The engine name requested for your DB instance (%s) doesn't match the engine name of your "+
			"DB cluster (%s).", *in.Engine, *c.shown.Engine)
	case in.EngineVersion != nil && *in.EngineVersion != *c.shown.EngineVersion:
		return refuseAs(invalidParameterCombination, "The engine version requested for your DB instance (%s) doesn't match the engine version of your "+
			"DB cluster (%s).", *in.EngineVersion, *c.shown.EngineVersion)
	case in.MasterUsername != nil || in.MasterUserPassword != nil || in.StorageEncrypted != nil || in.KmsKeyId != nil || in.DBName != nil ||
		in.BackupRetentionPeriod != nil || in.AllocatedStorage != nil || in.VpcSecurityGroupIds != nil:
		return refuseAs(invalidParameterCombination, "The requested DB Instance will be a member of a DB Cluster. Set these values for the DB Cluster.")
	case value(in.DeletionProtection):
		return refuseAs(invalidParameterCombination, "Deletion Protection can only be applied on the Cluster level, not for individual instances")
	}
	return nil
}

// newInstance is a DB instance with what each has.
func (s *Simulator) newInstance(c *dbCluster, in *rds.CreateDBInstanceInput) (*dbInstance, error) {
	name := strings.ToLower(*in.DBInstanceIdentifier)
	if err := identifier("DBInstanceIdentifier", name, longestIdentifier); err != nil {
		return nil, err
	}
	if _, err := s.world.instance(&name); err == nil {
		return nil, refuse(schemas.DBInstanceAlreadyExistsFault, "DB instance already exists")
	}
	if !strings.HasPrefix(*in.DBInstanceClass, "db.") {
		return nil, refuseAs(invalidParameterValue, "Invalid DB Instance class: %s", *in.DBInstanceClass)
	}
	if *in.DBInstanceClass == serverless && c.shown.ServerlessV2ScalingConfiguration == nil {
		return nil, refuseAs(invalidParameterCombination,
			"Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2 DB instance.")
	}
	v, err := s.world.version(c.shown.EngineVersion)
	if err != nil {
		return nil, err
	}
	g, err := s.world.groupFor(false, in.DBParameterGroupName, v)
	if err != nil {
		return nil, err
	}
	i := &dbInstance{cluster: c, groupStatus: inSync}
	i.shown = types.DBInstance{
		Engine: c.shown.Engine, EngineVersion: c.shown.EngineVersion, DBInstanceStatus: ptr(creating), DBInstanceClass: in.DBInstanceClass,
		DBClusterIdentifier: c.shown.DBClusterIdentifier, InstanceCreateTime: ptr(time.Now()), DbiResourceId: ptr(s.resourceID("db")),
		DBParameterGroups:     []types.DBParameterGroupStatus{{DBParameterGroupName: &g.name, ParameterApplyStatus: ptr(inSync)}},
		DBSubnetGroup:         s.subnetGroup(c.shown.DBSubnetGroup),
		VpcSecurityGroups:     c.shown.VpcSecurityGroups,
		AvailabilityZone:      or(in.AvailabilityZone, c.shown.AvailabilityZones[len(s.world.members(c))%len(c.shown.AvailabilityZones)]),
		PromotionTier:         or(in.PromotionTier, 1),
		PubliclyAccessible:    ptr(value(in.PubliclyAccessible)),
		MonitoringInterval:    ptr(value(in.MonitoringInterval)),
		MonitoringRoleArn:     in.MonitoringRoleArn,
		StorageEncrypted:      c.shown.StorageEncrypted,
		StorageType:           c.shown.StorageType,
		KmsKeyId:              c.shown.KmsKeyId,
		MasterUsername:        c.shown.MasterUsername,
		DBName:                c.shown.DatabaseName,
		CopyTagsToSnapshot:    ptr(value(in.CopyTagsToSnapshot)),
		DeletionProtection:    ptr(false),
		BackupRetentionPeriod: c.shown.BackupRetentionPeriod,

		AutoMinorVersionUpgrade:          ptr(value(or(in.AutoMinorVersionUpgrade, true))),
		PerformanceInsightsEnabled:       ptr(value(in.EnablePerformanceInsights)),
		PerformanceInsightsKMSKeyId:      in.PerformanceInsightsKMSKeyId,
		IAMDatabaseAuthenticationEnabled: c.shown.IAMDatabaseAuthenticationEnabled,
		EnabledCloudwatchLogsExports:     c.shown.EnabledCloudwatchLogsExports,
		PreferredMaintenanceWindow:       or(in.PreferredMaintenanceWindow, "sun:04:00-sun:04:30"),
		CACertificateIdentifier:          or(in.CACertificateIdentifier, "rds-ca-rsa2048-g1"),
		PendingModifiedValues:            &types.PendingModifiedValues{},
	}
	s.nameInstance(i, name)
	return i, nil
}

// serverless is the class of instances that scale by themselves.
const serverless = "db.serverless"

func (s *Simulator) nameInstance(i *dbInstance, name string) {
	i.shown.DBInstanceIdentifier = &name
	i.shown.DBInstanceArn = ptr(s.arn("db", name))
	i.shown.Endpoint = &types.Endpoint{Address: ptr(addressOf(instanceEndpoint, name)), Port: ptr(int32(s.port))} //nolint:gosec // a port fits
}

// start brings a new member into service. The first one starts the server.
func (j *job) start(c *dbCluster, i *dbInstance) error {
	var settings map[string]string
	var running bool
	j.s.locked(func() { settings, running = j.s.inForce(c), c.serving })
	var err error
	if running {
		err = c.server.Reload(j.ctx, settings) // its certificate has one more name
	} else {
		err = c.server.Start(j.ctx, settings)
	}
	if err != nil {
		return err
	}
	j.s.locked(func() {
		if !running {
			c.settings, c.serving = settings, true
		}
		i.setStatus(available)
	})
	return nil
}
