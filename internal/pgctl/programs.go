// Package pgctl finds installed PostgreSQL programs and runs clusters on this host with them.
package pgctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/fault"
)

// Oldest is the oldest major that pgteal upgrades from. Aurora's and our own tests begin there.
const Oldest = 11

// Programs are the programs of one installed major version.
type Programs struct {
	Major     int
	Directory string // absolute; holds postgres, initdb, pg_ctl, ...
}

// Path returns the path of a program, such as "pg_upgrade".
func (p Programs) Path(program string) string { return filepath.Join(p.Directory, program) }

// needed are the programs without which a directory does not count as an installation of a server.
var needed = []string{"postgres", "initdb", "pg_ctl", "pg_upgrade", "pg_controldata", "pg_dump", "pg_restore"}

// ServerKnows tells whether the server's program holds a word, such as the name of a parameter: what came with a minor release tells it no version.
func (p Programs) ServerKnows(word string) (bool, error) {
	program, err := os.ReadFile(p.Path("postgres"))
	if err != nil {
		return false, fmt.Errorf("look for %q in the server: %w", word, err)
	}
	return bytes.Contains(program, []byte(word)), nil
}

// Find returns the programs of major. It looks where packages put them: Debian, Red Hat, Homebrew, then pgteal's own cache
// (see CacheDirectory).
func Find(major int) (Programs, error) {
	n := strconv.Itoa(major)
	places := []string{
		"/usr/lib/postgresql/" + n + "/bin",
		"/usr/pgsql-" + n + "/bin",
		"/opt/homebrew/opt/postgresql@" + n + "/bin",
		"/usr/local/opt/postgresql@" + n + "/bin",
		filepath.Join(CacheDirectory(), "postgresql", n, "usr/lib/postgresql", n, "bin"),
	}
	for _, place := range places {
		if missing(place) == "" {
			return Programs{Major: major, Directory: place}, nil
		}
	}
	return Programs{}, fault.New(fault.Usage,
		fmt.Errorf("find the programs of PostgreSQL %d: not in %s", major, strings.Join(places, ", ")),
		fmt.Sprintf("Install the package postgresql-%d, or name their directory in bin_directory.", major))
}

// At returns the programs in directory, and the major version that they are.
func At(ctx context.Context, directory string) (Programs, error) {
	if program := missing(directory); program != "" {
		return Programs{}, fault.New(fault.Usage, fmt.Errorf("%s holds no program %s", directory, program),
			"Name the bin directory of a PostgreSQL server installation.")
	}
	p := Programs{Directory: directory}
	out, err := p.Command(ctx, nobody, "postgres", "--version").Output()
	if err != nil {
		return Programs{}, fmt.Errorf("ask %s for its version: %w", p.Path("postgres"), err)
	}
	m := regexp.MustCompile(`(\d+)(?:\.\d+|\w+)`).FindSubmatch(out)
	if m == nil {
		return Programs{}, fmt.Errorf("%s --version says %q, which holds no version", p.Path("postgres"), out)
	}
	p.Major, err = strconv.Atoi(string(m[1]))
	return p, err
}

// Installed returns the majors that are installed, the oldest first.
func Installed() []int {
	var majors []int
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
		filepath.Join(CacheDirectory(), "postgresql", "*"),
	} {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, place := range found {
			digits := regexp.MustCompile(`\d+`).FindAllString(strings.TrimPrefix(place, CacheDirectory()), 1)
			if digits == nil {
				continue
			}
			major, err := strconv.Atoi(digits[0])
			if _, miss := Find(major); err == nil && miss == nil {
				majors = append(majors, major)
			}
		}
	}
	slices.Sort(majors)
	return slices.Compact(majors)
}

// Program returns the path of a program that comes in a package of its own name, such as pgbouncer: in PATH, in /usr/sbin, or where
// scripts/get-postgres puts it.
func Program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return filepath.Abs(path)
	}
	places := []string{filepath.Join("/usr/sbin", name), filepath.Join(CacheDirectory(), name, "usr/sbin", name)}
	for _, place := range places {
		if info, err := os.Stat(place); err == nil && !info.IsDir() {
			return place, nil
		}
	}
	return "", fault.New(fault.Usage, fmt.Errorf("find the program %s: not in PATH, %s", name, strings.Join(places, ", ")),
		"Install the package "+name+".")
}

// CacheDirectory is where scripts/get-postgres unpacks programs that no package has installed: $PGTEAL_CACHE,
// else /var/cache/pgteal for root, else pgteal in the user's cache folder.
func CacheDirectory() string {
	if dir := os.Getenv("PGTEAL_CACHE"); dir != "" {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/cache/pgteal"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "/var/cache/pgteal"
	}
	return filepath.Join(dir, "pgteal")
}

func missing(directory string) string {
	for _, program := range needed {
		if _, err := os.Stat(filepath.Join(directory, program)); errors.Is(err, fs.ErrNotExist) || err != nil {
			return program
		}
	}
	return ""
}
