package aurora

import "strings"

// state is what a status means for somebody who waits for a thing to be available.
type state int

const (
	unknown state = iota // a status that is in no table: AWS has got a new one
	passing              // it passes by itself
	good                 // available
	bad                  // it does not pass without somebody who does something
)

// clusterStatuses are those of DB clusters: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html#Aurora.Status,
// and some that only the API shows.
var clusterStatuses = map[string]state{
	"available":                     good,
	"backing-up":                    passing,
	"backtracking":                  passing,
	"configuring-iam-database-auth": passing,
	"configuring-log-exports":       passing,
	"creating":                      passing,
	"failing-over":                  passing,
	"maintenance":                   passing,
	"migrating":                     passing,
	"modifying":                     passing,
	"preparing-data-migration":      passing,
	"promoting":                     passing,
	"rebooting":                     passing,
	"renaming":                      passing,
	"resetting-master-credentials":  passing,
	"scaling-capacity":              passing,
	"scaling-compute":               passing,
	"scaling-storage":               passing,
	"starting":                      passing,
	"storage-optimization":          passing,
	"update-iam-db-auth":            passing,
	"upgrading":                     passing,

	"cloning-failed":                      bad,
	"deleting":                            bad,
	"failed":                              bad,
	"inaccessible-encryption-credentials": bad,
	"inaccessible-encryption-credentials-recoverable": bad,
	"incompatible-credentials":                        bad,
	"incompatible-network":                            bad,
	"incompatible-option-group":                       bad,
	"incompatible-parameters":                         bad,
	"incompatible-restore":                            bad,
	"insufficient-capacity":                           bad,
	"migration-failed":                                bad,
	"restore-error":                                   bad,
	"restore-failed":                                  bad,
	"stopped":                                         bad,
	"stopping":                                        bad,
	"storage-full":                                    bad,
	"upgrade-failed":                                  bad,
}

// instanceStatuses are those of DB instances:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html#Overview.DBInstance.Status.
var instanceStatuses = map[string]state{
	"available":                       good,
	"backing-up":                      passing,
	"backtracking":                    passing,
	"configuring-associated-roles":    passing,
	"configuring-enhanced-monitoring": passing,
	"configuring-iam-database-auth":   passing,
	"configuring-log-exports":         passing,
	"converting-to-vpc":               passing,
	"creating":                        passing,
	"maintenance":                     passing,
	"modifying":                       passing,
	"moving-to-vpc":                   passing,
	"rebooting":                       passing,
	"renaming":                        passing,
	"resetting-master-credentials":    passing,
	"starting":                        passing,
	"storage-config-upgrade":          passing,
	"storage-initialization":          passing,
	"storage-optimization":            passing,
	"upgrading":                       passing,

	"delete-precheck":                     bad,
	"deleting":                            bad,
	"failed":                              bad,
	"inaccessible-encryption-credentials": bad,
	"inaccessible-encryption-credentials-recoverable": bad,
	"incompatible-create":                             bad,
	"incompatible-network":                            bad,
	"incompatible-option-group":                       bad,
	"incompatible-parameters":                         bad,
	"incompatible-restore":                            bad,
	"insufficient-capacity":                           bad,
	"restore-error":                                   bad,
	"stopped":                                         bad,
	"stopping":                                        bad,
	"storage-full":                                    bad,
	"upgrade-failed":                                  bad,
}

// normal is a status as the tables have it: AWS writes some with capitals, and upgrade_failed in two ways.
func normal(status string) string { return strings.ReplaceAll(strings.ToLower(status), "_", "-") }

// hintFor says what can be done about a bad status of what is pgteal's own.
func hintFor(status string) string {
	switch normal(status) {
	case "deleting", "delete-precheck":
		return "Somebody deletes it. pgteal abort takes the rest back; then prepare again."
	case "stopped", "stopping":
		return "Somebody stopped it. Start it (aws rds start-db-cluster), and run the same command again."
	case "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable":
		return "AWS cannot use the KMS key that it is encrypted with. Enable the key and its grants, and run the same command again."
	case "incompatible-parameters":
		return "Its parameter group holds a value with which it does not start: aws rds describe-events names it. " +
			"Mend blue's, then pgteal abort and prepare again."
	case "incompatible-network", "insufficient-capacity":
		return "AWS lacks room for it: addresses in a subnet, or the instance class (aurora.instance_class). Then pgteal abort and prepare again."
	default:
		return "aws rds describe-events says more. pgteal abort takes it back; blue is untouched."
	}
}
