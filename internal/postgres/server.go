// Package postgres is what pgteal says to a PostgreSQL server.
package postgres

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ConnectTimeout bounds every attempt to connect. A server under load answers well within it.
const ConnectTimeout = 10 * time.Second

// Server is one PostgreSQL server and the way pgteal's own sessions reach it. It holds no connection.
type Server struct {
	Name string // how errors and progress call it: blue, green or clone

	config   *pgx.ConnConfig
	passfile string                                // handed on in Conninfo; "" where the server asks for no password
	rootcert string                                // likewise: a file, or "system"; "" for libpq's own default
	runAs    int                                   // the operating system user whose identity Unix sockets see; -1 for our own
	gone     error                                 // why no session can be had, if so
	secret   func(context.Context) (string, error) // gives each session its password; nil for the configuration's
}

// sessionSettings hold for every session of pgteal's own, whatever the database's or the role's settings say:
// those that reach the server in the startup packet beat both
// (https://www.postgresql.org/docs/current/config-setting.html).
var sessionSettings = map[string]string{
	"application_name":                    "pgteal",
	"client_encoding":                     "UTF8",
	"search_path":                         "pg_catalog",
	"default_transaction_read_only":       "off",
	"default_transaction_isolation":       "read committed",
	"statement_timeout":                   "0",
	"synchronous_commit":                  "local", // the fence and its opening must not wait for a standby that is gone
	"lock_timeout":                        "0",
	"idle_in_transaction_session_timeout": "0",
	"row_security":                        "off",
	"jit":                                 "off", // compiling takes longer than a query within the pause
	"role":                                "none",
	"standard_conforming_strings":         "on",
	"quote_all_identifiers":               "off",
	"bytea_output":                        "hex",
	"DateStyle":                           "ISO",
	"IntervalStyle":                       "postgres",
	"TimeZone":                            "UTC",
}

// Open returns the server that conninfo, a libpq keyword/value string or URL, leads to.
// As in libpq, PGPASSFILE, ~/.pgpass and service files serve what conninfo leaves out.
func Open(name, conninfo string) (*Server, error) {
	config, err := ParseConninfo(conninfo)
	if err != nil {
		return nil, fmt.Errorf("read the connection string of %s: %w", name, err)
	}
	maps.Copy(config.RuntimeParams, sessionSettings)
	config.ConnectTimeout = ConnectTimeout
	s := &Server{Name: name, config: config, rootcert: rootcert(conninfo), runAs: -1}
	config.DialFunc = s.dial
	return s, nil
}

// Gone returns a server that cannot be reached because of cause: every attempt to connect fails with it.
func Gone(name string, cause error) *Server {
	return &Server{Name: name, config: &pgx.ConnConfig{}, runAs: -1, gone: cause}
}

// RunAs returns the same server, reached through Unix sockets as the operating system user uid.
// It lets a pgteal that runs as root pass the server's peer authentication.
func (s *Server) RunAs(uid int) *Server {
	c := s.copy()
	c.runAs = uid
	return c
}

// As returns the same server, reached as role with the password that passfile, a libpq password file, has for it.
func (s *Server) As(role, password, passfile string) *Server {
	c := s.copy()
	c.config.User, c.config.Password, c.passfile, c.secret = role, password, passfile, nil
	return c
}

// WithPassword returns the same server, reached with what secret returns right before each session is opened: a password that changes by
// itself, such as a token that soon expires.
func (s *Server) WithPassword(secret func(context.Context) (string, error)) *Server {
	c := s.copy()
	c.secret = secret
	return c
}

func (s *Server) copy() *Server {
	c := *s
	if s.gone == nil {
		c.config = s.config.Copy()
		c.config.DialFunc = c.dial
	}
	return &c
}

