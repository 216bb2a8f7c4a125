package green

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// Rehearsal tries an upgrade as far as that goes without a clone: on an empty cluster of the new major that it makes and removes again.
//
// Blue serves meanwhile. It is only read: its data directory by pg_upgrade --check, which cannot start a server on it (see neverStarts),
// its catalogs by sessions that are read-only.
type Rehearsal struct {
	Blue      pgctl.Cluster    // runs, with its own programs
	Server    *postgres.Server // reaches it
	New       pgctl.Programs   // of the new major
	Directory string           // for the empty cluster; it is made, and removed again
	Schema    bool             // restore blue's schema too
}

// The names of the findings.
const (
	upgradeCheck = "pg-upgrade"
	schemaCheck  = "schema-restore"
)

// Run returns what stands in the way of the upgrade. What keeps it from trying something is a finding too, that blocks nothing.
func (r Rehearsal) Run(ctx context.Context, step *progress.Step) (findings []finding.Finding, err error) {
	b, why, err := r.readBlue(ctx)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return []finding.Finding{untried(upgradeCheck, "blue", why, "Mend that, then run this again.")}, nil
	}
	s, err := r.scratch(ctx)
	if err != nil {
		return nil, fmt.Errorf("rehearse the upgrade: %w", err)
	}
	defer func() { err = errors.Join(err, s.remove(ctx)) }()

	step.Now("initdb: an empty cluster like blue's, to try the upgrade on")
	s.Libraries, s.Settings = b.libraries, b.settings
	if err := s.writePrivateConf(s.New); err != nil {
		return nil, err
	}
	if err := s.init(ctx, s.lock, b.facts); err != nil {
		return nil, fmt.Errorf("rehearse the upgrade: %w", err)
	}
	if err := writeAs(s.New.Account, s.passwords(), []byte(b.passwordLine()), 0o600); err != nil {
		return nil, err
	}
	if findings, err = s.check(ctx, b, step); err != nil {
		return nil, err
	}
	if r.Schema {
		found, err := s.restore(ctx, b, step)
		if err != nil {
			return nil, fmt.Errorf("rehearse the restore of blue's schema: %w", err)
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

// Discard ends and removes what a rehearsal that was killed has left.
func (r Rehearsal) Discard(ctx context.Context) error {
	if !exists(filepath.Join(r.Directory, heldFile)) {
		return nil
	}
	s := r.cluster()
	if _, err := s.hold(ctx); err != nil {
		return err
	}
	return s.remove(ctx)
}

// untried is the finding for what could not be tried.
func untried(check, object, why, fix string) finding.Finding {
	return finding.Finding{Check: check, Blocks: finding.Nothing, Object: object, Reason: "It could not be tried: " + why, Fix: fix}
}

// blue is what the rehearsal knows of blue.
type blue struct {
	facts
	cluster        pgctl.Cluster
	server         *postgres.Server
	socket         pgctl.Postmaster
	user, password string // of the sessions that reach it
	locks          int    // so many relations can be locked at a time, by all sessions together, before others may lack room
	tablespaces    []tablespace
	databases      []string // those that pg_upgrade visits, template1 first
	libraries      []string // see Cluster
	settings       []pgctl.Setting
}

type tablespace struct {
	OID  uint32
	Name string
}

// readBlue asks blue for what is needed, and says why nothing can be tried, if so.
func (r Rehearsal) readBlue(ctx context.Context) (b blue, why string, err error) {
	if strings.ContainsAny(r.Blue.DataDirectory+r.Blue.Directory, "\"'$`\\\n\r") {
		return b, "the path of its data directory or of its programs holds a character that the shell of pg_upgrade would read.", nil
	}
	b.cluster, b.server = r.Blue, r.Server
	if b.socket, err = r.Blue.Postmaster(); err != nil {
		return b, "its server does not run: " + err.Error() + ".", nil //nolint:nilerr // the finding says it
	}
	if b.socket.SocketDirectory == "" {
		return b, "its server listens on no Unix socket (unix_socket_directories), and pg_upgrade reaches a running server through nothing else.", nil
	}
	if b.libraries, b.settings, err = Preload(ctx, r.Server); err != nil {
		return b, "", err
	}
	database, err := r.Server.MaintenanceDatabase(ctx)
	if err != nil {
		return b, "", err
	}
	err = r.Server.In(ctx, database, func(conn *pgx.Conn) error {
		b.user, b.password = conn.Config().User, conn.Config().Password
		return b.read(ctx, conn, r.Blue.Major)
	})
	return b, "", err
}

func (b *blue) read(ctx context.Context, conn *pgx.Conn, major int) error {
	locale := "'c', '', ''"
	switch {
	case major >= 17:
		locale = "datlocprovider::text, coalesce(datlocale, ''), coalesce(daticurules, '')"
	case major == 16:
		locale = "datlocprovider::text, coalesce(daticulocale, ''), coalesce(daticurules, '')"
	case major == 15:
		locale = "datlocprovider::text, coalesce(daticulocale, ''), ''"
	}
	const mode = "current_setting('data_directory_mode')"
	err := conn.QueryRow(ctx, `SELECT r.rolname, r.rolcanlogin, pg_encoding_to_char(encoding), datcollate::text, datctype::text, `+locale+`,
			(SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size'), current_setting('data_checksums')::bool,
			substr(`+mode+`, length(`+mode+`) - 1) = '50', current_setting('max_locks_per_transaction')::int *
				(current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)
		FROM pg_database, pg_roles r WHERE datname = 'template0' AND r.oid = 10`).
		Scan(&b.superuser, &b.login, &b.encoding, &b.collate, &b.ctype, &b.provider, &b.locale, &b.rules, &b.walSegment, &b.checksums,
			&b.groupAccess, &b.locks)
	if err != nil {
		return fmt.Errorf("ask blue for its locale: %w", err)
	}
	rows, _ := conn.Query(ctx, `SELECT oid, spcname FROM pg_tablespace WHERE oid >= 16384 ORDER BY oid`)
	if b.tablespaces, err = pgx.CollectRows(rows, pgx.RowToStructByPos[tablespace]); err != nil {
		return fmt.Errorf("list blue's tablespaces: %w", err)
	}
	rows, _ = conn.Query(ctx, `SELECT datname FROM pg_database WHERE datallowconn AND datconnlimit <> -2 ORDER BY datname <> 'template1', datname`)
	if b.databases, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return fmt.Errorf("list blue's databases: %w", err)
	}
	return nil
}

// passwordLine is the line of a libpq password file for blue, "" where none is needed. It is a secret.
func (b blue) passwordLine() string {
	if b.password == "" {
		return ""
	}
	quote := strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace
	return "*:*:*:" + quote(b.user) + ":" + quote(b.password) + "\n"
}

func (s *scratch) passwords() string { return filepath.Join(s.run(), "pgpass") }
