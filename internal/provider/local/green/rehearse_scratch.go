package green

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
)

// scratch is the empty cluster of a rehearsal, in a directory that only its account enters. It has no Old: nothing that acts on clone and
// green can act on blue.
type scratch struct {
	Cluster
	held *os.File // locked by the pgteal that uses the directory, as long as it lives
	lock *os.File // what its programs inherit; see endStrays
}

const (
	heldFile = "pgteal.rehearsal" // marks the directory as ours
	madeFile = "made"             // what was made on the way to it
)

// scratch makes the directory. What a rehearsal that was killed left there is ended and removed first; one that runs is left alone.
func (r Rehearsal) scratch(ctx context.Context) (*scratch, error) {
	s := r.cluster()
	made, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	if err = s.begin(ctx, made); err != nil {
		return nil, errors.Join(err, s.remove(ctx))
	}
	return s, nil
}

func (r Rehearsal) cluster() *scratch {
	return &scratch{Cluster: Cluster{
		Old:  pgctl.Cluster{Programs: r.Blue.Programs},
		New:  pgctl.Cluster{Programs: r.New, DataDirectory: filepath.Join(r.Directory, "data"), Account: r.Blue.Account},
		Work: r.Directory,
	}}
}

// lockPatience is how long another rehearsal may go on: one whose pgteal was killed while it started a program, which has the lock until it runs.
const lockPatience = 3 * time.Second

// hold makes the directory where it is missing, and locks it.
func (s *scratch) hold(ctx context.Context) (made []string, err error) {
	entries, err := os.ReadDir(s.Work)
	if errors.Is(err, fs.ErrNotExist) {
		made, err = s.New.Account.Mkdir(s.Work)
	}
	if err != nil {
		return nil, fmt.Errorf("make a directory for it: %w", err)
	}
	if len(entries) > 0 && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == heldFile }) {
		return nil, fault.New(fault.Usage, fmt.Errorf("%s is not empty, and pgteal did not make it", s.Work), "Remove it, or rename it.")
	}
	path := filepath.Join(s.Work, heldFile)
	held, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = lockWithin(ctx, held, lockPatience)
	if err == nil && !sameFile(held, path) {
		err = fs.ErrNotExist // its pgteal has just removed it
	}
	if err != nil {
		held.Close() //nolint:errcheck,gosec // nothing was written
		return nil, fault.New(fault.Failed, fmt.Errorf("another pgteal rehearses in %s: %w", s.Work, err), "Wait for its end, then run this again.")
	}
	s.held = held
	return made, nil
}

// lockWithin locks a file that somebody else may have locked for up to patience.
func lockWithin(ctx context.Context, file *os.File, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func sameFile(open *os.File, path string) bool {
	here, err1 := open.Stat()
	there, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(here, there)
}

func (s *scratch) begin(ctx context.Context, made []string) error {
	if len(made) > 0 {
		if err := os.WriteFile(filepath.Join(s.Work, madeFile), []byte(strings.Join(made, "\x00")), 0o600); err != nil {
			return err
		}
	}
	if err := s.clear(ctx); err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	var err error
	s.lock, err = s.endStrays(ctx)
	return err
}

// clear ends and removes what is in the directory but what says whose it is.
func (s *scratch) clear(ctx context.Context) error {
	if exists(s.run()) {
		lock, err := s.endStrays(ctx)
		if err != nil {
			return err
		}
		lock.Close() //nolint:errcheck,gosec // nothing was written
		s.removeSockets()
	}
	entries, err := os.ReadDir(s.Work)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != heldFile && entry.Name() != madeFile {
			if err := os.RemoveAll(filepath.Join(s.Work, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove ends what runs and removes everything, also when ctx is over.
func (s *scratch) remove(ctx context.Context) error {
	defer s.held.Close() //nolint:errcheck // nothing was written
	if s.lock != nil {
		s.lock.Close() //nolint:errcheck,gosec // nothing was written
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), strayLimit)
	defer cancel()
	if err := s.clear(ctx); err != nil {
		return fmt.Errorf("remove what the rehearsal left in %s: %w", s.Work, err)
	}
	content, err := os.ReadFile(filepath.Join(s.Work, madeFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, file := range []string{madeFile, heldFile} {
		if err := os.Remove(filepath.Join(s.Work, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, dir := range slices.Backward(strings.Split(string(content), "\x00")) {
		if os.Remove(dir) != nil {
			break // somebody uses it; or it was there before
		}
	}
	return nil
}
