package green

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// confQuote quotes a value for postgresql.conf
// (https://www.postgresql.org/docs/current/config-setting.html; the lexer takes no line break inside quotes).
func confQuote(value string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(value) + "'"
}

func confLine(name, value string) string { return name + " = " + confQuote(value) + "\n" }

// setConf sets a parameter in a configuration file: on the line where it stands, commented out or not, else at the end.
func setConf(content, name, value string) string {
	for _, form := range []string{`(?mi)^[ \t]*%s[ \t]*[= \t].*$`, `(?mi)^[ \t]*#[ \t]*%s[ \t]*=.*$`} {
		line := regexp.MustCompile(fmt.Sprintf(form, regexp.QuoteMeta(name)))
		if at := line.FindStringIndex(content); at != nil {
			return content[:at[0]] + strings.TrimSuffix(confLine(name, value), "\n") + content[at[1]:]
		}
	}
	if content != "" && !strings.HasSuffix(content, "\n") {
		content += "\n"
	}
	return content + confLine(name, value)
}

// privateConf is the configuration file of a cluster while it is upgraded. Its path is also valid relative to run(), without
// characters that a shell would read: pg_upgrade hands it through two of them.
func (g Cluster) privateConf(c pgctl.Cluster) string { return filepath.Join(g.run(), g.confName(c)) }

func (g Cluster) confName(c pgctl.Cluster) string {
	if c.DataDirectory == g.Old.DataDirectory {
		return "old.conf"
	}
	return "new.conf"
}

// writePrivateConf writes the configuration that the clone and green run with under pg_upgrade. Neither reads its own: the clone's
// names blue's archive and blue's files. The socket's directory is closed to everybody else, so trust lets nobody in.
func (g Cluster) writePrivateConf(c pgctl.Cluster) error {
	hba := filepath.Join(g.run(), "hba.conf")
	if err := writeAs(c.Account, hba, []byte("local all all trust\n"), 0o600); err != nil {
		return err
	}
	ident := filepath.Join(g.run(), "ident.conf")
	if err := writeAs(c.Account, ident, nil, 0o600); err != nil {
		return err
	}
	libraries, _ := split(c.Programs, g.Libraries)
	var conf strings.Builder
	for _, s := range append([]pgctl.Setting{
		{Name: "hba_file", Value: hba},
		{Name: "ident_file", Value: ident},
		{Name: "listen_addresses", Value: ""},
		{Name: "unix_socket_directories", Value: g.run()},
		{Name: "shared_preload_libraries", Value: strings.Join(libraries, ", ")},
		// Without a slot for them, the libraries' background workers do not start: pg_cron would run blue's jobs.
		{Name: "max_worker_processes", Value: "0"},
		{Name: "autovacuum", Value: "off"},
		{Name: "jit", Value: "off"},
		{Name: "huge_pages", Value: "off"},
		// So that the clone starts, and pg_upgrade itself can say what it has against what is left in it.
		{Name: "max_prepared_transactions", Value: "100"},
		{Name: "max_replication_slots", Value: "100"},
		{Name: "wal_level", Value: "logical"},
		{Name: "lc_messages", Value: "C"},
		{Name: "lc_monetary", Value: "C"},
		{Name: "lc_numeric", Value: "C"},
		{Name: "lc_time", Value: "C"},
		// pg_dump locks every table of a database at once.
		{Name: "max_connections", Value: "100"},
		{Name: "max_locks_per_transaction", Value: fmt.Sprint(64 + g.relations()/50)},
	}, g.Settings...) {
		conf.WriteString(confLine(s.Name, s.Value))
	}
	return writeAs(c.Account, g.privateConf(c), []byte(conf.String()), 0o600)
}

// relations is an upper bound of the number of tables in the clone: its files.
func (g Cluster) relations() int {
	if g.Old.DataDirectory == "" {
		return 50_000 // a rehearsal has no clone; the memory for so many is small
	}
	files := 0
	for _, pattern := range []string{"base/*", "pg_tblspc/*/PG_*/*"} {
		databases, _ := filepath.Glob(filepath.Join(globEscape(g.Old.DataDirectory), pattern)) // the pattern is well formed
		for _, database := range databases {
			entries, _ := os.ReadDir(database) // only an estimate
			files += len(entries)
		}
	}
	return min(files, 50<<20)
}

func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
