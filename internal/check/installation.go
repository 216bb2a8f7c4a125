package check

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// installation is where the target's programs keep extensions and libraries.
type installation struct {
	extensions string // holds NAME.control
	libraries  string // holds NAME.so
}

// installed finds the target's extensions and libraries, and says false where the programs are unknown. pg_config tells; where
// it is not installed (Red Hat ships it for developers), plpgsql gives them away, which every installation has.
func installed(ctx context.Context, p pgctl.Programs) (installation, bool, error) {
	if p.Directory == "" {
		return installation{}, false, nil
	}
	if _, err := os.Stat(p.Path("pg_config")); err == nil {
		out, err := p.Command(ctx, pgctl.Self(), "pg_config", "--sharedir", "--pkglibdir").Output()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil || len(lines) != 2 {
			return installation{}, false, fmt.Errorf("ask %s for its directories: it says %q: %w", p.Path("pg_config"), out, err)
		}
		return installation{extensions: filepath.Join(lines[0], "extension"), libraries: lines[1]}, true, nil
	}
	in := installation{
		extensions: holding(p, "plpgsql.control", "../share/extension", "../share/postgresql/extension",
			"../../../../share/postgresql/"+strconv.Itoa(p.Major)+"/extension"),
		libraries: holding(p, "plpgsql.so", "../lib", "../lib/postgresql", "../lib64", "../lib64/pgsql"),
	}
	if in.libraries == "" {
		in.libraries = holding(p, "plpgsql.dylib", "../lib", "../lib/postgresql")
	}
	if in.extensions == "" || in.libraries == "" {
		return installation{}, false, fmt.Errorf("find the extensions that belong to %s: there is no pg_config, and plpgsql is in "+
			"none of the usual places",
			p.Directory)
	}
	return in, true, nil
}

// holding returns the first of places, relative to the programs, that has file, "" where none has.
func holding(p pgctl.Programs, file string, places ...string) string {
	for _, place := range places {
		if dir := filepath.Join(p.Directory, place); exists(filepath.Join(dir, file)) {
			return dir
		}
	}
	return ""
}

// library returns where the server finds a library: by its path, or by its name, with or without $libdir and suffix
// (https://www.postgresql.org/docs/current/xfunc-c.html). It is "" where there is none.
func (in installation) library(name string) string {
	path := strings.TrimPrefix(name, "$libdir/")
	if !filepath.IsAbs(path) {
		path = filepath.Join(in.libraries, path)
	}
	for _, suffix := range []string{"", ".so", ".dylib"} {
		if exists(path + suffix) {
			return path + suffix
		}
	}
	return ""
}

func (in installation) hasLibrary(name string) bool { return in.library(name) != "" }

// symbols reads which names a library gives to the server.
func symbols(path string) (map[string]bool, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	all, err := file.DynamicSymbols()
	has := map[string]bool{}
	for _, symbol := range all {
		if symbol.Section != elf.SHN_UNDEF {
			has[symbol.Name] = true
		}
	}
	return has, err
}

func (in installation) hasExtension(name string) bool {
	return exists(filepath.Join(in.extensions, name+".control"))
}

// exists says no only where there is nothing: what we may not look at is none of our business.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