// At returns the same server at another address.
func (s *Server) At(host string, port int) *Server {
	c := s.copy()
	c.config.Host, c.config.Port, c.config.Fallbacks = host, uint16(port), nil //nolint:gosec // a port fits
	if c.config.TLSConfig != nil && c.config.TLSConfig.ServerName != "" {      // Copy has copied it
		c.config.TLSConfig.ServerName = host
	}
	return c
}

// Host is the host name, address or socket directory. Port is its port.
func (s *Server) Host() string { return s.config.Host }

// Port is the server's port.
func (s *Server) Port() int { return int(s.config.Port) }

// User is the role of pgteal's sessions.
func (s *Server) User() string { return s.config.User }

// Database is the database that the connection string names, "" where it names none.
func (s *Server) Database() string { return s.config.Database }

// Connect opens a session in database.
func (s *Server) Connect(ctx context.Context, database string) (*pgx.Conn, error) {
	if s.gone != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.Name, s.gone)
	}
	config := s.config.Copy()
	config.Database = database
	if s.secret != nil {
		password, err := s.secret(ctx)
		if err != nil {
			return nil, fmt.Errorf("connect to %s, database %q: %w", s.Name, database, err)
		}
		config.Password = password
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s, database %q: %w", s.Name, database, err)
	}
	if settings := laterSettings(conn); settings != "" {
		if _, err := conn.Exec(ctx, settings); err != nil {
			Close(conn)
			return nil, fmt.Errorf("connect to %s, database %q: %w", s.Name, database, err)
		}
	}
	return conn, nil
}

// laterSettings are statements for what belongs to sessionSettings and older majors do not know: there, the startup packet would be refused.
func laterSettings(conn *pgx.Conn) string {
	var major int
	_, _ = fmt.Sscan(conn.PgConn().ParameterStatus("server_version"), &major) // 0, the oldest, where it tells nothing of use
	settings := ""
	if major >= 14 {
		settings += "SET idle_session_timeout = 0;"
	}
	if major >= 17 {
		settings += "SET transaction_timeout = 0;"
	}
	return settings
}

// In opens a session in database for as long as do runs.
func (s *Server) In(ctx context.Context, database string, do func(*pgx.Conn) error) error {
	conn, err := s.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer Close(conn)
	if err := do(conn); err != nil {
		return fmt.Errorf("%s, database %q: %w", s.Name, database, err)
	}
	return nil
}

// Close ends a session even when the context that opened it is over. A session that does not take its leave within a second
// is cut off, which the server survives as well.
func Close(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // whatever it says, the session is over
}

// Conninfo returns the libpq connection string with which another PostgreSQL server on this host reaches database.
// It names a password file and never holds a password, because pg_subscription shows it.
func (s *Server) Conninfo(database string) string {
	words := []string{
		"host=" + conninfoValue(s.config.Host),
		"port=" + strconv.Itoa(int(s.config.Port)),
		"user=" + conninfoValue(s.config.User),
		"dbname=" + conninfoValue(database),
	}
	if s.passfile != "" {
		words = append(words, "passfile="+conninfoValue(s.passfile))
	}
	if s.config.TLSConfig != nil {
		words = append(words, "sslmode="+s.sslmode())
		if s.rootcert != "" {
			words = append(words, "sslrootcert="+conninfoValue(s.rootcert))
		}
	}
	return strings.Join(words, " ")
}

// sslmode keeps what the operator asked for as far as the parsed configuration still tells it.
func (s *Server) sslmode() string {
	if s.config.TLSConfig.ServerName != "" && !s.config.TLSConfig.InsecureSkipVerify {
		return "verify-full"
	}
	if s.config.TLSConfig.VerifyPeerCertificate != nil { // as pgx does it, also for require with a certificate
		return "verify-ca"
	}
	for _, fallback := range s.config.Fallbacks {
		if fallback.TLSConfig == nil {
			return "prefer"
		}
	}
	return "require"
}

func conninfoValue(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}

func (s *Server) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "unix" || s.runAs < 0 || s.runAs == os.Geteuid() {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return dialAs(ctx, s.runAs, address)
}
