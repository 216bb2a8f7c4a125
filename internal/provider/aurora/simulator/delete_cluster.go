package simulator

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/engine"
)

func (s *Simulator) deleteDBCluster(q *call, in *rds.DeleteDBClusterInput) (*rds.DeleteDBClusterOutput, error) {
	c, err := s.world.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	name := *c.shown.DBClusterIdentifier
	switch {
	case value(c.shown.DeletionProtection):
		return nil, refuseAs(invalidParameterCombination, "Cannot delete protected Cluster, please disable deletion protection and try again.")
	case c.status() == deleting || c.moving():
		return nil, refuse(schemas.InvalidDBClusterStateFault, "DB cluster %s cannot be deleted: it is %s.", name, c.status())
	case value(in.SkipFinalSnapshot) && in.FinalDBSnapshotIdentifier != nil:
		return nil, refuseAs(invalidParameterCombination, "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is.")
	case !value(in.SkipFinalSnapshot) && in.FinalDBSnapshotIdentifier == nil:
		return nil, refuseAs(invalidParameterCombination, "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
	}
	for _, i := range s.world.members(c) {
		if i.status() != deleting {
			return nil, refuse(schemas.InvalidDBClusterStateFault, "Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
		}
	}
	if in.FinalDBSnapshotIdentifier != nil {
		snapshot, err := s.snapshot(c, *in.FinalDBSnapshotIdentifier, nil)
		if err != nil {
			return nil, err
		}
		snapshot.Status = ptr(available)
	}
	c.setStatus(deleting)
	s.begin(q, c, func(j *job) error {
		if err := j.pass(deleting, c); err != nil {
			return err
		}
		if err := j.membersGone(c); err != nil {
			return err
		}
		return j.removeCluster(c)
	})
	return &rds.DeleteDBClusterOutput{DBCluster: &c.shown}, nil
}

// membersGone waits for the DB instances that are being deleted.
func (j *job) membersGone(c *dbCluster) error {
	const look = 20 * time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		gone := false
		j.s.locked(func() { gone = len(j.s.world.members(c)) == 0 })
		if gone {
			return nil
		}
		select {
		case <-tick.C:
		case <-j.ctx.Done():
			return j.ctx.Err()
		}
	}
}

func (j *job) removeCluster(c *dbCluster) error {
	if c.server != nil { // a fault may have ended its making
		if err := c.server.Remove(j.ctx); err != nil {
			return err
		}
	}
	j.s.locked(func() {
		w := &j.s.world
		w.servers = slices.DeleteFunc(w.servers, func(other *engine.Server) bool { return other == c.server })
		w.clusters = slices.DeleteFunc(w.clusters, func(other *dbCluster) bool { return other == c })
		delete(w.tags, *c.shown.DBClusterArn)
		*c.clones--
		j.s.release(*c.shown.Endpoint)
		j.s.release(*c.shown.ReaderEndpoint)
		w.event(dbClusterSource, *c.shown.DBClusterIdentifier, "DB cluster deleted", "deletion")
	})
	return nil
}
