package green

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/provider"
)

// references carries over the files that an authentication file names relative to its own place. Those that it names by their full
// path stay where they are (https://www.postgresql.org/docs/current/auth-pg-hba-conf.html).
type references struct {
	g     Cluster
	conn  *pgx.Conn          // to blue, which reads them
	from  string             // blue's directory
	notes []provider.Carried // what could not be carried over
}

var (
	included = regexp.MustCompile(`^[ \t]*(include|include_if_exists|include_dir)[ \t]+("[^"]+"|[^\s"]+)`)
	listed   = regexp.MustCompile(`(?:^|[ \t,])@("[^"]+"|[^\s,"]+)`)
)

// maxNesting is how deep PostgreSQL lets files include each other (CONF_FILE_MAX_DEPTH).
const maxNesting = 10

// carry copies what content, the file of that name, refers to. Names are relative to from.
func (r *references) carry(ctx context.Context, name string, content []byte, depth int) error {
	if depth > maxNesting {
		return nil
	}
	for line := range bytes.Lines(content) {
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			continue
		}
		for _, m := range listed.FindAllSubmatch(line, -1) {
			if err := r.file(ctx, name, string(m[1]), depth); err != nil {
				return err
			}
		}
		m := included.FindSubmatch(line)
		if m == nil {
			continue
		}
		files := []string{string(m[2])}
		if string(m[1]) == "include_dir" {
			var err error
			if files, err = r.list(ctx, name, string(m[2])); err != nil {
				return err
			}
		}
		for _, file := range files {
			if err := r.file(ctx, name, file, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// file copies one file, with what it refers to in turn.
func (r *references) file(ctx context.Context, by, named string, depth int) error {
	named = strings.Trim(named, `"`)
	if path.IsAbs(named) {
		return nil
	}
	file := path.Join(path.Dir(by), named)
	if !filepath.IsLocal(file) {
		r.notes = append(r.notes, provider.Carried{Name: by, Reason: "it refers to " + named + ", which green will not find: copy it"})
		return nil
	}
	var content []byte
	err := r.conn.QueryRow(ctx, "SELECT pg_read_binary_file($1, 0, 1 << 26, true)", path.Join(r.from, file)).Scan(&content)
	if err != nil {
		return fmt.Errorf("read %s: %w", path.Join(r.from, file), err)
	}
	if content == nil {
		return nil // it does not exist, and need not
	}
	to := filepath.Join(r.g.configDirectory(), file)
	if dir := filepath.Dir(to); !exists(dir) {
		if _, err := r.g.New.Account.Mkdir(dir); err != nil {
			return err
		}
	}
	if err := writeAs(r.g.New.Account, to, r.g.modern(content), 0o640); err != nil {
		return err
	}
	return r.carry(ctx, file, content, depth+1)
}

// list returns the files that include_dir takes.
func (r *references) list(ctx context.Context, by, named string) ([]string, error) {
	named = strings.Trim(named, `"`)
	if path.IsAbs(named) {
		return nil, nil
	}
	dir := path.Join(r.from, path.Dir(by), named)
	rows, _ := r.conn.Query(ctx, // CollectRows returns its error
		`SELECT $1 || '/' || f FROM pg_ls_dir($2, true, false) f WHERE f LIKE '%.conf' AND f NOT LIKE '.%'`, named, dir)
	files, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	return files, nil
}
