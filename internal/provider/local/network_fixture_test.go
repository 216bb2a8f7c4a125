package local

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// networkFindings is what the check of the network finds. Green does not exist.
func networkFindings(t *testing.T, c config.Config) []finding.Finding {
	t.Helper()
	c.Upgrade, c.To, c.Green.DataDirectory = "network", 18, filepath.Join(pgtest.Directory(t), "green")
	if c.Green.Port == 0 {
		c.Green.Port = pgtest.FreePort(t)
	}
	l, err := New(&c, "")
	if err != nil {
		t.Fatal(err)
	}
	blue, err := l.Blue(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	findings, err := l.startCheckNetwork(t.Context(), blue, true)()
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

// demand wants the one finding, with what it blocks and words in it.
func demand(t *testing.T, findings []finding.Finding, blocks finding.Blocks, words ...string) {
	t.Helper()
	if len(findings) != 1 || findings[0].Blocks != blocks {
		t.Fatalf("found %+v, want one finding that blocks %s", findings, blocks)
	}
	contains(t, findings[0], words...)
}

func contains(t *testing.T, f finding.Finding, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(f.Object+"\n"+f.Reason+"\n"+f.Fix, word) {
			t.Errorf("%q is not in %+v", word, f)
		}
	}
}

// authority signs certificates.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

// writeCertificate writes name.crt and name.key for subject into directory, signed by by, or by itself where that is nil.
func writeCertificate(t *testing.T, directory, name, subject string, by *authority) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: subject}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		IsCA: by == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if by == nil {
		by = &authority{key, template}
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFor(t, filepath.Join(directory, name+".crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})), 0o644)
	writeFor(t, filepath.Join(directory, name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), 0o600)
	return authority{key, template}
}

// writeFor writes a file for the account that runs servers.
func writeFor(t *testing.T, file, content string, mode os.FileMode) {
	t.Helper()
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := account.Own(file); err != nil {
		t.Fatal(err)
	}
}

// ends are a blue with TLS, whose pg_hba.conf wants client certificates, and a server that subscribes as green will.
type ends struct {
	blue, green *pgtest.Server
	directory   string // with certificates: ca.crt, operator.crt and operator.key
}

// startEnds starts both ends, with a home directory of this mode that belongs to us, and in which libpq finds nothing.
func startEnds(t *testing.T, major int, mode os.FileMode) ends {
	t.Helper()
	e := ends{directory: pgtest.Directory(t)}
	home := filepath.Join(e.directory, "home")
	if err := os.Mkdir(home, mode); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	ca := writeCertificate(t, e.directory, "ca", "an authority", nil)
	writeCertificate(t, e.directory, "server", "localhost", &ca)
	writeCertificate(t, e.directory, "operator", pgtest.Superuser, &ca)
	in := func(name string) string { return filepath.Join(e.directory, name) }
	e.blue = pgtest.Start(t, major, pgctl.Setting{Name: "ssl", Value: "on"}, pgctl.Setting{Name: "ssl_ca_file", Value: in("ca.crt")},
		pgctl.Setting{Name: "ssl_cert_file", Value: in("server.crt")}, pgctl.Setting{Name: "ssl_key_file", Value: in("server.key")},
		pgctl.Setting{Name: "listen_addresses", Value: "127.0.0.1, ::1"})
	e.green = pgtest.Start(t, 18)

	// What the steps publish and subscribe do.
	password := postgres.NewPassword()
	writeFor(t, filepath.Join(e.blue.Cluster.DataDirectory, "pg_hba.conf"),
		postgres.HBAOpen.Block()+"local all all trust\nhostssl all all all cert\nhostnossl all all all trust\n", 0o600)
	for _, server := range []*pgtest.Server{e.blue, e.green} {
		server.Exec(t, "postgres", `SET password_encryption = 'scram-sha-256'; CREATE ROLE pgteal SUPERUSER REPLICATION LOGIN PASSWORD `+
			postgres.Literal(password))
	}
	e.blue.Exec(t, "postgres", `SELECT pg_reload_conf()`, `CREATE PUBLICATION pgteal FOR ALL TABLES`)
	err := e.green.As(postgres.Role, password, "").In(t.Context(), "postgres", func(conn *pgx.Conn) error {
		return postgres.WriteSecret(t.Context(), conn)
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// user is how the operator connects to blue, apart from the host. Below tls the operator shows a certificate, and looks at blue's.
func (e ends) user() string { return fmt.Sprintf(" port=%d user=%s ", e.blue.Port, pgtest.Superuser) }

func (e ends) tls() string {
	return e.user() + fmt.Sprintf(" sslcert=%s/operator.crt sslkey=%[1]s/operator.key sslrootcert=%[1]s/ca.crt ", e.directory)
}

// agree demands that the check finds fault with connection exactly if no subscription can be made by it, and then says what the server says:
// words of it are in wrong. It returns what was found.
func (e ends) agree(t *testing.T, connection string, wrong ...string) []finding.Finding {
	t.Helper()
	findings := networkFindings(t, config.Config{Blue: config.Blue{Connection: connection}})
	err := e.subscribe(t, connection)
	if (err == nil) != (len(findings) == 0) {
		t.Fatalf("the check found %+v, and the subscription ended with: %v", findings, err)
	}
	if err == nil {
		return findings
	}
	demand(t, findings, finding.Upgrade, wrong...)
	for _, word := range wrong {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the subscription ended with %v, not with %q", err, word)
		}
	}
	return findings
}

// subscribe makes and drops the subscription that green would have with blue at connection, and returns why it cannot be made.
func (e ends) subscribe(t *testing.T, connection string) error {
	t.Helper()
	blue, err := postgres.Open("blue", connection)
	if err != nil {
		t.Fatal(err)
	}
	return e.green.In(t.Context(), "postgres", func(conn *pgx.Conn) error {
		s := postgres.Subscription{Name: "pgteal_1", Publisher: blue.As(postgres.Role, "", postgres.SecretFile), Database: "postgres"}
		if err := postgres.MakeSubscription(t.Context(), conn, s, 13); err != nil {
			return err
		}
		return postgres.DropSubscriptions(t.Context(), conn, s.Name)
	})
}
