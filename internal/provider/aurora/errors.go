package aurora

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/pgteal/pgteal/internal/fault"
)

// codeOf is AWS's code of an error, "" where AWS has not answered.
func codeOf(err error) string {
	if answer, is := errors.AsType[smithy.APIError](err); is {
		return answer.ErrorCode()
	}
	return ""
}

// is tells whether AWS has answered with one of codes.
func is(err error, codes ...string) bool { return err != nil && slices.Contains(codes, codeOf(err)) }

// expired tells that credentials were good and are no longer
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html).
func expired(err error) bool {
	return is(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired")
}

// failed says what could not be done, to which object, and what the operator can do about it.
func failed(doing, object string, err error) error {
	err = fmt.Errorf("%s %q: %w", doing, object, err)
	if hint := hint(err); hint != "" {
		return fault.WithHint(err, hint)
	}
	return err
}

// hint says what to do where an action fails with err. The codes are those of the actions' pages in
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Operations.html and of CommonErrors there.
func hint(err error) string {
	code := codeOf(err)
	switch code {
	case "":
		switch text := err.Error(); {
		case strings.Contains(text, "get credentials"):
			return "Give pgteal AWS credentials: aurora.profile, the variables AWS_*, or a role of this machine. To look: aws sts get-caller-identity"
		case strings.Contains(text, "operation error"):
			return "See whether this host reaches the region's API by HTTPS, or what AWS_ENDPOINT_URL names. The same command goes on."
		}
		return ""
	case "AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation":
		return "Allow the action with the policy in docs/aurora.md."
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "Renew the AWS credentials, as with aws sso login, and run the same command again: it goes on where it is."
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException",
		"MissingAuthenticationToken", "IncompleteSignature", "AuthFailure":
		return "See to the AWS credentials and to this host's clock. To look: aws sts get-caller-identity"
	case "Throttling", "ThrottlingException", "RequestLimitExceeded":
		return "Something else makes many requests to AWS in this account and region. Run the same command again: it goes on where it is."
	case "DBClusterQuotaExceededFault", "InstanceQuotaExceeded", "DBParameterGroupQuotaExceeded", "StorageQuotaExceeded", "SnapshotQuotaExceeded":
		return "Remove what is not needed, or ask Service Quotas for more; then run the same command again: it goes on where it is."
	case "InsufficientDBInstanceCapacity", "InsufficientDBClusterCapacityFault", "InsufficientStorageClusterCapacity":
		return "AWS is out of that instance class at the moment. Try later, or name another one in aurora.instance_class."
	case "InvalidDBParameterGroupState":
		return "Something else uses the parameter group. Give that another one, and run the same command again."
	case "KMSKeyNotAccessibleFault":
		return "Let these credentials use blue's KMS key (kms:CreateGrant, kms:DescribeKey)."
	case "InvalidDBClusterStateFault", "InvalidDBInstanceState":
		return "Something else changes it at the moment. Run the same command again when it is available."
	default:
		return ""
	}
}
