package green

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// lockWait is how long pg_dump waits for the lock of a table. Behind a waiting lock others queue.
const lockWait = "5s"

// restore does with blue's schema what pg_upgrade will do: the new major's pg_dumpall and pg_dump in their mode for it, into a server in its
// mode for it (generate_old_dump in src/bin/pg_upgrade/dump.c, create_new_objects in pg_upgrade.c). So every object has its OID, members of
// extensions are made one by one as they are on blue, and nothing fails here that would not fail there. Other than there, it goes on after an error.
//
// Passwords of roles and subscriptions are left out: the first are not read, the second are dropped from the clone. User mappings go
// through a pipe. The server logs no statement.
func (s *scratch) restore(ctx context.Context, b blue, step *progress.Step) (findings []finding.Finding, err error) {
	step.Now("starting the empty cluster")
	stop, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	step.Now("restoring blue's roles and tablespaces")
	if findings, err = s.restoreGlobals(ctx, b); err != nil {
		return nil, err
	}
	for i, database := range b.databases {
		step.Now("restoring the schema of database " + postgres.Ident(database))
		step.Count(int64(i), int64(len(b.databases)), "databases")
		found, err := s.restoreDatabase(ctx, b, database)
		if err != nil {
			return nil, fmt.Errorf("database %s: %w", postgres.Ident(database), err)
		}
		findings = append(findings, found...)
	}
	step.Count(int64(len(b.databases)), int64(len(b.databases)), "databases")
	return findings, nil
}

