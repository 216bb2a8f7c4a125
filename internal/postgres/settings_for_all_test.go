package postgres_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// limit sets for everybody what would end pgteal's work, as operators do against clients that forget to commit, and returns s as pgteal's
// own role.
func limit(t *testing.T, s *pgtest.Server) *postgres.Server {
	t.Helper()
	conn := s.Connect(t, "postgres")
	if err := postgres.CreateRole(t.Context(), conn, "test", postgres.NewPassword(), nil); err != nil {
		t.Fatal(err)
	}
	limits := []string{
		"statement_timeout = '300ms'", "lock_timeout = '300ms'", "idle_in_transaction_session_timeout = '300ms'", "wal_sender_timeout = '300ms'",
		"temp_file_limit = '64kB'", "default_transaction_isolation = 'serializable'", "session_replication_role = 'replica'",
	}
	major := s.Cluster.Major
	if major >= 14 {
		limits = append(limits, "idle_session_timeout = '300ms'")
	}
	if major >= 17 {
		limits = append(limits, "transaction_timeout = '300ms'")
	}
	for _, setting := range limits {
		s.Exec(t, "postgres", "ALTER SYSTEM SET "+setting)
	}
	s.Exec(t, "postgres", "SELECT pg_reload_conf()")
	pgtest.Eventually(t, time.Minute, "the limits are in force", func() (are bool) {
		err := conn.QueryRow(t.Context(), `SELECT setting = '64' FROM pg_settings WHERE name = 'temp_file_limit'`).Scan(&are)
		return err == nil && are
	})
	return s.As(postgres.Role, "", "")
}

// oldEnough waits until condition, SQL about pg_stat_activity, holds for a session.
func oldEnough(t *testing.T, s *pgtest.Server, condition string) {
	t.Helper()
	look := s.Connect(t, "postgres")
	pgtest.Eventually(t, time.Minute, condition, func() (is bool) {
		err := look.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE `+condition+`)`).Scan(&is)
		return err == nil && is
	})
}

func TestWhatIsSetForEverybodyEndsNoneOfPgtealsSessions(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			own := limit(t, s)
			for _, server := range []*postgres.Server{s.Server, own} { // the operator's role is used before there is pgteal's
				conn, err := server.Connect(t.Context(), "postgres")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { postgres.Close(conn) })
				for _, statement := range []string{"BEGIN", "COMMIT", "SELECT 1"} {
					if _, err := conn.Exec(t.Context(), statement); err != nil {
						t.Fatalf("as %s: %s: %v", server.User(), statement, err)
					}
					oldEnough(t, s, fmt.Sprintf(`pid = %d AND state LIKE 'idle%%' AND state_change < clock_timestamp() - interval '0.6 s'`,
						conn.PgConn().PID()))
				}
				if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
					t.Errorf("as %s: %v", server.User(), err)
				}
			}
		})
	}
}

// A large transaction waits on the subscriber for a lock, and so its WAL sender waits in the middle of it. The pairs stream it to a parallel
// worker, to temporary files, and not at all.
func TestWhatIsSetForEverybodyDoesNotStopReplication(t *testing.T) {
	t.Parallel()
	for _, majors := range [][2]int{{17, 18}, {18, 17}, {15, 18}, {13, 15}} {
		t.Run(fmt.Sprintf("%d to %d", majors[0], majors[1]), func(t *testing.T) {
			t.Parallel()
			publisher, subscriber := pgtest.Start(t, majors[0], pgctl.Setting{Name: "logical_decoding_work_mem", Value: "64kB"}), pgtest.Start(t, majors[1])
			const table = `CREATE TABLE t (id int PRIMARY KEY, x text)`
			subscriber.Exec(t, "postgres", table)
			publisher.Exec(t, "postgres", table, `CREATE PUBLICATION pgteal FOR TABLE t`,
				`SELECT pg_create_logical_replication_slot('pgteal_5', 'pgoutput')`,
				`INSERT INTO t SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 100000) i`)
			from, to := limit(t, publisher), limit(t, subscriber)
			blocker, err := to.Connect(t.Context(), "postgres")
			if err != nil {
				t.Fatal(err)
			}
			defer postgres.Close(blocker)
			if _, err := blocker.Exec(t.Context(), `BEGIN; LOCK TABLE public.t IN SHARE MODE`); err != nil {
				t.Fatal(err)
			}
			err = to.In(t.Context(), "postgres", func(conn *pgx.Conn) error {
				subscription := postgres.Subscription{Name: "pgteal_5", Publisher: from, Database: "postgres", Start: 1}
				return postgres.Subscribe(t.Context(), conn, subscription, majors[0])
			})
			if err != nil {
				t.Fatal(err)
			}
			oldEnough(t, subscriber, `backend_type LIKE 'logical replication%' AND wait_event_type = 'Lock'
				AND xact_start < clock_timestamp() - interval '1 s'`)
			if _, err := blocker.Exec(t.Context(), `COMMIT`); err != nil {
				t.Fatal(err)
			}
			pgtest.Eventually(t, time.Minute, "the rows are there", func() bool {
				var rows int
				err := blocker.QueryRow(t.Context(), `SELECT count(*) FROM public.t`).Scan(&rows)
				return err == nil && rows == 100_000
			})
			for _, s := range []*pgtest.Server{publisher, subscriber} {
				content, err := os.ReadFile(s.LogFile)
				if err != nil {
					t.Fatal(err)
				}
				for _, ended := range []string{"due to transaction timeout", "temporary file size exceeds", "due to replication timeout"} {
					if strings.Contains(string(content), ended) {
						t.Errorf("the log of %d says: %s", s.Cluster.Major, ended)
					}
				}
			}
		})
	}
}
