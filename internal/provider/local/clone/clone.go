// Package clone makes an exact file-level clone of a running cluster on this host, and brings it to the end of its WAL at a known
// LSN. Nothing of blue is written to, and the clone never touches what blue uses: not its tablespaces, not its archive, not
// its port.
package clone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider"
)

// The methods by which a clone can be made.
const (
	Auto       = "auto"       // the first of the others that can work
	Reflink    = "reflink"    // the file system shares the blocks (XFS, btrfs): time and space hardly depend on the size
	Copy       = "copy"       // every byte is copied on this host
	BaseBackup = "basebackup" // pg_basebackup, from wherever blue is
)

// Source is blue.
type Source struct {
	Cluster  pgctl.Cluster    // blue on this host; without a DataDirectory it is elsewhere
	Server   *postgres.Server // as a superuser
	Programs pgctl.Programs   // of blue's major
}

// Target is where the clone goes.
type Target struct {
	Upgrade       string                       // whose clone it is; Discard removes no other
	DataDirectory string                       // absolute; missing or empty
	Account       pgctl.Account                // owns the clone's files and runs its server
	Tablespaces   func(location string) string // the clone's location for that of a tablespace of blue; nil where there are none
	MaxRate       int                          // kB/s at which a base backup reads blue; 0 for as fast as it goes
}

// Run makes the clone. Target is as Discard leaves it. method is what Choose returned, jobs how many files are copied at a time
// (0: one a processor).
//
// The caller holds a replication slot on blue that is older than the clone: it keeps the WAL that the clone needs. While Run
// works, blue neither makes, drops nor alters tablespaces: those statements wait. When Run fails or ctx ends, blue is out of
// backup mode and what was copied is removed.
//
// A finished clone survives a crash of the machine: Run ends with a sync of the file systems that it wrote to.
func Run(ctx context.Context, source Source, target Target, method string, jobs int, step *progress.Step) (provider.Clone, error) {
	begun := time.Now()
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	if step == nil {
		step = progress.Reporter(nil).Step("clone")
	}
	r := &run{source: source, target: target, jobs: jobs, step: step}
	bytes, err := r.make(ctx, method)
	if err != nil {
		err = fmt.Errorf("clone by %s into %s: %w", method, target.DataDirectory, err)
		if r.began { // the space may be what blue needs next
			err = errors.Join(err, Discard(context.WithoutCancel(ctx), target))
		}
		return provider.Clone{}, err
	}
	return provider.Clone{Method: method, Seconds: time.Since(begun).Seconds(), Bytes: bytes}, nil
}

// run is one making of a clone.
type run struct {
	source Source
	target Target
	jobs   int
	step   *progress.Step

	began  bool // the marker is ours
	blue   facts
	marker marker
}

func (r *run) make(ctx context.Context, method string) (int64, error) {
	hold, err := openBackup(ctx, r.source.Server)
	if err != nil {
		return 0, err
	}
	defer hold.close()
	if r.blue, err = ask(ctx, hold.conn); err != nil {
		return 0, err
	}
	if err := r.begin(method); err != nil {
		return 0, err
	}
	var bytes int64
	switch method {
	case Reflink, Copy:
		bytes, err = r.copyFiles(ctx, hold, method)
	case BaseBackup:
		bytes, err = r.baseBackup(ctx, hold)
	default:
		err = fault.New(fault.Usage, fmt.Errorf("there is no clone method %q", method), "")
	}
	if err != nil {
		return 0, err
	}
	return bytes, r.finish()
}

// begin claims the target: the marker is written before anything else, and names every directory that will be made.
func (r *run) begin(method string) error {
	if err := vacant(r.target.DataDirectory); err != nil {
		return err
	}
	r.marker = marker{
		Upgrade: r.target.Upgrade, Method: method,
		VersionDirectory: r.blue.versionDirectory(), Superuser: r.blue.superuser, Settings: r.blue.settings,
	}
	for _, t := range r.blue.tablespaces {
		place, err := r.place(t)
		if err != nil {
			return err
		}
		r.marker.Tablespaces = append(r.marker.Tablespaces, place)
	}
	r.marker.Made = missing(r.target.DataDirectory)
	if _, err := r.target.Account.Mkdir(r.target.DataDirectory); err != nil {
		return fmt.Errorf("make the clone's data directory: %w", err)
	}
	r.began = true
	if err := r.marker.write(r.target); err != nil {
		return err
	}
	for _, t := range r.marker.Tablespaces {
		if _, err := r.target.Account.Mkdir(t.Place); err != nil {
			return fmt.Errorf("make the clone's directory for tablespace %q: %w", t.Name, err)
		}
		if err := r.target.Account.Own(t.Place); err != nil {
			return err
		}
	}
	return nil
}

// place says where a tablespace of blue goes. It must be a place of its own.
func (r *run) place(t tablespace) (placed, error) {
	if r.target.Tablespaces == nil {
		return placed{}, fmt.Errorf("blue has the tablespace %q in %s, and there is no place for the clone's", t.Name, t.Location)
	}
	where := r.target.Tablespaces(t.Location)
	if !filepath.IsAbs(where) || filepath.Clean(where) == filepath.Clean(t.Location) {
		return placed{}, fmt.Errorf("tablespace %q in %s cannot go to %q: that is not an absolute path other than blue's",
			t.Name, t.Location, where)
	}
	for _, other := range r.marker.Tablespaces {
		if within(where, other.Place) || within(other.Place, where) {
			return placed{}, fmt.Errorf("tablespaces %q and %q would both go to %s", other.Name, t.Name, where)
		}
	}
	if err := vacant(where); err != nil {
		return placed{}, fmt.Errorf("tablespace %q: %w", t.Name, err)
	}
	return placed{tablespace: t, Place: where, Made: missing(where)}, nil
}

// finish makes the clone durable, and says so in its marker last.
func (r *run) finish() error {
	directories := []string{r.target.DataDirectory}
	for _, t := range r.marker.Tablespaces {
		directories = append(directories, t.Place)
	}
	for _, dir := range directories {
		if err := syncFileSystem(dir); err != nil {
			return fmt.Errorf("bring the clone in %s to disk: %w", dir, err)
		}
	}
	r.marker.Complete = true
	return r.marker.write(r.target)
}

// vacant returns an error unless path does not exist or is an empty directory.
func vacant(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != "lost+found" {
			return fault.WithHint(fmt.Errorf("%s is not empty: it holds %s", path, entry.Name()),
				"The clone needs a directory of its own, which does not exist yet or is empty.")
		}
	}
	return nil
}

// missing lists path and those of its parents that do not exist, the outermost first.
func missing(path string) (paths []string) {
	for ; ; path = filepath.Dir(path) {
		if _, err := os.Lstat(path); err == nil || path == filepath.Dir(path) {
			return paths
		}
		paths = append([]string{path}, paths...)
	}
}
