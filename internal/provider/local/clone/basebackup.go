package clone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// incoming is where pg_basebackup writes, because it insists on an empty directory and the marker has to be there first.
const incoming = "pgteal.incoming"

// application is what pg_basebackup calls itself on blue.
const application = "pgteal clone"

// baseBackup has pg_basebackup fetch the clone, and returns how many bytes its files hold.
func (r *run) baseBackup(ctx context.Context, hold *backup) (int64, error) {
	wal, err := walMethod(ctx, hold.conn)
	if err != nil {
		return 0, err
	}
	place := filepath.Join(r.target.DataDirectory, incoming)
	args := []string{
		"--pgdata", place, "--format=plain", "--wal-method=" + wal, "--checkpoint=fast", "--no-sync", "--progress", "--label=pgteal",
		"--no-password",
	}
	if wal == "stream" {
		args = append(args, "--no-slot") // the caller's keeps the WAL, and there may be no room for another
	}
	if r.target.MaxRate > 0 {
		args = append(args, "--max-rate="+strconv.Itoa(r.target.MaxRate))
	}
	if r.source.Programs.Major >= 13 {
		args = append(args, "--no-manifest")
	}
	for _, t := range r.marker.Tablespaces {
		args = append(args, "--tablespace-mapping="+mapped(t.Location)+"="+mapped(t.Place))
	}
	args = append(args, "--dbname="+r.source.Server.Conninfo("replication")+" application_name='"+application+"'")
	if err := r.runBaseBackup(ctx, hold, args); err != nil {
		return 0, err
	}
	label, err := os.ReadFile(filepath.Join(place, "backup_label"))
	if err != nil {
		return 0, err
	}
	if _, r.marker.Timeline, err = parseLabel(string(label)); err != nil {
		return 0, err
	}
	size, err := sizeOf(place)
	if err != nil {
		return 0, err
	}
	for _, t := range r.marker.Tablespaces {
		more, err := sizeOf(t.Place)
		if err != nil {
			return 0, err
		}
		size += more
	}
	return size, r.unpack(place)
}

// runBaseBackup runs pg_basebackup as the target's account, and reports progress as blue sees it.
func (r *run) runBaseBackup(ctx context.Context, hold *backup, args []string) error {
	cmd := r.source.Programs.Command(ctx, r.target.Account, "pg_basebackup", args...)
	passfile, err := r.passfile()
	if err != nil {
		return err
	}
	if passfile != "" {
		defer os.Remove(passfile) //nolint:errcheck // Discard takes what is left
		cmd.Env = append(cmd.Env, "PGPASSFILE="+passfile)
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	ended := make(chan error, 1)
	go func() { ended <- runGroup(cmd) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				said := lastLines(output.String())
				if strings.Contains(said, "No space left on device") {
					err = withSpaceHint(syscall.ENOSPC)
				}
				return fmt.Errorf("pg_basebackup: %w: %s", err, said)
			}
			return nil
		case <-tick.C:
			if r.source.Programs.Major >= 13 {
				r.tell(ctx, hold.conn)
			}
		}
	}
}

// tell reports what blue has sent. It is of no matter when it fails.
func (r *run) tell(ctx context.Context, conn *pgx.Conn) {
	var sent, total int64
	if _, err := conn.Exec(ctx, `SELECT pg_stat_clear_snapshot()`); err != nil { // a transaction sees the same statistics again and again
		return
	}
	err := conn.QueryRow(ctx, `SELECT backup_streamed, coalesce(backup_total, 0) FROM pg_stat_progress_basebackup
		JOIN pg_stat_replication USING (pid) WHERE application_name = $1`, application).Scan(&sent, &total)
	if err == nil && total > 0 {
		r.step.Count(min(sent, total), total, "bytes")
	}
}

// passfile writes blue's password where only pg_basebackup reads it: it must not be in its arguments. "" where blue asks for none, or
// the connection string names a password file itself.
func (r *run) passfile() (string, error) {
	line := r.source.Server.PasswordLine()
	if line == "" {
		return "", nil
	}
	const name = "pgteal.pass"
	return filepath.Join(r.target.DataDirectory, name), writeFile(r.target.DataDirectory, name, []byte(line+"\n"), r.target)
}

// unpack moves what pg_basebackup wrote to where it belongs.
func (r *run) unpack(place string) error {
	entries, err := os.ReadDir(place)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		from, to := filepath.Join(place, entry.Name()), filepath.Join(r.target.DataDirectory, entry.Name())
		switch name := entry.Name(); {
		case name == "log" || name == "pg_log": // blue's
			err = os.RemoveAll(from)
		case skipped[name] && name != "backup_label":
			err = os.Remove(from)
		default:
			err = os.Rename(from, to)
		}
		if err != nil {
			return fmt.Errorf("unpack the base backup: %w", err)
		}
	}
	if err := os.Remove(place); err != nil {
		return err
	}
	return setAside(r.target.DataDirectory)
}

// walMethod says how pg_basebackup gets the WAL: alongside, for which it needs a second WAL sender, or at the end.
func walMethod(ctx context.Context, conn *pgx.Conn) (string, error) {
	var free int
	var allowed bool
	err := conn.QueryRow(ctx, `SELECT current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication)::int,
		rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&free, &allowed)
	switch {
	case err != nil:
		return "", fmt.Errorf("ask blue for its free WAL senders: %w", err)
	case !allowed:
		return "", errors.New("pgteal's role on blue has no REPLICATION attribute")
	case free < 1:
		return "", errors.New("blue has no free WAL sender: raise max_wal_senders")
	case free == 1:
		return "fetch", nil
	}
	return "stream", nil
}

// mapped quotes a path for --tablespace-mapping.
func mapped(path string) string { return strings.ReplaceAll(path, "=", `\=`) }

func lastLines(output string) string {
	lines := strings.FieldsFunc(output, func(c rune) bool { return c == '\n' || c == '\r' })
	kept := lines[:0]
	for _, line := range lines {
		if !strings.Contains(line, "kB (") { // progress
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept[max(0, len(kept)-5):], "; ")
}

func sizeOf(directory string) (size int64, err error) {
	err = filepath.WalkDir(directory, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
