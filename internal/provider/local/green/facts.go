package green

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// facts are what initdb has to be told so that the new cluster matches the old one. Locale and provider are template0's:
// nobody can have changed those since initdb.
type facts struct {
	superuser                string // the role with oid 10, whatever it is called
	login                    bool   // it may log in
	encoding, collate, ctype string
	provider                 string // pg_database.datlocprovider: c (libc), i (ICU) or b (builtin, since 17)
	locale, rules            string // of ICU and builtin
	walSegment               int    // bytes
	checksums                bool
	groupAccess              bool // the owner's group may read the files
}

// readFacts asks the stopped clone. A single-user server needs no port, no password and no role's name; and when a stray server was
// killed on the clone earlier, it brings the clone into the cleanly stopped state that pg_upgrade demands.
func (g Cluster) readFacts(ctx context.Context, lock *os.File) (facts, error) {
	var f facts
	columns := []string{"oid"}
	switch major := g.Old.Major; {
	case major >= 17:
		columns = append(columns, "datlocprovider", "datlocale", "daticurules")
	case major == 16:
		columns = append(columns, "datlocprovider", "daticulocale", "daticurules")
	case major == 15:
		columns = append(columns, "datlocprovider", "daticulocale")
	}
	var hexed []string // in the database's own encoding, byte for byte, and safe to find in the output
	hexColumn := func(expression, name string) {
		hexed = append(hexed, fmt.Sprintf("encode(convert_to(%s::text, getdatabaseencoding()), 'hex') AS %s", expression, name))
	}
	hexColumn("(SELECT rolname FROM pg_authid WHERE oid = 10)", "superuser")
	hexColumn("(SELECT rolcanlogin FROM pg_authid WHERE oid = 10)", "login")
	hexColumn("pg_encoding_to_char(encoding)", "encoding")
	hexColumn("datcollate", "collate")
	hexColumn("datctype", "ctype")
	for i, name := range []string{"", "provider", "locale", "rules"} {
		if i > 0 && i < len(columns) {
			hexColumn(columns[i], name)
		}
	}
	row, err := g.singleUser(ctx, lock, g.Old, "SELECT "+strings.Join(hexed, ", ")+" FROM pg_database WHERE datname = 'template0'")
	if err != nil {
		return f, fmt.Errorf("read the clone's locale: %w", err)
	}
	f = facts{
		superuser: row["superuser"], login: row["login"] == "true", encoding: row["encoding"], collate: row["collate"], ctype: row["ctype"],
		provider: row["provider"], locale: row["locale"], rules: row["rules"],
	}
	if f.superuser == "" || f.encoding == "" {
		return f, fmt.Errorf("read the clone's locale: it has no database template0, or no role with oid 10")
	}

	control, err := g.Old.ControlData(ctx)
	if err != nil {
		return f, err
	}
	if f.walSegment, err = strconv.Atoi(control["Bytes per WAL segment"]); err != nil {
		return f, fmt.Errorf("read the size of WAL segments of %s: %w", g.Old.DataDirectory, err)
	}
	f.checksums = control["Data page checksum version"] != "0"
	info, err := os.Stat(g.Old.DataDirectory)
	if err != nil {
		return f, err
	}
	f.groupAccess = info.Mode().Perm()&0o050 == 0o050
	return f, nil
}

var singleUserColumn = regexp.MustCompile(`\t *\d+: (\w+) = "([0-9a-f]*)"\t\(typeid`)

// singleUser runs one statement in template1 of a stopped cluster and returns its row. Every column has to be hexadecimal;
// those that are NULL are missing.
func (g Cluster) singleUser(ctx context.Context, lock *os.File, c pgctl.Cluster, statement string) (map[string]string, error) {
	cmd := g.command(ctx, lock, c, "postgres", "--single", "-D", c.DataDirectory, "-c", "config_file="+g.privateConf(c),
		"-c", "shared_preload_libraries=", "-c", "exit_on_error=on", "template1")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(statement, "\n", " ") + "\n")
	var messages strings.Builder
	cmd.Stderr = &messages
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("postgres --single on %s: %w: %s", c.DataDirectory, err, strings.TrimSpace(messages.String()))
	}
	row := map[string]string{}
	for _, m := range singleUserColumn.FindAllStringSubmatch(string(out), -1) {
		value, err := hex.DecodeString(m[2])
		if err != nil {
			return nil, err
		}
		row[m[1]] = string(value)
	}
	return row, nil
}
