package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// disk mounts a small file system with so many inodes, which belongs to the server's account.
func disk(t *testing.T, size, inodes string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting an image needs root")
	}
	directory := pgtest.Directory(t)
	image, mount := filepath.Join(directory, "image"), filepath.Join(directory, "disk")
	for _, command := range [][]string{
		{"truncate", "-s", size, image},
		{"mkfs.ext4", "-q", "-m", "0", "-N", inodes, image},
		{"mkdir", mount},
		{"mount", "-o", "loop", image, mount},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("this host makes no small disk: %q: %v: %s", command, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "--lazy", mount).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(mount, account.UID, account.GID); err != nil {
		t.Fatal(err)
	}
	return mount
}

func TestTooFewInodesForTheCloneAreFound(t *testing.T) {
	t.Parallel()
	few, enough := disk(t, "200M", "1024"), disk(t, "200M", "16384")
	s := pgtest.Start(t, 15)
	look := func(mount string) *finding.Finding {
		t.Helper()
		l := &Local{config: &config.Config{}}
		l.config.Blue.DataDirectory = s.Cluster.DataDirectory
		var stat syscall.Statfs_t
		if err := syscall.Statfs(mount, &stat); err != nil {
			t.Fatal(err)
		}
		return l.checkFiles(mount, stat)
	}
	f := look(few)
	if f == nil || f.Blocks != finding.Upgrade || f.Object != few || !strings.Contains(f.Reason, "can be made there") {
		t.Fatalf("found %+v", f)
	}
	if f := look(enough); f != nil {
		t.Errorf("found %+v", f)
	}
	// What it says is true: not even blue's own files fit, though there is room for what is in them.
	out, err := exec.Command("cp", "-a", s.Cluster.DataDirectory, filepath.Join(few, "clone")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "No space left on device") {
		t.Errorf("%v: %s", err, out)
	}
	var stat syscall.Statfs_t
	if err := syscall.Statfs(few, &stat); err != nil || stat.Ffree > 0 || stat.Bavail == 0 {
		t.Errorf("%+v, %v", stat, err)
	}
}

// What was reckoned is enough: the clone's files and those of a cluster of the new version with as many databases.
func TestTheFilesOfAClusterAreCounted(t *testing.T) {
	t.Parallel()
	old, anew := pgtest.Start(t, 15), pgtest.Start(t, 18)
	for _, s := range []*pgtest.Server{old, anew} {
		for _, name := range []string{"a", "b", "c", "d"} {
			s.Exec(t, "postgres", "CREATE DATABASE "+name)
		}
	}
	count := func(s *pgtest.Server) (files uint64) {
		out, err := exec.Command("find", s.Cluster.DataDirectory).Output()
		if err != nil {
			t.Fatal(err)
		}
		return uint64(strings.Count(string(out), "\n"))
	}
	needed, made := filesNeeded(old.Cluster.DataDirectory), count(old)+count(anew)
	if needed < made || needed > made+2*spareFiles {
		t.Errorf("reckoned %d, it takes %d", needed, made)
	}
}

func TestTheRateOfWALIsComparedWithTheDisk(t *testing.T) {
	t.Parallel()
	mount := disk(t, "200M", "1024")
	s := pgtest.Start(t, 15)
	if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	wal := filepath.Join(s.Cluster.DataDirectory, "pg_wal")
	if out, err := exec.Command("cp", "-a", wal, mount).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.RemoveAll(wal); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(mount, "pg_wal"), wal); err != nil { // as initdb --waldir does
		t.Fatal(err)
	}
	s = pgtest.Run(t, s.Cluster, pgctl.Setting{Name: "max_wal_size", Value: "32MB"})
	l := &Local{config: &config.Config{}}
	l.config.Blue.DataDirectory = s.Cluster.DataDirectory
	l.config.Green.DataDirectory = filepath.Join(pgtest.Directory(t), "green")
	conn := s.Connect(t, "postgres")
	// look measures for as long as blue takes for the statement.
	look := func(statement string) []finding.Finding {
		t.Helper()
		before, err := readWAL(t.Context(), s.Server)
		if err != nil {
			t.Fatal(err)
		}
		pgtest.Eventually(t, time.Minute, "the time suffices", func() bool {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
			now, err := readWAL(t.Context(), s.Server)
			return err == nil && now.At.Sub(before.At) > 200*time.Millisecond
		})
		found, err := l.checkWALSpace(t.Context(), s.Server, before)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := look(`SELECT 1`); len(found) > 0 {
		t.Errorf("an idle blue: %+v", found)
	}
	found := look(`SELECT pg_logical_emit_message(false, 'x', repeat('x', 500000)) FROM generate_series(1, 2)`)
	if len(found) != 1 || found[0].Check != "wal-space" || found[0].Object != wal || found[0].Blocks == finding.Switchover ||
		!strings.Contains(found[0].Reason, "measured just now") {
		t.Fatalf("found %+v", found)
	}
	// A slot that nobody reads brings it about: in the end there is no room, and blue stops.
	s.Exec(t, "postgres", `SELECT pg_create_physical_replication_slot('stays', true)`)
	var refused error
	for refused == nil {
		_, refused = conn.Exec(t.Context(), `SELECT pg_logical_emit_message(true, 'x', repeat('x', 4000000))`)
	}
	pgtest.Eventually(t, time.Minute, "blue says why", func() bool {
		content, err := os.ReadFile(s.LogFile)
		return err == nil && strings.Contains(string(content), "No space left on device")
	})
}
