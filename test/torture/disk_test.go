package torture

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// diskSize has room for a clone, green, and the WAL of a round.
const diskSize = "size=3g"

// diskFaults fill up a disk.
func diskFaults() []*kind {
	return []*kind{
		{name: "green's disk full", often: 5, moments: anywhere, longest: maxPause, needsDisk: true, strike: func(r *round, _ strike) func() {
			empty := r.fill(r.site.GreenIn)
			return func() {
				empty()
				r.startAgain("green") // a server that cannot write its WAL gives up
			}
		}},
		{name: "the journal's disk full", often: 3, moments: anywhere, longest: maxPause, needsDisk: true, strike: func(r *round, _ strike) func() {
			return r.fill("state")
		}},
	}
}

// mount makes a directory of the site's a small file system of its own. It returns false, and says why, where that is not allowed.
func (r *round) mount(name string) bool {
	r.t.Helper()
	directory := filepath.Join(r.site.Directory, name)
	account, err := pgctl.Unprivileged()
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := account.Mkdir(directory); err != nil {
		r.t.Fatal(err)
	}
	if err := syscall.Mount("torture", directory, "tmpfs", 0, diskSize); err != nil {
		r.logf("no disk is filled up: mount a tmpfs: %v (it takes root)", err)
		return false
	}
	r.t.Cleanup(func() {
		r.stop("green") // before its files are out of reach
		if err := syscall.Unmount(directory, syscall.MNT_DETACH); err != nil {
			r.t.Error(err)
		}
	})
	if err := account.Own(directory); err != nil {
		r.t.Fatal(err)
	}
	return true
}

// fill takes all the room that is left on a small disk, until the returned function gives it back.
func (r *round) fill(name string) (empty func()) {
	if !r.canFill {
		return func() {}
	}
	file, err := os.Create(filepath.Join(r.site.Directory, name, "filling"))
	if err != nil {
		r.t.Error(err)
		return func() {}
	}
	defer file.Close() //nolint:errcheck // nothing is written to it
	var written int64
	for size := int64(1 << 30); size >= 4096; { // what is left gets smaller, and so do the pieces
		if err := syscall.Fallocate(int(file.Fd()), 0, written, size); err != nil {
			size /= 2
			continue
		}
		written += size
	}
	return func() {
		if err := os.Remove(file.Name()); err != nil {
			r.t.Error(err)
		}
	}
}
