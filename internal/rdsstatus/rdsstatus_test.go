package rdsstatus

import "testing"

func TestEveryStatusThatAWSDocumentsIsKnown(t *testing.T) {
	for status, want := range map[string]State{
		"available": Good, "Available": Good,
		"backing-up": Passing, "creating": Passing, "failing-over": Passing, "maintenance": Passing, "modifying": Passing, "renaming": Passing,
		"resetting-master-credentials": Passing, "starting": Passing, "storage-optimization": Passing, "update-iam-db-auth": Passing, "upgrading": Passing,
		"cloning-failed": Bad, "upgrade_failed": Bad, "upgrade-failed": Bad, "migration-failed": Bad, "failed": Bad, "deleting": Bad, "stopped": Bad,
		"inaccessible-encryption-credentials": Bad, "incompatible-parameters": Bad, "storage-full": Bad, "insufficient-capacity": Bad, "restore-error": Bad,
		"a-status-of-tomorrow": Unknown,
	} {
		if got := OfCluster(status); got != want {
			t.Errorf("%s of a cluster is %d, wanted %d", status, got, want)
		}
	}
	for status, want := range map[string]State{
		"Available": Good, "Configuring-enhanced-monitoring": Passing, "configuring-log-exports": Passing, "rebooting": Passing,
		"Insufficient-capacity": Bad, "Incompatible-network": Bad, "incompatible-option-group": Bad, "incompatible-restore": Bad, "Storage-full": Bad,
		"a-status-of-tomorrow": Unknown,
	} {
		if got := OfInstance(status); got != want {
			t.Errorf("%s of an instance is %d, wanted %d", status, got, want)
		}
	}
}
