package postgres

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/stray"
)

// SetGate puts the block into the server's pg_hba.conf, raises (HBAClosed) or lowers the fence in its catalogs, and returns when every
// session that begins from then on obeys both. Sessions that are open are not touched.
//
// pg_reload_conf() returns before the postmaster has read anything. The postmaster reads its settings, passes the signal on to its children,
// and reads pg_hba.conf, all in one go (process_pm_reload_request() in src/backend/postmaster/postmaster.c). So once this session has been
// told, the postmaster starts no other session before it has read the file. Signals for earlier reloads are dealt with before the statement
// that asks for this one.
func (s *Server) SetGate(ctx context.Context, conn *pgx.Conn, hba HBA, fence Fence) error {
	if err := WriteGate(ctx, conn, hba, fence); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	if !isSuperuser(conn) { // nothing was written that a reload reads
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reloadPatience)
	defer cancel()
	var asked string
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()::text, pg_reload_conf()`, pgx.QueryExecModeSimpleProtocol).Scan(&asked, nil); err != nil {
		return fmt.Errorf("reload the configuration of %s: %w", s.Name, err)
	}
	for {
		var loaded bool
		err := conn.QueryRow(ctx, `SELECT pg_conf_load_time() > $1::timestamptz`, pgx.QueryExecModeSimpleProtocol, asked).Scan(&loaded)
		if err != nil {
			return fmt.Errorf("wait until %s has read its configuration: %w", s.Name, err)
		}
		if loaded {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s has not read its configuration within %s", s.Name, reloadPatience)
		case <-time.After(reloadPoll):
		}
	}
}

// reloadPatience is how long a server may take to read its configuration. It takes a millisecond; a clock that was set back takes longer.
const (
	reloadPatience = 20 * time.Second
	reloadPoll     = 200 * time.Microsecond
)

// WriteGate writes what SetGate does, and leaves the reload to somebody else.
//
// It all happens within the pause, so nothing here is prepared first: each statement runs once.
func WriteGate(ctx context.Context, conn *pgx.Conn, hba HBA, fence Fence) error {
	if isSuperuser(conn) {
		if err := changeHBA(ctx, conn, hba); err != nil {
			return err
		}
	}
	fence, err := fence.present(ctx, conn)
	if err != nil {
		return err
	}
	for _, patience := range fencePatience(hba) {
		var statements string
		if statements, err = fence.statementsFor(ctx, conn, hba, patience); err != nil {
			return err
		}
		if _, err = conn.Exec(ctx, statements); SQLState(err) != "55P03" { // lock_not_available: a client's transaction holds one of these rows
			break
		}
		err = fmt.Errorf("an open transaction has changed a role or a database (ALTER ROLE, ALTER DATABASE, GRANT): %w", err)
		if now, failed := ReadFence(ctx, conn); hba != HBAClosed && failed == nil && now.equal(fence) {
			return nil // nothing had been changed yet
		}
	}
	if err != nil {
		return fmt.Errorf("set %s and what goes with it: %w", readOnlySetting, err)
	}
	return nil
}

// changeHBA puts the block into the server's pg_hba.conf.
func changeHBA(ctx context.Context, conn *pgx.Conn, hba HBA) error {
	var path string
	var content []byte
	err := conn.QueryRow(ctx, `SELECT current_setting('hba_file'), pg_read_binary_file(current_setting('hba_file'))`, pgx.QueryExecModeSimpleProtocol).
		Scan(&path, &content)
	if err != nil {
		return fmt.Errorf("read pg_hba.conf: %w", err)
	}
	if wanted := hba.With(content); !bytes.Equal(wanted, content) {
		if err := writeHBA(ctx, conn, path, content, wanted); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}

// writeHBA replaces the content of the server's pg_hba.conf. Where the file is on this host and ours to write, it is replaced at once and
// durably: a crash or a full disk leaves the old one whole.
//
// Elsewhere the server writes it itself: lo_export writes bytes as they are and keeps the file's owner and mode, but in place. The large
// object that it needs does not outlive the transaction.
func writeHBA(ctx context.Context, conn *pgx.Conn, path string, content, wanted []byte) error {
	if strings.HasPrefix(conn.Config().Host, "/") { // through a Unix socket: the server is on this host
		if here, err := os.ReadFile(path); err == nil && bytes.Equal(here, content) {
			if err := replaceFile(path, wanted); !errors.Is(err, os.ErrPermission) {
				return err
			}
		}
	}
	_, err := conn.Exec(ctx, `BEGIN;
		SELECT set_config('pgteal.file', lo_from_bytea(0, decode('`+hex.EncodeToString(wanted)+`', 'hex'))::text, true);
		SELECT lo_export(current_setting('pgteal.file')::oid, current_setting('hba_file')), lo_unlink(current_setting('pgteal.file')::oid);
		COMMIT`)
	if err != nil {
		_, _ = conn.Exec(ctx, `ROLLBACK`) // the first error tells more
	}
	return err
}

// replaceFile puts a new file with this content in the old one's place, with its owner and mode.
func replaceFile(path string, content []byte) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	if err := stray.Remove(target); err != nil {
		return err
	}
	file, err := renameio.NewPendingFile(target, renameio.WithPermissions(info.Mode().Perm()), renameio.IgnoreUmask())
	if err != nil {
		return err
	}
	defer file.Cleanup() //nolint:errcheck // after the replacement there is nothing left to clean up
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := file.Chown(int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}

// HBAErrors lists the lines of pg_hba.conf that the server cannot read. With one of them, it goes on with what it read before, and
// a reload changes nothing.
func HBAErrors(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	if !isSuperuser(conn) { // the file is the cloud's
		return nil, nil
	}
	rows, _ := conn.Query(ctx, `SELECT format('line %s: %s', line_number, error) FROM pg_hba_file_rules WHERE error IS NOT NULL`)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for errors in pg_hba.conf: %w", err)
	}
	return lines, nil
}

// GateIsClosed says what is wrong with a gate that pgteal closed (SetGate), "" where nothing is, and what closes it again. A pg_hba.conf that was
// written after the server has read it is not in force; the file's time is in whole seconds.
func GateIsClosed(ctx context.Context, conn *pgx.Conn) (wrong, mend string, err error) {
	if !isSuperuser(conn) {
		return cloudGateIsClosed(ctx, conn)
	}
	var content []byte
	var loaded, readOnly bool
	err = conn.QueryRow(ctx, `SELECT pg_read_binary_file(file), pg_conf_load_time() >= (pg_stat_file(file)).modification,
		EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = 0 AND setrole = 0 AND '`+readOnlySetting+`=on' = ANY (setconfig))
		FROM current_setting('hba_file') file`).Scan(&content, &loaded, &readOnly)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("look at what closes the server: %w", err)
	case !bytes.HasPrefix(content, []byte(HBAClosed.Block())):
		wrong = "Its pg_hba.conf no longer begins with the lines by which pgteal closed it."
	case !loaded:
		wrong = "Its pg_hba.conf was written after the server has read it, so another one is in force."
	case !readOnly:
		wrong = "Somebody has taken back ALTER ROLE ALL SET " + readOnlySetting + " = on."
	}
	return wrong, "put these lines at the head of pg_hba.conf, then ALTER ROLE ALL SET " + readOnlySetting + " = on; SELECT pg_reload_conf();\n" +
		strings.TrimSpace(HBAClosed.Block()), nil
}
