package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/engine"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/ldap"
)

// Account is the only account there is.
const Account = "123456789012"

// The only credentials that are taken.
const (
	AccessKey = "AKIAPGTEALSIMULATOR"
	SecretKey = "a-secret-key-of-the-simulator-that-opens-nothing"
)

// Options say how a simulator is.
type Options struct {
	// Directory is where the DB clusters live. It has to exist, to be reachable for Unprivileged's account, and to have a short path: sockets are
	// below it. It is left empty by Close.
	Directory string

	Region string        // default eu-west-1
	Delay  time.Duration // how long each passing status lasts, besides what the work itself takes; default 0
	Log    io.Writer     // what goes wrong in the background; default nowhere
}

// Simulator is a running stand-in for AWS.
type Simulator struct {
	options   Options
	account   pgctl.Account
	authority *engine.Authority
	validator *rds.Client // checks requests as the SDK does
	listener  net.Listener
	server    *http.Server
	port      int
	tokens    *ldap.Server // asked by the servers

	ctx    context.Context //nolint:containedctx // of everything in the background, which outlives the request that began it
	cancel context.CancelFunc
	jobs   sync.WaitGroup

	mu    sync.Mutex
	world world

	logMu sync.Mutex
}

// Start starts a simulator with no DB clusters. It ends with Close; ctx bounds the start only.
func Start(ctx context.Context, o Options) (*Simulator, error) {
	if o.Region == "" {
		o.Region = "eu-west-1"
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if len(o.Directory) > engine.LongestDirectory {
		return nil, fmt.Errorf("the directory %s is too long for Unix sockets: %d characters are allowed", o.Directory, engine.LongestDirectory)
	}
	account, err := pgctl.Unprivileged()
	if err != nil {
		return nil, err
	}
	authority, err := engine.NewAuthority()
	if err != nil {
		return nil, err
	}
	versions, err := installedVersions(ctx)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the API of the simulator: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is no TCP address", listener.Addr()), listener.Close())
	}
	s := &Simulator{
		options: o, account: account, authority: authority, listener: listener, port: address.Port,
		validator: rds.New(rds.Options{Region: o.Region}),
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.world = newWorld(versions)
	if err := os.WriteFile(s.CABundle(), authority.Bundle, 0o644); err != nil { //nolint:gosec // a certificate is public
		return nil, errors.Join(fmt.Errorf("write the certificate bundle: %w", err), listener.Close())
	}
	if s.tokens, err = ldap.Listen(ctx, s.tokenAddress(), s.token); err != nil {
		return nil, errors.Join(err, listener.Close(), os.Remove(s.CABundle()))
	}
	const headers = 10 * time.Second
	s.server = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: headers}
	s.jobs.Go(func() {
		_ = s.server.Serve(listener) // it ends with Close
	})
	return s, nil
}

// URL is where the APIs of all services are.
func (s *Simulator) URL() string { return "http://" + s.listener.Addr().String() }

// Port is the port of every DB cluster.
func (s *Simulator) Port() int { return s.port }

// CABundle is the file of the certificate authority with which clients verify servers. It stands for the RDS certificate bundle.
func (s *Simulator) CABundle() string { return filepath.Join(s.options.Directory, "global-bundle.pem") }

// Environment makes the AWS SDK in another process use the simulator.
func (s *Simulator) Environment() []string {
	none := filepath.Join(s.options.Directory, "none")
	return []string{
		"AWS_ENDPOINT_URL=" + s.URL(), "AWS_REGION=" + s.options.Region,
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey, "AWS_SESSION_TOKEN=",
		"AWS_CONFIG_FILE=" + none, "AWS_SHARED_CREDENTIALS_FILE=" + none, "AWS_PROFILE=", "AWS_EC2_METADATA_DISABLED=true",
	}
}

// Config makes the AWS SDK in this process use the simulator.
func (s *Simulator) Config() aws.Config {
	return aws.Config{
		Region: s.options.Region, BaseEndpoint: aws.String(s.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}, nil
		}),
	}
}

// Close ends everything and removes what was made.
func (s *Simulator) Close() error {
	s.cancel()
	err := s.server.Close()
	s.jobs.Wait()
	var relays []*engine.Relay
	var servers []*engine.Server
	s.locked(func() { relays, servers = s.world.endpoints.all(), s.world.servers })
	for _, relay := range relays { // not under mu, which a connection that is just coming may wait for
		err = errors.Join(err, relay.Close())
	}
	const limit = time.Minute
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), limit)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Remove(ctx))
	}
	return errors.Join(err, s.tokens.Close(), os.Remove(s.CABundle()))
}

// logf tells what went wrong where nobody is asked.
func (s *Simulator) logf(format string, args ...any) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	fmt.Fprintf(s.options.Log, format+"\n", args...)
}

// arn is the name of a resource of RDS across AWS.
func (s *Simulator) arn(kind, name string) string {
	return "arn:aws:rds:" + s.options.Region + ":" + Account + ":" + kind + ":" + name
}

// place is where the next server lives. Servers have loopback addresses of their own, apart from those of endpoints.
func (s *Simulator) place() engine.Place {
	s.world.places++
	n := s.world.places
	const perByte = 250
	return engine.Place{
		Directory: filepath.Join(s.options.Directory, "c"+strconv.Itoa(n)), Account: s.account, Authority: s.authority,
		Address: fmt.Sprintf("127.32.%d.%d", n/perByte, n%perByte+1), Port: s.port, Tokens: s.tokenAddress(),
	}
}
