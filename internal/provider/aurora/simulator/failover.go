package simulator

import (
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// promote makes a DB instance the writer.
func (w *world) promote(i *dbInstance) {
	members := []types.DBClusterMember{{DBInstanceIdentifier: i.shown.DBInstanceIdentifier, IsClusterWriter: ptr(true)}}
	i.cluster.shown.DBClusterMembers = members
	w.reckon(i.cluster)
}

func (s *Simulator) failoverDBCluster(q *call, in *rds.FailoverDBClusterInput) (*rds.FailoverDBClusterOutput, error) {
	c, err := s.world.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := s.world.idle(c); err != nil {
		return nil, err
	}
	var heir *dbInstance
	for _, i := range s.world.members(c) {
		wanted := in.TargetDBInstanceIdentifier == nil || *in.TargetDBInstanceIdentifier == *i.shown.DBInstanceIdentifier
		if wanted && i != s.world.writer(c) && i.status() == available &&
			(heir == nil || value(i.shown.PromotionTier) < value(heir.shown.PromotionTier)) {
			heir = i
		}
	}
	if heir == nil {
		return nil, refuse(schemas.InvalidDBClusterStateFault, "Cannot failover DB cluster %s: it has no reader to fail over to.",
			*c.shown.DBClusterIdentifier)
	}
	c.setStatus("failing-over")
	s.begin(q, c, func(j *job) error {
		if err := j.pass("failing-over", c); err != nil {
			return err
		}
		if err := c.server.Kill(j.ctx); err != nil { // nobody takes leave of a writer that is gone
			return err
		}
		s.locked(func() { s.world.promote(heir) })
		if err := j.reboot(heir); err != nil {
			return err
		}
		s.locked(func() {
			c.setStatus(available)
			s.world.event(dbClusterSource, *c.shown.DBClusterIdentifier,
				"Completed failover to DB instance: "+*heir.shown.DBInstanceIdentifier, "failover")
		})
		return nil
	})
	return &rds.FailoverDBClusterOutput{DBCluster: &c.shown}, nil
}

func (s *Simulator) stopDBCluster(q *call, in *rds.StopDBClusterInput) (*rds.StopDBClusterOutput, error) {
	c, err := s.world.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := s.world.idle(c); err != nil {
		return nil, err
	}
	if err := s.world.allAvailable(c); err != nil {
		return nil, err
	}
	c.due = true
	everything := s.all(c)
	s.begin(q, c, func(j *job) error {
		if err := j.pass("stopping", everything...); err != nil {
			return err
		}
		s.locked(func() { c.serving = false })
		if err := c.server.Stop(j.ctx); err != nil {
			return err
		}
		s.locked(func() {
			for _, thing := range everything {
				thing.setStatus("stopped")
			}
		})
		return nil
	})
	return &rds.StopDBClusterOutput{DBCluster: &c.shown}, nil
}

func (s *Simulator) startDBCluster(q *call, in *rds.StartDBClusterInput) (*rds.StartDBClusterOutput, error) {
	c, err := s.world.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if c.status() != "stopped" {
		return nil, refuse(schemas.InvalidDBClusterStateFault, "DbCluster %s is in %s state but expected it to be one of stopped.",
			*c.shown.DBClusterIdentifier, c.status())
	}
	everything, settings := s.all(c), s.inForce(c)
	s.begin(q, c, func(j *job) error {
		if err := j.pass("starting", everything...); err != nil {
			return err
		}
		if err := c.server.Start(j.ctx, settings); err != nil {
			return err
		}
		s.locked(func() {
			c.settings, c.serving = settings, len(s.world.members(c)) > 0
			for _, i := range s.world.members(c) {
				i.groupStatus = inSync
				i.shown.DBParameterGroups[0].ParameterApplyStatus = ptr(inSync)
			}
			s.world.reckon(c)
			for _, thing := range everything {
				thing.setStatus(available)
			}
		})
		return nil
	})
	return &rds.StartDBClusterOutput{DBCluster: &c.shown}, nil
}

// all is a DB cluster with its members.
func (s *Simulator) all(c *dbCluster) []statused {
	all := []statused{c}
	for _, i := range s.world.members(c) {
		all = append(all, i)
	}
	return all
}
