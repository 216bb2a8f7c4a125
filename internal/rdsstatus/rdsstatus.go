// Package rdsstatus knows the statuses that Amazon RDS gives to what it keeps.
package rdsstatus

import "strings"

// State is what a status means for somebody who waits for a thing to be available.
type State int

// The states.
const (
	Unknown State = iota // a status that is in no table: AWS has got a new one
	Passing              // it passes by itself
	Good                 // available
	Bad                  // it does not pass without somebody who does something
)

// OfCluster is the state of a DB cluster with a status.
func OfCluster(status string) State { return clusterStatuses[Normal(status)] }

// OfInstance is the state of a DB instance with a status.
func OfInstance(status string) State { return instanceStatuses[Normal(status)] }

// Normal is a status as AWS's documentation has it: the API writes some with capitals, and upgrade_failed in two ways.
func Normal(status string) string { return strings.ReplaceAll(strings.ToLower(status), "_", "-") }

// clusterStatuses are those of DB clusters: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html#Aurora.Status,
// and some that only the API shows.
var clusterStatuses = map[string]State{
	"available":                     Good,
	"backing-up":                    Passing,
	"backtracking":                  Passing,
	"configuring-iam-database-auth": Passing,
	"configuring-log-exports":       Passing,
	"creating":                      Passing,
	"failing-over":                  Passing,
	"maintenance":                   Passing,
	"migrating":                     Passing,
	"modifying":                     Passing,
	"preparing-data-migration":      Passing,
	"promoting":                     Passing,
	"rebooting":                     Passing,
	"renaming":                      Passing,
	"resetting-master-credentials":  Passing,
	"scaling-capacity":              Passing,
	"scaling-compute":               Passing,
	"scaling-storage":               Passing,
	"starting":                      Passing,
	"storage-optimization":          Passing,
	"update-iam-db-auth":            Passing,
	"upgrading":                     Passing,

	"cloning-failed":                      Bad,
	"deleting":                            Bad,
	"failed":                              Bad,
	"inaccessible-encryption-credentials": Bad,
	"inaccessible-encryption-credentials-recoverable": Bad,
	"incompatible-credentials":                        Bad,
	"incompatible-network":                            Bad,
	"incompatible-option-group":                       Bad,
	"incompatible-parameters":                         Bad,
	"incompatible-restore":                            Bad,
	"insufficient-capacity":                           Bad,
	"migration-failed":                                Bad,
	"restore-error":                                   Bad,
	"restore-failed":                                  Bad,
	"stopped":                                         Bad,
	"stopping":                                        Bad,
	"storage-full":                                    Bad,
	"upgrade-failed":                                  Bad,
}

// instanceStatuses are those of DB instances:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html#Overview.DBInstance.Status.
var instanceStatuses = map[string]State{
	"available":                       Good,
	"backing-up":                      Passing,
	"backtracking":                    Passing,
	"configuring-associated-roles":    Passing,
	"configuring-enhanced-monitoring": Passing,
	"configuring-iam-database-auth":   Passing,
	"configuring-log-exports":         Passing,
	"converting-to-vpc":               Passing,
	"creating":                        Passing,
	"maintenance":                     Passing,
	"modifying":                       Passing,
	"moving-to-vpc":                   Passing,
	"rebooting":                       Passing,
	"renaming":                        Passing,
	"resetting-master-credentials":    Passing,
	"starting":                        Passing,
	"storage-config-upgrade":          Passing,
	"storage-initialization":          Passing,
	"storage-optimization":            Passing,
	"upgrading":                       Passing,

	"delete-precheck":                     Bad,
	"deleting":                            Bad,
	"failed":                              Bad,
	"inaccessible-encryption-credentials": Bad,
	"inaccessible-encryption-credentials-recoverable": Bad,
	"incompatible-create":                             Bad,
	"incompatible-network":                            Bad,
	"incompatible-option-group":                       Bad,
	"incompatible-parameters":                         Bad,
	"incompatible-restore":                            Bad,
	"insufficient-capacity":                           Bad,
	"restore-error":                                   Bad,
	"stopped":                                         Bad,
	"stopping":                                        Bad,
	"storage-full":                                    Bad,
	"upgrade-failed":                                  Bad,
}