// start starts the scratch cluster's server in binary-upgrade mode, and returns what stops it.
func (s *scratch) start(ctx context.Context) (stop func(), err error) {
	sockets, err := s.sockets()
	if err != nil {
		return nil, err
	}
	args := []string{
		"-b", "-D", s.New.DataDirectory, "-c", "config_file=" + s.privateConf(s.New),
		"-c", `unix_socket_directories="` + strings.ReplaceAll(sockets, `"`, `""`) + `"`, "-c", "unix_socket_permissions=0700",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
		// Statements hold the options of user mappings.
		"-c", "log_min_error_statement=panic", "-c", "log_min_messages=fatal", "-c", "logging_collector=off", "-c", "log_destination=stderr",
	}
	if s.New.Major >= 17 {
		args = append(args, "-c", "event_triggers=off") // blue's shall not fire here
	}
	cmd := s.command(ctx, s.lock, s.New, "postgres", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // its shared memory goes with it, unlike with SIGKILL
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var end error
	ended := make(chan struct{})
	go func() {
		end = cmd.Wait()
		close(ended)
	}()
	stop = func() {
		_ = cmd.Cancel() // it may have ended by itself
		<-ended
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := s.New.Postmaster()
		if err == nil && p.SocketDirectory != "" && ready(s.New.DataDirectory) {
			return stop, nil
		}
		select {
		case <-ended:
			if ctx.Err() != nil {
				end = ctx.Err()
			}
			return nil, fmt.Errorf("start the empty cluster: %w: %s", end, strings.TrimSpace(said.String()))
		case <-tick.C:
		}
	}
}

// ready tells whether the server takes connections: the last line of postmaster.pid says so.
func ready(dataDirectory string) bool {
	content, err := os.ReadFile(filepath.Join(dataDirectory, "postmaster.pid"))
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return err == nil && strings.TrimSpace(lines[len(lines)-1]) == "ready"
}

// restoreGlobals restores roles with their settings and memberships, and makes tablespaces of the same names and OIDs. Those are empty
// directories of the rehearsal's own: blue's are never touched.
func (s *scratch) restoreGlobals(ctx context.Context, b blue) ([]finding.Finding, error) {
	var before strings.Builder
	for _, t := range b.tablespaces {
		place := filepath.Join(s.run(), "tablespaces", strconv.FormatUint(uint64(t.OID), 10))
		if _, err := s.New.Account.Mkdir(place); err != nil {
			return nil, err
		}
		if s.New.Major >= 15 {
			fmt.Fprintf(&before, "SELECT pg_catalog.binary_upgrade_set_next_pg_tablespace_oid('%d'::pg_catalog.oid);\n", t.OID)
		}
		fmt.Fprintf(&before, "CREATE TABLESPACE %s LOCATION %s;\n", postgres.Ident(t.Name), postgres.Literal(place))
	}
	dump := s.onBlue(ctx, b, "pg_dumpall", "postgres", "--globals-only", "--no-tablespaces", "--no-role-passwords")
	psql := s.inScratch(ctx, b, "psql", "--no-psqlrc", "--quiet", "--echo-errors", "--set=ON_ERROR_STOP=0", "--file=-", "--dbname=template1")
	// A bootstrap superuser that may not log in could not restore the databases.
	after := fmt.Sprintf("\nALTER ROLE %s LOGIN;\n", postgres.Ident(b.superuser))
	failed, said, err := s.pipe(ctx, dump, psql, before.String(), after)
	if errors.Is(err, errDump) {
		return []finding.Finding{untried(schemaCheck, "roles", said, "Mend that, then run this again.")}, nil
	}
	if err != nil {
		return nil, err
	}
	if failed { // statements that fail do not make it fail
		return nil, fmt.Errorf("psql: %s", lastWords(said))
	}
	return globalFindings(said, s.New.Major), nil
}

// restoreDatabase restores one database. What pg_dump holds is what it holds at every backup: a shared lock on each table, for as long as it
// reads the catalogs. It waits lockWait for one, and where so many could exhaust blue's lock table it is left alone.
func (s *scratch) restoreDatabase(ctx context.Context, b blue, database string) ([]finding.Finding, error) {
	object := "schema of database " + postgres.Ident(database)
	var tables, locked int
	err := b.server.In(ctx, database, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384),
			(SELECT count(*) FROM pg_locks)`).Scan(&tables, &locked)
	})
	if err != nil {
		return nil, err
	}
	if room := b.locks / 4 * 3; tables+locked > room {
		return []finding.Finding{untried(schemaCheck, object,
			fmt.Sprintf("pg_dump locks all its %d tables at a time, and blue's lock table has room for %d locks.", tables, b.locks),
			fmt.Sprintf("ALTER SYSTEM SET max_locks_per_transaction = %d; then restart blue. pg_upgrade itself does not need it.",
				64*(tables/2000+2)))}, nil
	}
	dump := s.onBlue(ctx, b, "pg_dump", database, "--schema-only", "--format=custom", "--no-sync", "--no-subscriptions")
	args, other := []string{"--create"}, "template1"
	switch database { // they are there already; see create_new_objects
	case "template1":
		args, other = []string{"--clean", "--create"}, "postgres"
	case "postgres":
		args = []string{"--clean", "--create"}
	}
	restore := s.inScratch(ctx, b, "pg_restore", append(args, "--verbose", "--format=custom", "--dbname="+other)...)
	failed, said, err := s.pipe(ctx, dump, restore, "", "")
	if errors.Is(err, errDump) {
		return []finding.Finding{untried(schemaCheck, object, said, "Mend that, then run this again.")}, nil
	}
	if err != nil || !failed {
		return nil, err
	}

	entries := restoreErrors(said)
	if len(entries) == 0 {
		return nil, fmt.Errorf("pg_restore: %s", lastWords(said))
	}
	err = b.server.In(ctx, database, func(conn *pgx.Conn) error { return name(ctx, conn, entries) })
	if err != nil {
		return nil, err
	}
	return schemaFindings(entries, database, s.New.Major), nil
}

// onBlue returns a dump program of the new major that reads blue as pgteal itself reaches it, with the rights of the bootstrap superuser.
// Its session is read-only.
func (s *scratch) onBlue(ctx context.Context, b blue, program, database string, args ...string) *exec.Cmd {
	args = append(args, "--binary-upgrade", "--quote-all-identifiers", "--no-password", "--lock-wait-timeout="+lockWait,
		"--role="+b.superuser, "--dbname="+b.server.As(b.user, b.password, "").Conninfo(database))
	cmd := s.command(ctx, s.lock, s.New, program, args...)
	cmd.Env = append(cmd.Env, "PGOPTIONS="+s.sessionOptions()+readOnly, "PGPASSFILE="+s.passwords(), "PGAPPNAME=pgteal", "PGCONNECT_TIMEOUT=60")
	return cmd
}

// inScratch returns a client program of the new major for the scratch cluster.
func (s *scratch) inScratch(ctx context.Context, b blue, program string, args ...string) *exec.Cmd {
	p, _ := s.New.Postmaster() // it runs; and where not, the program says so
	args = append(args, "--no-password", "--host="+p.SocketDirectory, "--port="+strconv.Itoa(p.Port), "--username="+b.superuser)
	cmd := s.command(ctx, s.lock, s.New, program, args...)
	cmd.Env = append(cmd.Env, "PGOPTIONS="+s.sessionOptions(), "PGAPPNAME=pgteal")
	return cmd
}

// errDump says that what was to be restored could not be read.
var errDump = errors.New("the dump failed")

// pipe lets into read before, what dump writes, and after. It tells whether into failed, and what it said; with errDump, what dump said.
func (s *scratch) pipe(ctx context.Context, dump, into *exec.Cmd, before, after string) (failed bool, said string, err error) {
	stdout, err := dump.StdoutPipe()
	if err != nil {
		return false, "", err
	}
	var dumpSaid, intoSaid bytes.Buffer
	dump.Stderr, into.Stderr = &dumpSaid, &intoSaid
	into.Stdin = io.MultiReader(strings.NewReader(before), stdout, strings.NewReader(after))
	if err := dump.Start(); err != nil {
		return false, "", err
	}
	intoErr := into.Run()
	_, _ = io.Copy(io.Discard, stdout) // it may have ended before it had read all
	dumpErr := dump.Wait()
	if ctx.Err() != nil {
		return false, "", ctx.Err()
	}
	if dumpErr != nil {
		return false, lastWords(dumpSaid.String()), errors.Join(errDump, dumpErr)
	}
	if _, exited := errors.AsType[*exec.ExitError](intoErr); intoErr != nil && !exited {
		return false, "", intoErr
	}
	return intoErr != nil, intoSaid.String(), nil
}
