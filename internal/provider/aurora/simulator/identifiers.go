package simulator

import (
	"regexp"
	"strings"
)

var wellFormed = regexp.MustCompile(`^[a-z][a-z0-9.-]*$`)

// identifier refuses a name that AWS refuses: letters, digits and hyphens, a letter first, no hyphen last, no two in a row
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html).
func identifier(parameter, name string, longest int) error {
	if !wellFormed.MatchString(name) || strings.HasSuffix(name, "-") || strings.Contains(name, "--") || len(name) > longest {
		return refuseAs(invalidParameterValue, "The parameter %s is not a valid identifier. Identifiers must begin with a letter; must contain only "+
			"ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.", parameter)
	}
	return nil
}

// longestIdentifier is how long the name of a DB cluster or DB instance can be.
const longestIdentifier = 63
