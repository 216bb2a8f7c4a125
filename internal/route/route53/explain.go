package route53

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"github.com/pgteal/pgteal/internal/fault"
)

// explain says what action failed, and what the operator can do about it.
func (r *Route53) explain(action string, err error) error {
	if refused, is := errors.AsType[*types.InvalidChangeBatch](err); is { // its text leaves out what was wrong
		err = fmt.Errorf("%w: %s", err, strings.Join(refused.Messages, " "))
	}
	err = fmt.Errorf("%s: %w", r.name, err)
	if hint := r.hint(action, err); hint != "" {
		return fault.WithHint(err, hint)
	}
	return err
}

// hint says what to do where action fails with err. The codes are those of
// https://docs.aws.amazon.com/Route53/latest/APIReference/CommonErrors.html and of the actions' own pages.
func (r *Route53) hint(action string, err error) string {
	answer, answered := errors.AsType[smithy.APIError](err)
	if !answered {
		if strings.Contains(err.Error(), "get credentials") {
			return "Give pgteal AWS credentials: `profile` in pgteal.yaml, the variables AWS_*, or a role of this machine. To look: aws sts get-caller-identity"
		}
		return "See whether this host reaches Route 53's API, route53.amazonaws.com by HTTPS, or what AWS_ENDPOINT_URL_ROUTE_53 names."
	}
	switch answer.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "NotAuthorized":
		resource := "hostedzone/" + r.Zone
		if action == "GetChange" {
			resource = "change/*"
		}
		return fmt.Sprintf("Allow the IAM action route53:%s on arn:aws:route53:::%s; docs/route53.md has the whole policy.", action, resource)
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "The AWS credentials have expired. Renew them, as with aws sso login, and run the same command again."
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException",
		"MissingAuthenticationToken", "IncompleteSignature":
		return "See to the AWS credentials and to this host's clock. To look: aws sts get-caller-identity"
	case "NoSuchHostedZone":
		return "Name the hosted zone's id in `zone`, and the account that has it in `profile`. To look: aws route53 list-hosted-zones"
	case "Throttling", "ThrottlingException", "PriorRequestNotComplete":
		return "Something else makes many requests to Route 53 in this account, which takes five a second. Run the same command again."
	default:
		return ""
	}
}
