package test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/test/site"
)

// A disk that has too little room for WAL is found where the server runs on this host, and lets go once there is room.
func TestTooLittleDiskForWALForbidsTheSwitchover(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting an image needs root")
	}
	s := site.New(t, site.Options{Direct: true, GreenIn: "disk"})
	image, mount := filepath.Join(s.Directory, "image"), filepath.Join(s.Directory, "disk")
	run := func(program string, args ...string) {
		t.Helper()
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Skipf("this host makes no small disk: %s: %v: %s", program, err, out)
		}
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run("truncate", "-s", "4G", image)
	run("mkfs.ext4", "-q", "-m", "0", image)
	run("mkdir", mount)
	run("mount", "-o", "loop", image, mount)
	t.Cleanup(func() {
		if err := s.Green(t).Cluster.Stop(context.WithoutCancel(t.Context()), "immediate"); err != nil { // its files go with the mount
			t.Error(err)
		}
		if out, err := exec.Command("umount", mount).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	account, err := pgctl.OwnerOf(s.Blue.Cluster.DataDirectory)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(mount, account.UID, account.GID); err != nil {
		t.Fatal(err)
	}
	pgteal(t, done, s, "prepare")
	filler := filepath.Join(mount, "filler")
	run("fallocate", "-l", "3100M", filler)
	g := &guarded{s, "switchover", s.Blue, s.Green(t)}
	g.wants(t, g.forbids(t), "disk", filepath.Join(mount, "green/pg_wal"), "MB are free for the WAL of green")
	g.letsGo(t, "--force", "disk")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	g.letsGo(t)
}
