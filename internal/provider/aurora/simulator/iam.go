package simulator

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// tokenAddress is where the servers ask whether a token is right.
func (s *Simulator) tokenAddress() string {
	return net.JoinHostPort("127.33.0.1", strconv.Itoa(s.port))
}

// token tells whether a token of IAM lets a role in
// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.Connecting.html): the address of a request that is
// signed and not sent. name is the base of the server's directory and the role.
func (s *Simulator) token(name, token string) bool {
	directory, role, _ := strings.Cut(name, "/")
	request, err := url.Parse("https://" + token)
	if err != nil {
		return false
	}
	known := false
	s.locked(func() {
		for address, e := range s.world.endpoints.at {
			c := e.cluster()
			if c != nil && c.server != nil && filepath.Base(c.server.Directory) == directory && value(c.shown.IAMDatabaseAuthenticationEnabled) &&
				request.Host == net.JoinHostPort(address, strconv.Itoa(s.port)) {
				known = true
			}
		}
	})
	q := request.Query()
	made, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	seconds, notNumber := strconv.Atoi(q.Get("X-Amz-Expires"))
	const longest = 900 // seconds
	if !known || err != nil || notNumber != nil || seconds > longest || time.Since(made) > time.Duration(seconds)*time.Second ||
		q.Get("Action") != "connect" || q.Get("DBUser") != role {
		return false
	}
	return s.presigned(request, made) == token
}

// presigned makes a token again.
func (s *Simulator) presigned(request *url.URL, made time.Time) string {
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // the SHA-256 of no body
	given := request.Query()
	unsigned := url.Values{}
	for _, name := range []string{"Action", "DBUser", "X-Amz-Expires"} {
		unsigned.Set(name, given.Get(name))
	}
	again, err := http.NewRequestWithContext(s.ctx, http.MethodGet, "https://"+request.Host+request.Path+"?"+unsigned.Encode(), http.NoBody)
	if err != nil {
		return ""
	}
	credentials := aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}
	signed, _, err := v4.NewSigner().PresignHTTP(context.WithoutCancel(s.ctx), credentials, again, nothing, "rds-db", s.options.Region, made)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(signed, "https://")
}
