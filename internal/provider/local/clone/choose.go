package clone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
)

// Choose returns the method by which target can be made, and why it is that one. wanted is a method, or Auto or "" for the best that
// works; a wanted method that cannot work is an error. Reflinks are tried out with a small file at the target, which is removed
// again together with the directories that were made for it. Nothing is written to blue.
func Choose(ctx context.Context, source Source, target Target, wanted string) (method, reason string, err error) {
	tries := map[string]func() (string, error){
		Reflink:    func() (string, error) { return canReflink(source, target) },
		Copy:       func() (string, error) { return canCopy(source, target) },
		BaseBackup: func() (string, error) { return canBaseBackup(ctx, source) },
	}
	if wanted != Auto && wanted != "" {
		try, known := tries[wanted]
		if !known {
			return "", "", fault.New(fault.Usage, fmt.Errorf("there is no clone method %q", wanted),
				"Methods are auto, reflink, copy and basebackup.")
		}
		if reason, err = try(); err != nil {
			return "", "", fault.New(fault.Usage, fmt.Errorf("the clone cannot be made by %s: %w", wanted, err),
				"Leave clone.method out to get one that works.")
		}
		return wanted, "it was asked for; " + reason, nil
	}
	var against string
	for _, method := range []string{Reflink, Copy, BaseBackup} {
		reason, failed := tries[method]()
		if failed == nil {
			return method, reason + against, nil
		}
		err = errors.Join(err, fmt.Errorf("%s: %w", method, failed))
		against += fmt.Sprintf("; no %s: %s", method, failed)
	}
	return "", "", fmt.Errorf("blue cannot be cloned: %w", err)
}

func canReflink(source Source, target Target) (string, error) {
	if _, err := canCopy(source, target); err != nil {
		return "", err
	}
	data := source.Cluster.DataDirectory
	from, err := roots(data)
	if err != nil {
		return "", err
	}
	for _, root := range from {
		sample, err := aFile(root)
		if err != nil {
			return "", err
		}
		if sample == "" {
			continue // an empty tablespace: there is nothing to share yet
		}
		into := target.DataDirectory
		if filepath.Base(filepath.Dir(root)) == "pg_tblspc" && target.Tablespaces != nil {
			location, err := os.Readlink(root)
			if err != nil {
				return "", err
			}
			into = target.Tablespaces(location)
		}
		if err := tryReflink(sample, into); err != nil {
			return "", fmt.Errorf("from %s to %s: %w", root, into, err)
		}
	}
	return "the file system of the clone shares blocks with all of blue's", nil
}

// tryReflink clones the file sample into the directory where the clone will be, or the nearest that exists, and removes it.
func tryReflink(sample, directory string) (err error) {
	for {
		if info, err := os.Stat(directory); err == nil && info.IsDir() {
			break
		}
		directory = filepath.Dir(directory)
	}
	in, err := os.Open(sample)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(directory, ".pgteal-probe-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(out.Name()), out.Close()) }()
	return reflink(context.Background(), in, out, info.Size(), func(int64) {})
}

// aFile returns a file under directory that is not empty, "" where there is none.
func aFile(directory string) (string, error) {
	errFound := errors.New("found")
	var found string
	resolved, err := filepath.EvalSymlinks(directory)
	if err != nil {
		return "", err
	}
	err = filepath.WalkDir(resolved, func(path string, entry os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // blue goes on
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if info, err := entry.Info(); err == nil && info.Size() > 0 {
			found = path
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return found, err
}

func canCopy(source Source, target Target) (string, error) {
	data := source.Cluster.DataDirectory
	if data == "" {
		return "", errors.New("blue's data directory is not on this host")
	}
	from, err := roots(data)
	if err != nil {
		return "", err
	}
	for _, root := range from {
		if _, err := os.ReadDir(root); err != nil {
			return "", err
		}
		resolved, err := filepath.EvalSymlinks(root)
		if err != nil {
			return "", err
		}
		if within(target.DataDirectory, resolved) || within(target.DataDirectory, root) {
			return "", fmt.Errorf("the clone's place %s is inside blue's directory %s", target.DataDirectory, resolved)
		}
	}
	if _, err := os.ReadFile(filepath.Join(data, controlFile)); err != nil {
		return "", err
	}
	return "blue's data directory is on this host", nil
}

func canBaseBackup(ctx context.Context, source Source) (string, error) {
	if source.Server == nil {
		return "", errors.New("blue cannot be reached")
	}
	database, err := source.Server.MaintenanceDatabase(ctx)
	if err != nil {
		return "", err
	}
	err = source.Server.In(ctx, database, func(conn *pgx.Conn) error {
		_, err := walMethod(ctx, conn)
		return err
	})
	if err != nil {
		return "", err
	}
	return "blue lets pg_basebackup in", nil
}
