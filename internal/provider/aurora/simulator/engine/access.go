package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/rights"
)

// Admit makes the server ready for a session that begins now: grants that Amazon's server would look at by itself are looked at here.
func (s *Server) Admit(ctx context.Context) error {
	root, err := s.Root()
	if err != nil {
		return err
	}
	return root.In(ctx, "postgres", func(conn *pgx.Conn) error {
		if err := rights.Sync(ctx, conn); err != nil {
			return err
		}
		rows, _ := conn.Query(ctx, `SELECT r.rolname::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
			WHERE m.roleid = 'rds_iam'::regrole AND r.rolcanlogin ORDER BY 1`) // CollectRows returns its error
		roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("list who has rds_iam: %w", err)
		}
		return s.authenticate(ctx, conn, slices.Compact(roles))
	})
}

// authenticate makes the server ask for a token of IAM where roles log in.
func (s *Server) authenticate(ctx context.Context, conn *pgx.Conn, roles []string) error {
	s.accessMu.Lock()
	defer s.accessMu.Unlock()
	if slices.Equal(s.byToken, roles) {
		return nil
	}
	s.byToken = roles
	if err := s.writeAccess(); err != nil {
		return err
	}
	return reloaded(ctx, conn)
}

// reloaded makes the server read its configuration again, and waits until it has: the postmaster passes the signal on to this session, and reads
// all before it starts another one.
func reloaded(ctx context.Context, conn *pgx.Conn) error {
	var before time.Time
	if err := conn.QueryRow(ctx, `SELECT pg_conf_load_time() FROM pg_reload_conf()`).Scan(&before); err != nil {
		return fmt.Errorf("reload the configuration: %w", err)
	}
	const look = 5 * time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		var now time.Time
		if err := conn.QueryRow(ctx, `SELECT pg_conf_load_time()`).Scan(&now); err != nil || !now.Equal(before) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// writeAccess writes pg_hba.conf. The socket's directory lets in its owner and root only.
func (s *Server) writeAccess() error {
	var b strings.Builder
	b.WriteString("local all all trust\n")
	fmt.Fprintf(&b, "host all %s all reject\nhost %[1]s all all reject\n", Superuser)
	if s.forceSSL {
		b.WriteString("hostnossl all all all reject\nhostnossl replication all all reject\n")
	}
	host, port, err := net.SplitHostPort(s.Tokens)
	if err != nil {
		return errors.Join(errors.New("find who checks tokens"), err)
	}
	for _, role := range s.byToken {
		name := `"` + strings.ReplaceAll(role, `"`, `""`) + `"`
		for _, database := range []string{"all", "replication"} {
			fmt.Fprintf(&b, "hostssl %s %s all ldap ldapserver=%s ldapport=%s ldapprefix=\"%s/\"\n", database, name, host, port, filepath.Base(s.Directory))
		}
	}
	b.WriteString("host all all all scram-sha-256\nhost replication all all scram-sha-256\n")
	return s.write(filepath.Join(filepath.Base(s.data), "pg_hba.conf"), []byte(b.String()))
}
