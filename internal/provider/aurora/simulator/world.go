package simulator

import (
	"maps"
	"slices"
	"strings"

	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/engine"
)

// world is all that there is. Simulator.mu guards it.
type world struct {
	versions       []engineVersion
	definitions    map[int][]definition // by major, as far as they were asked for
	clusters       []*dbCluster
	instances      []*dbInstance
	groups         []*parameterGroup
	snapshots      []*types.DBClusterSnapshot
	events         []types.Event
	tags           map[string][]types.Tag       // by ARN
	secrets        map[string]map[string]string // of Secrets Manager, by ARN
	servers        []*engine.Server             // all that were ever made and are not removed
	subscriptions  []*types.EventSubscription
	proxies        []*dbProxy
	securityGroups map[string][]Rule
	peerings       []Peering
	targetsToScale []scaling.ScalableTarget
	policies       []scaling.ScalingPolicy
	quotas         map[string]int64

	endpoints endpoints
	places    int // servers made so far
	resources int // resource identifiers given so far

	faults   []Fault
	mended   chan struct{} // closed by Mend
	calls    []Call
	requests int
}

func newWorld(versions []engineVersion) world {
	return world{
		versions: versions, definitions: map[int][]definition{}, mended: make(chan struct{}),
		tags: map[string][]types.Tag{}, secrets: map[string]map[string]string{},
		securityGroups: map[string][]Rule{defaultSecurityGroup: ownGroup()},
		quotas:         usualQuotas(),
		endpoints:      endpoints{at: map[string]*endpoint{}},
	}
}

// dbCluster is a DB cluster: what is shown of it, and what is behind it.
type dbCluster struct {
	shown    types.DBCluster
	server   *engine.Server // nil until its storage is there
	due      bool           // a modification was taken that its status does not show yet
	serving  bool           // its server runs for clients
	settings map[string]string
	files    []logFile // besides the server's log
	clones   *int      // how many clusters share its storage, itself included; shared by them

	elsewhere string // address of a server that Adopt took, which has no server here; else ""
}

// dbInstance is a DB instance of a DB cluster.
type dbInstance struct {
	shown       types.DBInstance
	cluster     *dbCluster
	groupStatus string // of the cluster's parameter group on this member
	busy        bool   // it is being modified, whatever its status says yet
}

func (c *dbCluster) setStatus(status string)  { c.shown.Status, c.due = &status, false }
func (i *dbInstance) setStatus(status string) { i.shown.DBInstanceStatus = &status }

func (c *dbCluster) status() string  { return *c.shown.Status }
func (i *dbInstance) status() string { return *i.shown.DBInstanceStatus }

const (
	available     = "available"
	creating      = "creating"
	modifying     = "modifying"
	upgrading     = "upgrading"
	renaming      = "renaming"
	rebooting     = "rebooting"
	deleting      = "deleting"
	pendingReboot = "pending-reboot"
	inSync        = "in-sync"
)

// cluster finds a DB cluster. Identifiers are the same in lower and upper case.
func (w *world) cluster(identifier *string) (*dbCluster, error) {
	for _, c := range w.clusters {
		if identifier != nil && strings.EqualFold(*c.shown.DBClusterIdentifier, *identifier) {
			return c, nil
		}
	}
	return nil, refuse(schemas.DBClusterNotFoundFault, "DBCluster %s not found.", value(identifier))
}

func (w *world) instance(identifier *string) (*dbInstance, error) {
	for _, i := range w.instances {
		if identifier != nil && strings.EqualFold(*i.shown.DBInstanceIdentifier, *identifier) {
			return i, nil
		}
	}
	return nil, refuse(schemas.DBInstanceNotFoundFault, "DBInstance %s not found.", value(identifier))
}

// members are the DB instances of a DB cluster, in the order in which they were made.
func (w *world) members(c *dbCluster) (members []*dbInstance) {
	for _, i := range w.instances {
		if i.cluster == c {
			members = append(members, i)
		}
	}
	return members
}

// idle refuses what cannot be done to a DB cluster now.
func (w *world) idle(c *dbCluster) error {
	if c.due || c.status() != available {
		return refuse(schemas.InvalidDBClusterStateFault, "DB cluster %s is not in the available state: it is %s.",
			*c.shown.DBClusterIdentifier, c.status())
	}
	return nil
}

// moving tells whether something is being done to a DB cluster.
func (c *dbCluster) moving() bool {
	return c.due || slices.Contains([]string{
		creating, upgrading, renaming, modifying, "failing-over", "backing-up", "starting", "stopping", "resetting-master-credentials",
	}, c.status())
}

// allAvailable refuses what every member has to be available for.
func (w *world) allAvailable(c *dbCluster) error {
	for _, i := range w.members(c) {
		if i.status() != available {
			return refuse(schemas.InvalidDBInstanceStateFault, "Database instance %s is not in available state.", *i.shown.DBInstanceIdentifier)
		}
	}
	return nil
}

// writer is the DB instance that writes, nil where there is none.
func (w *world) writer(c *dbCluster) *dbInstance {
	for _, m := range c.shown.DBClusterMembers {
		if *m.IsClusterWriter {
			for _, i := range w.members(c) {
				if *i.shown.DBInstanceIdentifier == *m.DBInstanceIdentifier {
					return i
				}
			}
		}
	}
	return nil
}

// reckon brings what is shown of a DB cluster's members up to date.
func (w *world) reckon(c *dbCluster) {
	writer := w.writer(c)
	members := w.members(c)
	if writer == nil && len(members) > 0 {
		writer = members[0]
	}
	c.shown.DBClusterMembers = nil
	for _, i := range members {
		c.shown.DBClusterMembers = append(c.shown.DBClusterMembers, types.DBClusterMember{
			DBInstanceIdentifier: i.shown.DBInstanceIdentifier, PromotionTier: i.shown.PromotionTier,
			IsClusterWriter: ptr(i == writer), DBClusterParameterGroupStatus: ptr(i.groupStatus),
		})
	}
}

// retag replaces tags of a resource, and adds those it did not have.
func (w *world) retag(arn string, tags []types.Tag) {
	have := map[string]string{}
	for _, tag := range append(slices.Clone(w.tags[arn]), tags...) {
		have[value(tag.Key)] = value(tag.Value)
	}
	w.tags[arn] = []types.Tag{}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		w.tags[arn] = append(w.tags[arn], types.Tag{Key: ptr(key), Value: ptr(have[key])})
	}
}

// ptr makes a value what the SDK's types hold.
func ptr[T any](v T) *T { return &v }

// value is what the SDK's types hold, the zero value where they hold nothing.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// or is p, or a pointer to otherwise where p holds nothing.
func or[T any](p *T, otherwise T) *T {
	if p == nil {
		return &otherwise
	}
	return p
}
