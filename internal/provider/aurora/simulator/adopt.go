package simulator

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Adopted is a server that somebody else runs, as a DB cluster: for tests that have servers of their own.
type Adopted struct {
	Cluster   string   // DB cluster identifier
	Instances []string // DB instance identifiers; the first one writes
	Address   string   // host:port, where the endpoints lead
	Tags      []types.Tag
	Secret    bool // Secrets Manager keeps a password of its master user, which the server does not know
}

// Adopt makes a DB cluster of a server, available at once. The API shows and renames it. Nothing is done to the server but that connections are
// forwarded to it.
func (s *Simulator) Adopt(a Adopted) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	newest := slices.MaxFunc(s.world.versions, func(a, b engineVersion) int { return a.programs.Major - b.programs.Major })
	c, err := s.newCluster(a.Cluster, newest, nil)
	if err != nil {
		return err
	}
	c.elsewhere = a.Address
	c.shown.DBSubnetGroup, c.shown.VpcSecurityGroups = ptr(defaultSubnetGroup), memberships(nil)
	c.shown.MasterUsername = ptr(defaultMaster)
	if a.Secret {
		s.manage(c)
	}
	c.setStatus(available)
	if err := s.add(c, a.Tags); err != nil {
		return err
	}
	for _, name := range a.Instances {
		i, err := s.newInstance(c, &rds.CreateDBInstanceInput{DBInstanceIdentifier: ptr(name), DBInstanceClass: ptr("db.r6g.large")})
		if err != nil {
			return err
		}
		if err := s.open(*i.shown.Endpoint.Address, func() *dbCluster { return i.cluster }); err != nil {
			return err
		}
		i.setStatus(available)
		s.world.instances = append(s.world.instances, i)
		s.world.retag(*i.shown.DBInstanceArn, a.Tags)
		s.world.reckon(c)
	}
	return nil
}

// restart restarts the server of a DB cluster. One that is somebody else's loses its connections, as far as they came by an endpoint.
func (j *job) restart(c *dbCluster, settings map[string]string) error {
	if c.elsewhere == "" {
		return c.server.Restart(j.ctx, settings)
	}
	j.s.locked(func() {
		for _, e := range j.s.world.endpoints.at {
			if e.cluster() == c {
				e.relay.Cut()
			}
		}
	})
	return nil
}
