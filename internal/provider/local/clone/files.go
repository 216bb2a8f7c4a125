package clone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/progress"
)

// copyFiles clones the files of a blue on this host, by reflinks or by bytes, and returns how many bytes they hold.
func (r *run) copyFiles(ctx context.Context, hold *backup, method string) (int64, error) {
	if err := r.checkSame(ctx, hold.conn); err != nil {
		return 0, err
	}
	w, err := r.newWalk()
	if err != nil {
		return 0, err
	}
	r.step.Now("waiting for blue's checkpoint")
	if err := hold.start(ctx); err != nil {
		return 0, err
	}
	if err := w.directory(ctx, w.data, "", w.to); err != nil {
		return 0, err
	}
	c := &copier{into: r.target, total: w.bytes, step: r.step, data: copyBytes}
	if method == Reflink {
		c.data = reflink
	} else if err := checkSpace(w.files); err != nil {
		return 0, err
	}
	if err := c.all(ctx, w.files, r.jobs); err != nil {
		return 0, err
	}
	if err := c.control(ctx, filepath.Join(w.data, controlFile), filepath.Join(w.to, controlFile)); err != nil {
		return 0, err
	}
	end, err := hold.stop(ctx)
	if err != nil {
		return 0, err
	}
	r.marker.Timeline = end.timeline
	if err := r.copyWAL(ctx, c, filepath.Join(w.data, "pg_wal"), end); err != nil {
		return 0, err
	}
	if err := setAside(r.target.DataDirectory); err != nil {
		return 0, err
	}
	return c.done.Load(), writeFile(r.target.DataDirectory, "backup_label", []byte(end.label), r.target)
}

// copier copies files into a target.
type copier struct {
	into  Target
	total int64
	step  *progress.Step
	data  func(ctx context.Context, from, to *os.File, size int64, copied func(int64)) error

	done atomic.Int64
	told atomic.Int64 // when progress was last reported, in milliseconds
}

func (c *copier) all(ctx context.Context, files []file, jobs int) error {
	group, going := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	for _, f := range files {
		if going.Err() != nil {
			break
		}
		group.Go(func() error {
			err := c.one(going, f.from, f.to)
			if errors.Is(err, errVanished) {
				return nil // dropped since the walk, and the WAL says so too
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// errVanished says that a file was gone before it was opened.
var errVanished = errors.New("it is gone")

// one copies a file with its mode.
func (c *copier) one(ctx context.Context, from, to string) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return errVanished
	}
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := errors.Join(out.Chmod(info.Mode().Perm()), c.into.Account.Own(to)); err != nil {
		return err
	}
	if err := c.data(ctx, in, out, info.Size(), c.count); err != nil {
		return withSpaceHint(fmt.Errorf("copy %s to %s: %w", from, to, err))
	}
	return nil
}

// count reports progress, a few times a second.
func (c *copier) count(copied int64) {
	done := c.done.Add(copied)
	now := time.Now().UnixMilli()
	if told := c.told.Load(); now-told >= 200 && c.told.CompareAndSwap(told, now) {
		c.step.Count(min(done, c.total), c.total, "bytes")
	}
}

// copyBytes copies size bytes, or what there is by then. It does not use io.Copy, by which the kernel would share blocks unasked: the
// operator who chose this method may not trust that.
func copyBytes(ctx context.Context, from, to *os.File, size int64, copied func(int64)) error {
	buffer := make([]byte, min(size, 1<<20))
	for size > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.Read(buffer[:min(size, int64(len(buffer)))])
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
			size -= int64(n)
			copied(int64(n))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// control copies the control file, which blue overwrites in place: a look at the wrong instant could see half of it. Two looks that
// agree cannot both be wrong.
func (c *copier) control(ctx context.Context, from, to string) error {
	before, err := os.ReadFile(from)
	for err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		var again []byte
		if again, err = os.ReadFile(from); err == nil && bytes.Equal(again, before) {
			return writeFile(filepath.Dir(to), filepath.Base(to), again, c.into)
		}
		before = again
	}
	return fmt.Errorf("copy blue's control file: %w", err)
}
