package aurora

import "github.com/pgteal/pgteal/internal/rdsstatus"

// hintFor says what can be done about a bad status of what is pgteal's own.
func hintFor(status string) string {
	switch rdsstatus.Normal(status) {
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
