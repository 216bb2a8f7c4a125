package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// Connection strings that libpq takes lead to the server, whatever pgx knows of their keywords.
func TestConnectionStringsOfLibpq(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	libpq := " keepalives=1 keepalives_idle=30 keepalives_interval=5 keepalives_count=3 tcp_user_timeout=1000 gssencmode=disable load_balance_hosts=disable" +
		" ssl_min_protocol_version=TLSv1.2 sslcompression=0 fallback_application_name=x channel_binding=prefer options='-c work_mem=8MB'"
	for _, conninfo := range []string{
		fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=postgres", s.Port, pgtest.Superuser) + libpq,
		fmt.Sprintf("host=nowhere.invalid hostaddr=127.0.0.1 port=%d user=%s sslmode=disable", s.Port, pgtest.Superuser),
		fmt.Sprintf("postgres://%s@127.0.0.1:%d/postgres?gssencmode=disable&keepalives=1", pgtest.Superuser, s.Port),
	} {
		server, err := postgres.Open("blue", conninfo)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := server.Connect(t.Context(), "postgres")
		if err != nil {
			t.Errorf("%s: %v", conninfo, err)
			continue
		}
		postgres.Close(conn)
	}
	if _, err := postgres.Open("blue", "host=x sslcrl=/etc/crl"); err == nil || !strings.Contains(err.Error(), "sslcrl is not supported") {
		t.Errorf("a revocation list that nobody looks at: %v", err)
	}
}
