package rdsapi

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/pgteal/pgteal/internal/fault"
)

// Failed says what the route could not do because an action failed, and what the operator can do about it.
func (a *API) Failed(doing, action string, err error) error {
	err = fmt.Errorf("%s: %s: %w", a.route, doing, err)
	if hint := hint(action, err); hint != "" {
		return fault.WithHint(err, hint)
	}
	return err
}

// hint says what to do where an action fails with err. The codes are those of the actions' own pages and of
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html.
func hint(action string, err error) string {
	answer, answered := errors.AsType[smithy.APIError](err)
	if !answered {
		if strings.Contains(err.Error(), "get credentials") {
			return "Give pgteal AWS credentials: aurora.profile, the variables AWS_*, or a role of this machine. To look: aws sts get-caller-identity"
		}
		return "See whether this host reaches the region's API by HTTPS, or what AWS_ENDPOINT_URL names. The same command goes on."
	}
	switch answer.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation":
		return fmt.Sprintf("Allow the IAM action rds:%s; the route's page in docs/ has the whole policy.", action)
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "The AWS credentials have expired. Renew them, as with aws sso login, and run the same command again: it goes on where it is."
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException",
		"MissingAuthenticationToken", "IncompleteSignature":
		return "See to the AWS credentials and to this host's clock. To look: aws sts get-caller-identity"
	case "Throttling", "ThrottlingException", "RequestLimitExceeded":
		return "Something else makes many requests to AWS in this account and region. Run the same command again: it goes on where it is."
	case "InsufficientAvailableIPsInSubnetFault":
		return "Free addresses in the proxy's subnets, and run the same command again: it goes on where it is."
	case "InvalidDBClusterStateFault", "InvalidDBInstanceState", "InvalidDBProxyStateFault":
		return "Something else changes it at the moment. Run the same command again when it is available."
	default:
		return ""
	}
}
