package clone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// file is one file to clone. Its size is that of the moment when it was seen: blue goes on.
type file struct {
	from, to string
	size     int64
}

// walk goes through blue's directories, makes the clone's, and lists the files. What blue makes after a directory was read, or
// removes, is in the WAL that the clone replays.
type walk struct {
	data    string            // blue's data directory
	to      string            // the clone's
	logs    string            // blue's log directory, absolute
	inside  map[string]bool   // directories in blue's data directory that are a tablespace's location, cloned as that
	places  map[string]placed // by object id
	version string
	own     func(path string) error
	files   []file
	bytes   int64
}

func (r *run) newWalk() (*walk, error) {
	data, err := filepath.EvalSymlinks(r.source.Cluster.DataDirectory)
	if err != nil {
		return nil, err
	}
	w := &walk{
		data: data, to: r.target.DataDirectory, logs: r.blue.logDirectory, version: r.blue.versionDirectory(),
		inside: map[string]bool{}, places: map[string]placed{}, own: r.target.Account.Own,
	}
	if !filepath.IsAbs(w.logs) {
		w.logs = filepath.Join(data, w.logs)
	}
	for _, t := range r.marker.Tablespaces {
		oid := strconv.FormatUint(uint64(t.OID), 10)
		w.places[oid] = t
		location, err := filepath.EvalSymlinks(filepath.Join(data, "pg_tblspc", oid))
		if err != nil {
			return nil, fmt.Errorf("find blue's tablespace %q: %w", t.Name, err)
		}
		w.inside[location] = true
	}
	return w, nil
}

// directory walks from, which stands at path relative to blue's data directory, into to, which exists.
func (w *walk) directory(ctx context.Context, from, path, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a database or a tablespace's part of one was dropped
	}
	if err != nil {
		return err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	unlogged := unloggedIn(names)
	for _, name := range names {
		if below := filepath.Join(path, name); !w.left(below, name, unlogged) {
			if err := w.entry(ctx, filepath.Join(from, name), below, filepath.Join(to, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walk) entry(ctx context.Context, from, path, to string) error {
	info, err := os.Lstat(from)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if filepath.Dir(path) == "pg_tblspc" {
			return w.tablespace(ctx, from, path, to)
		}
		if info, err = os.Stat(from); err == nil && !followed(path, info) {
			return nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		if w.inside[from] {
			return nil
		}
		if err := w.mkdir(to, info.Mode().Perm()); err != nil {
			return err
		}
		if emptied[path] || from == w.logs {
			return nil
		}
		return w.directory(ctx, from, path, to)
	case info.Mode().IsRegular():
		w.files = append(w.files, file{from: from, to: to, size: info.Size()})
		w.bytes += info.Size()
	}
	return nil // sockets and pipes are nobody's data
}

// tablespace walks what blue's major has in a tablespace, and gives the clone a link to its own.
func (w *walk) tablespace(ctx context.Context, from, path, to string) error {
	place, known := w.places[filepath.Base(path)]
	if !known {
		return nil // no tablespace of the catalog: DROP TABLESPACE left the link behind
	}
	if err := os.Symlink(place.Place, to); err != nil {
		return err
	}
	if err := w.own(to); err != nil {
		return err
	}
	inside := filepath.Join(place.Place, w.version)
	if err := w.mkdir(inside, 0o700); err != nil {
		return err
	}
	return w.directory(ctx, filepath.Join(from, w.version), filepath.Join(path, w.version), inside)
}

func (w *walk) mkdir(path string, mode fs.FileMode) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(path, mode|0o700); err != nil { // whatever the umask is
		return err
	}
	return w.own(path)
}

// followed tells whether a symbolic link is part of the cluster: one that puts a directory of PostgreSQL's, or something in one,
// elsewhere. A link at the top that somebody else made may lead anywhere.
func followed(path string, target fs.FileInfo) bool {
	top, _, deep := strings.Cut(filepath.ToSlash(path), "/")
	return deep || target.IsDir() && (strings.HasPrefix(top, "pg_") || top == "base" || top == "global")
}

// roots returns the directories under which a cluster's files are: the data directory, tablespaces, and what is linked elsewhere.
func roots(data string) ([]string, error) {
	found := []string{data}
	for _, dir := range []string{data, filepath.Join(data, "pg_tblspc")} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			path := filepath.Join(dir, entry.Name())
			if entry.Type()&fs.ModeSymlink == 0 || emptied[entry.Name()] && entry.Name() != "pg_wal" {
				continue
			}
			if info, err := os.Stat(path); err == nil && info.IsDir() && (dir != data || followed(entry.Name(), info)) {
				found = append(found, path)
			}
		}
	}
	return found, nil
}
