package aurora

import (
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// knowing are parameters of a family, all of which can be set.
func knowing(names ...string) map[string]types.Parameter {
	known := map[string]types.Parameter{}
	for _, name := range names {
		known[name] = types.Parameter{ParameterName: &name, IsModifiable: aws.Bool(true)}
	}
	return known
}

func TestSizesGoWhereTheyAreInForce(t *testing.T) {
	sizes := map[string]string{"max_wal_senders": "12", "max_worker_processes": "20", "max_replication_slots": "12", "not_known": "1"}
	placed := map[string]bool{}
	cluster := place(sizes, placed, nil, knowing("max_wal_senders", "max_replication_slots"))
	if !maps.Equal(cluster, map[string]string{"max_wal_senders": "12", "max_replication_slots": "12"}) {
		t.Errorf("the cluster's group gets %v", cluster)
	}
	// A user has set one of them for instances, too: that would come before the cluster's.
	set := map[string]types.Parameter{"max_wal_senders": parameter("max_wal_senders", "5")}
	instance := place(sizes, placed, set, knowing("max_wal_senders", "max_replication_slots", "max_worker_processes"))
	if !maps.Equal(instance, map[string]string{"max_wal_senders": "12", "max_worker_processes": "20"}) {
		t.Errorf("the instances' group gets %v", instance)
	}
}

func TestOnlyWhatTheFamilyLetsUsersSetIsCarried(t *testing.T) {
	known := knowing("work_mem", "max_wal_senders")
	known["fixed"] = types.Parameter{IsModifiable: aws.Bool(false)}
	set := map[string]types.Parameter{
		"work_mem": parameter("work_mem", "8192"), "gone": parameter("gone", "1"), "fixed": parameter("fixed", "1"),
		"max_wal_senders": parameter("max_wal_senders", "5"),
	}
	got := map[string]string{}
	for _, p := range merge(set, known, map[string]string{"max_wal_senders": "12"}) {
		got[*p.ParameterName] = *p.ParameterValue
	}
	if !maps.Equal(got, map[string]string{"work_mem": "8192", "max_wal_senders": "12"}) {
		t.Errorf("got %v", got)
	}
}
