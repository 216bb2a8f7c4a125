package aurora

import "testing"

func TestEveryStatusThatAWSDocumentsIsKnown(t *testing.T) {
	for status, want := range map[string]state{
		"available": good, "Available": good,
		"backing-up": passing, "creating": passing, "failing-over": passing, "maintenance": passing, "modifying": passing, "renaming": passing,
		"resetting-master-credentials": passing, "starting": passing, "storage-optimization": passing, "update-iam-db-auth": passing, "upgrading": passing,
		"cloning-failed": bad, "upgrade_failed": bad, "upgrade-failed": bad, "migration-failed": bad, "failed": bad, "deleting": bad, "stopped": bad,
		"inaccessible-encryption-credentials": bad, "incompatible-parameters": bad, "storage-full": bad, "insufficient-capacity": bad, "restore-error": bad,
		"a-status-of-tomorrow": unknown,
	} {
		if got := lookAt(status, clusterStatuses); got.state != want || got.done != (want == good) {
			t.Errorf("%s of a cluster is %+v, wanted %d", status, got, want)
		}
	}
	for status, want := range map[string]state{
		"Available": good, "Configuring-enhanced-monitoring": passing, "configuring-log-exports": passing, "rebooting": passing,
		"Insufficient-capacity": bad, "Incompatible-network": bad, "incompatible-option-group": bad, "incompatible-restore": bad, "Storage-full": bad,
		"a-status-of-tomorrow": unknown,
	} {
		if got := lookAt(status, instanceStatuses); got.state != want {
			t.Errorf("%s of an instance is %+v, wanted %d", status, got, want)
		}
	}
}

func TestABadStatusComesWithWhatToDo(t *testing.T) {
	for status, s := range clusterStatuses {
		if s == bad && hintFor(status) == "" {
			t.Errorf("nothing is said about %s", status)
		}
	}
}
