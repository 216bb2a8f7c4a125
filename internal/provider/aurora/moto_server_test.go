package aurora

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// broken is the code of what moto does not do, or breaks on. It answers such a request with 500 alone, which the SDK would try again and again.
const broken = "BrokenInMoto"

// moto is a moto server (https://docs.getmoto.org/en/latest/docs/server_mode.html), and what was asked of it.
type moto struct {
	log string   // file with what it says
	at  *url.URL // where it listens

	mu      sync.Mutex
	taken   map[string]bool     // actions that it has carried out, as IAM names them
	refused map[string][]string // what it has said to others
	broke   map[string]int      // how often it has answered them with 500
}

// startMoto starts the moto server that scripts/get-postgres unpacks, and makes it what the AWS SDK uses in this test.
func startMoto(t *testing.T) *moto {
	t.Helper()
	m := &moto{log: filepath.Join(t.TempDir(), "moto.log"), taken: map[string]bool{}, refused: map[string][]string{}, broke: map[string]int{}}
	m.at = m.start(t)
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
		"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	return m
}

// running is how the server says where it listens.
var running = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// start starts the server on a free port, and returns its address. It ends with the test.
func (m *moto) start(t *testing.T) *url.URL {
	t.Helper()
	log, err := os.Create(m.log)
	if err != nil {
		t.Fatal(err)
	}
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	programs := pgctl.Programs{Directory: filepath.Join(pgctl.CacheDirectory(), "moto/usr/bin")}
	cmd := programs.Command(context.WithoutCancel(t.Context()), account, "moto_server", "-H", "127.0.0.1", "-p", "0")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start moto, which scripts/get-postgres moto gets: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		_ = log.Close()
	})
	var at *url.URL
	pgtest.Eventually(t, time.Minute, "moto says where it listens", func() bool {
		found := running.FindStringSubmatch(m.said(t))
		if found != nil {
			at, err = url.Parse(found[1])
		}
		return found != nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func (m *moto) said(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(m.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ServeHTTP passes a request on, and records what becomes of it.
func (m *moto) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	action := actionOf(r, string(body))
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { p.SetURL(m.at) },
		ModifyResponse: func(answer *http.Response) error { return m.record(action, answer) },
	}
	proxy.ServeHTTP(w, r)
}

// record keeps what became of a request, and makes what moto lacks or breaks on an error that the SDK understands and does not try again.
func (m *moto) record(action string, answer *http.Response) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if answer.StatusCode < 300 {
		m.taken[action] = true
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	switch {
	case answer.StatusCode >= 500:
		m.broke[action]++
		body = refuse(answer)
	case untagged.Match(body):
		body = refuse(answer)
	}
	m.refused[action] = append(m.refused[action], string(body))
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// untagged is what moto says where it is asked for the tags of a DB cluster parameter group, which it has none of.
var untagged = regexp.MustCompile(`Invalid resource name: \S+:cluster-pg:`)

// refuse makes an answer an error with the code broken, in the form of the request's protocol, and returns its body.
func refuse(answer *http.Response) []byte {
	answer.StatusCode = http.StatusBadRequest
	if answer.Request.Header.Get("X-Amz-Target") != "" {
		return fmt.Appendf(nil, `{"__type": %q}`, broken)
	}
	return fmt.Appendf(nil, "<ErrorResponse><Error><Code>%s</Code></Error></ErrorResponse>", broken)
}

// service is the name of the service in a signature.
var service = regexp.MustCompile(`Credential=[^/]+/\d+/[^/]+/([^/]+)/`)

// actionOf is the action of a request, as IAM names it. It is in a header, in the form, or in method and path.
func actionOf(r *http.Request, body string) string {
	name := ""
	if found := service.FindStringSubmatch(r.Header.Get("Authorization")); found != nil {
		name = found[1]
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return name + ":" + target[strings.LastIndex(target, ".")+1:]
	}
	if name == "route53" {
		switch {
		case strings.Contains(r.URL.Path, "/change/"):
			return "route53:GetChange"
		case !strings.Contains(r.URL.Path, "/rrset"):
			return "route53:" + r.Method + " " + r.URL.Path
		case r.Method == http.MethodGet:
			return "route53:ListResourceRecordSets"
		default:
			return "route53:ChangeResourceRecordSets"
		}
	}
	form, _ := url.ParseQuery(body) // what is no form has no action
	return name + ":" + form.Get("Action")
}
