package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var authorization = regexp.MustCompile(
	`^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$`)

// signed makes the signature of a request again, out of what it says it covers, and returns the service it was made for.
func (s *Simulator) signed(q *http.Request, body []byte) (service string, err error) {
	given := q.Header.Get("Authorization")
	if given == "" {
		return "", &refusal{http.StatusForbidden, "MissingAuthenticationToken", "Missing Authentication Token"}
	}
	m := authorization.FindStringSubmatch(given)
	date, notDate := time.Parse("20060102T150405Z", q.Header.Get("X-Amz-Date"))
	if m == nil || notDate != nil {
		return "", &refusal{http.StatusForbidden, "IncompleteSignature", "The request signature does not conform to AWS standards."}
	}
	service = m[4]
	if m[1] != AccessKey || m[3] != s.options.Region {
		return service, &refusal{http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."}
	}
	again := q.Clone(q.Context())
	again.Header, again.URL.Host, again.ContentLength = http.Header{}, q.Host, 0
	for name := range strings.SplitSeq(m[5], ";") {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = q.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = q.Header.Values(name)
		}
	}
	hash := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}
	err = v4.NewSigner().SignHTTP(context.WithoutCancel(q.Context()), credentials, again, hex.EncodeToString(hash[:]), service, m[3], date)
	if err != nil || again.Header.Get("Authorization") != given {
		return service, &refusal{
			http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided.",
		}
	}
	return service, nil
}
