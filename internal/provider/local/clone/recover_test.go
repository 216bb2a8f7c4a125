package clone_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

// The clone LSN comes from the history file that recovery leaves. It must be what a standby without a source, which has replayed the
// same files, gives as its replay LSN: also where the WAL ends at a page's end, inside a page's header, inside a record, or in one that
// goes over the end of a page.
func TestTheCloneLSNIsTheReplayLSN(t *testing.T) {
	for _, major := range majors {
		t.Run(strconv.Itoa(major), func(t *testing.T) {
			dir := pgtest.Directory(t)
			blue := startBlue(t, dir, major, setting("wal_keep_size", "1GB"), setting("max_prepared_transactions", "5"))
			target := targetIn(t, dir)
			run(t, blue, target, clone.Copy)
			blue.Exec(t, "postgres", `SELECT pg_switch_wal()`,
				`INSERT INTO public.log SELECT txid_current(), repeat('x', n % 3000) FROM generate_series(1, 5000) AS n`)
			end := query[string](t, blue.Server, `SELECT pg_walfile_name(pg_current_wal_insert_lsn())`)[0]
			blue.Exec(t, "postgres", `INSERT INTO public.log SELECT txid_current(), 'x' FROM generate_series(1, 3000) AS n`,
				`SELECT pg_switch_wal()`)
			moreWAL(t, blue.Cluster.DataDirectory, target.DataDirectory)
			for i, cut := range []int64{0, 8192 * 7, 8192*7 + 24, 8192*9 - 1, 70001} {
				one := target
				one.DataDirectory = filepath.Join(dir, fmt.Sprintf("cut%d", i))
				duplicate(t, target.DataDirectory, one.DataDirectory)
				cutWAL(t, one.DataDirectory, end, cut)
				standby := one.DataDirectory + "-standby"
				duplicate(t, one.DataDirectory, standby)

				c := clusterOf(blue, one)
				_, lsn := recovered(t, c)
				if want := replayLSN(t, pgctl.Cluster{Programs: c.Programs, Account: c.Account, DataDirectory: standby}); lsn != want {
					t.Errorf("WAL cut off in %s at %d: the clone LSN is %s, the replay LSN %s", end, cut, lsn, want)
				} else {
					t.Logf("WAL cut off in %s at %d: both %s", end, cut, lsn)
				}
				if err := clone.Stop(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func duplicate(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// moreWAL gives a clone the WAL that blue has written since.
func moreWAL(t *testing.T, blue, to string) {
	t.Helper()
	segments, _ := filepath.Glob(filepath.Join(blue, "pg_wal", "00000001????????????????"))
	for _, segment := range segments {
		if _, err := os.Stat(filepath.Join(to, "pg_wal", filepath.Base(segment))); errors.Is(err, os.ErrNotExist) {
			duplicate(t, segment, filepath.Join(to, "pg_wal"))
		}
	}
}

// cutWAL leaves zeros behind offset in a segment, as in one that was still being received, and removes later ones.
func cutWAL(t *testing.T, data, name string, offset int64) {
	t.Helper()
	segments, _ := filepath.Glob(filepath.Join(data, "pg_wal", "00000001????????????????"))
	for _, segment := range segments {
		var err error
		switch base := filepath.Base(segment); {
		case base > name, base == name && offset == 0:
			err = os.Remove(segment)
		case base == name:
			err = errors.Join(os.Truncate(segment, offset), os.Truncate(segment, 16<<20))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// replayLSN lets a standby without a source replay what it has.
func replayLSN(t *testing.T, c pgctl.Cluster) postgres.LSN {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.DataDirectory, "standby.signal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	duplicate(t, filepath.Join(c.DataDirectory, "postgresql.conf.blue"), filepath.Join(c.DataDirectory, "postgresql.conf"))
	duplicate(t, filepath.Join(c.DataDirectory, "pg_hba.conf.blue"), filepath.Join(c.DataDirectory, "pg_hba.conf"))
	if err := c.Account.Own(filepath.Join(c.DataDirectory, "standby.signal")); err != nil {
		t.Fatal(err)
	}
	s := pgtest.Run(t, c, setting("max_prepared_transactions", "5"))
	pgtest.Eventually(t, waiting, "the standby has replayed all", func() bool {
		return query[int64](t, s.Server, `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'startup'
			AND wait_event IN ('RecoveryRetrieveRetryInterval', 'RecoveryWalStream')`)[0] == 1
	})
	lsn, err := postgres.ParseLSN(query[string](t, s.Server, `SELECT pg_last_wal_replay_lsn()::text`)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(t.Context(), "immediate"); err != nil {
		t.Fatal(err)
	}
	return lsn
}

func TestABlueThatWasPromotedBefore(t *testing.T) {
	for _, method := range []string{clone.Copy, clone.BaseBackup} {
		t.Run(method, func(t *testing.T) {
			dir := pgtest.Directory(t)
			first := pgtest.Start(t, 15)
			c := first.Cluster
			if err := c.Stop(t.Context(), "fast"); err != nil {
				t.Fatal(err)
			}
			for range 3 { // recovery from nothing ends on a new timeline too
				signal := filepath.Join(c.DataDirectory, "recovery.signal")
				if err := errors.Join(os.WriteFile(signal, nil, 0o600), c.Account.Own(signal)); err != nil {
					t.Fatal(err)
				}
				if err := c.Start(t.Context(), filepath.Join(dir, "log"), setting("restore_command", "false"),
					setting("listen_addresses", ""),
					setting("unix_socket_directories", dir), setting("hot_standby", "off")); err != nil {
					t.Fatal(err)
				}
				pgtest.Eventually(t, waiting, "promoted", func() bool {
					_, err := os.Stat(signal)
					content, _ := os.ReadFile(filepath.Join(c.DataDirectory, "postmaster.pid"))
					return errors.Is(err, os.ErrNotExist) && strings.Contains(string(content), "\nready")
				})
				if err := c.Stop(t.Context(), "fast"); err != nil {
					t.Fatal(err)
				}
			}
			blue := pgtest.Run(t, c)
			blue.Exec(t, "postgres", `CREATE TABLE public.log (xid bigint NOT NULL, filler text)`,
				`SELECT pg_create_logical_replication_slot('before', 'test_decoding')`,
				`SELECT pg_create_logical_replication_slot('advanced', 'test_decoding')`)
			stop := load(t, blue)
			target := targetIn(t, dir)
			run(t, blue, target, method)
			server, lsn := recovered(t, clusterOf(blue, target))
			if got := query[string](t, blue.Server, `SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)`)[0]; got != "00000004" {
				t.Fatalf("blue is on timeline %s", got)
			}
			stop()
			in, after := exact(t, blue, server, lsn)
			t.Logf("clone LSN %s: %d transactions in the clone, %d after it", lsn, in, after)
		})
	}
}
