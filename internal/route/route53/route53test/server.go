// Package route53test speaks the part of Amazon Route 53's API that pgteal uses, over HTTP, and answers DNS queries from the records it has.
// It refuses what Route 53 refuses (https://docs.aws.amazon.com/Route53/latest/APIReference/Welcome.html), and asks for a valid signature.
package route53test

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The only hosted zone there is, and the only credentials that are taken.
const (
	Zone      = "Z0123456789ABCDEFGHIJ"
	Apex      = "example.com."
	AccessKey = "AKIAPGTEALEXAMPLE"
	SecretKey = "a-secret-key-that-must-never-be-shown" //nolint:gosec // it opens nothing
)

// Server is the API, with the records of the zone.
type Server struct {
	URL string

	mu       sync.Mutex
	sets     []Set
	changes  map[string]int // how often each change is still said to be pending
	pending  int
	page     int
	failures []failure
	requests []string
	name     *resolver
}

type failure struct {
	action, code string
	status       int
	times        int // how often; -1 always
	afterwards   bool
}

// Start starts a server whose zone has sets besides its own NS and SOA, and makes it what the AWS SDK uses in this test.
func Start(t testing.TB, sets ...Set) *Server {
	t.Helper()
	s := &Server{changes: map[string]int{}, page: 100, sets: append([]Set{
		{Name: Apex, Type: "NS", TTL: 172800, Values: []string{"ns-1.awsdns-01.org."}},
		{Name: Apex, Type: "SOA", TTL: 900, Values: []string{"ns-1.awsdns-01.org. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"}},
	}, sets...)}
	server := httptest.NewServer(s.mux())
	t.Cleanup(server.Close)
	s.URL = server.URL
	s.name = serveDNS(t, s)
	missing := t.TempDir() + "/none"
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_ROUTE_53": s.URL, "AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": SecretKey, "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": missing, "AWS_SHARED_CREDENTIALS_FILE": missing, "AWS_PROFILE": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	return s
}

// Sets returns what the zone has of name.
func (s *Server) Sets(name string) (sets []Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, set := range s.sets {
		if set.Name == name {
			sets = append(sets, set)
		}
	}
	return sets
}

// Put makes sets all that the zone has of name.
func (s *Server) Put(name string, sets ...Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sets = append(slices.DeleteFunc(s.sets, func(set Set) bool { return set.Name == name }), sets...)
}

// Pend makes each later change pending for as many looks at it.
func (s *Server) Pend(looks int) { s.locked(func() { s.pending = looks }) }

// Page makes lists come in pages of n record sets.
func (s *Server) Page(n int) { s.locked(func() { s.page = n }) }

// Fail lets the next calls of action, as many as times says, fail; all of them where times is -1.
func (s *Server) Fail(action, code string, status, times int) {
	s.locked(func() {
		s.failures = append(s.failures, failure{action: action, code: code, status: status, times: times})
	})
}

// LoseAnswer carries out the next call of action and answers it as if it had failed for a moment.
func (s *Server) LoseAnswer(action string) {
	s.FailAfterwards(action, "ServiceUnavailable", http.StatusServiceUnavailable)
}

// FailAfterwards carries out the next call of action and answers it as if it had failed.
func (s *Server) FailAfterwards(action, code string, status int) {
	s.locked(func() {
		s.failures = append(s.failures, failure{action: action, code: code, status: status, times: 1, afterwards: true})
	})
}

// Requests returns the actions that were called, and forgets them.
func (s *Server) Requests() (requests []string) {
	s.locked(func() { requests, s.requests = s.requests, nil })
	return requests
}

func (s *Server) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func (s *Server) mux() http.Handler {
	mux := http.NewServeMux()
	for pattern, action := range map[string]struct {
		name string
		do   func(*http.Request) (any, *refusal)
	}{
		"GET /2013-04-01/hostedzone/{id}/rrset":  {"ListResourceRecordSets", s.list},
		"POST /2013-04-01/hostedzone/{id}/rrset": {"ChangeResourceRecordSets", s.change},
		"GET /2013-04-01/change/{id}":            {"GetChange", s.getChange},
	} {
		handle := func(w http.ResponseWriter, q *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests = append(s.requests, action.name)
			answer, refused := s.answer(action.name, action.do, q)
			if refused != nil {
				refused.write(w)
				return
			}
			w.Header().Set("Content-Type", "text/xml")
			_, _ = w.Write([]byte(xml.Header))
			_ = xml.NewEncoder(w).Encode(answer) // the client sees what is missing
		}
		mux.HandleFunc(pattern, handle)
		mux.HandleFunc(pattern+"/{$}", handle)
	}
	return mux
}

func (s *Server) answer(action string, do func(*http.Request) (any, *refusal), q *http.Request) (any, *refusal) {
	if refused := signed(q); refused != nil {
		return nil, refused
	}
	for i := range s.failures {
		f := &s.failures[i]
		if f.action != action || f.times == 0 {
			continue
		}
		f.times--
		if f.afterwards {
			_, _ = do(q)
		}
		return nil, &refusal{status: f.status, code: f.code, messages: []string{"so it was asked for"}}
	}
	if id := q.PathValue("id"); strings.HasPrefix(q.URL.Path, "/2013-04-01/hostedzone/") && id != Zone {
		return nil, refuse(http.StatusNotFound, "NoSuchHostedZone", "No hosted zone found with ID: "+id)
	}
	return do(q)
}

// signed makes the signature again, out of what it says it covers.
func signed(q *http.Request) *refusal {
	given := q.Header.Get("Authorization")
	if given == "" {
		return refuse(http.StatusForbidden, "MissingAuthenticationToken", "Missing Authentication Token")
	}
	date, err := time.Parse("20060102T150405Z", q.Header.Get("X-Amz-Date"))
	scope := fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s/us-east-1/route53/aws4_request, ", AccessKey, date.Format("20060102"))
	if err != nil || !strings.HasPrefix(given, scope) {
		return refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	_, rest, _ := strings.Cut(given, "SignedHeaders=")
	covered, _, _ := strings.Cut(rest, ",")
	again := q.Clone(q.Context())
	again.Header, again.URL.Host, again.ContentLength = http.Header{}, q.Host, 0
	for name := range strings.SplitSeq(covered, ";") {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = q.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = q.Header.Values(name)
		}
	}
	body, refused := bodyOf(q)
	if refused != nil {
		return refused
	}
	credentials := aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}
	err = v4.NewSigner().SignHTTP(context.Background(), credentials, again, sum(body), "route53", "us-east-1", date)
	if err != nil || again.Header.Get("Authorization") != given {
		return refuse(http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
	}
	return nil
}
