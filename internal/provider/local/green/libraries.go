package green

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
)

// installation finds shared libraries of an installed major.
type installation pgctl.Programs

// has tells whether the server would find a library of shared_preload_libraries
// (https://www.postgresql.org/docs/current/runtime-config-client.html#RUNTIME-CONFIG-CLIENT-PRELOAD).
func (i installation) has(library string) bool {
	suffix := ".so"
	if runtime.GOOS == "darwin" {
		suffix = ".dylib"
	}
	name := strings.TrimPrefix(library, "$libdir/")
	var places []string
	if filepath.IsAbs(name) {
		places = []string{""}
	} else {
		places = []string{filepath.Join(i.Directory, "../lib"), filepath.Join(i.Directory, "../lib/postgresql")}
		if out, err := exec.CommandContext(context.Background(), pgctl.Programs(i).Path("pg_config"), "--pkglibdir").Output(); err == nil {
			places = append(places, strings.TrimSpace(string(out)))
		}
	}
	for _, place := range places {
		if path := filepath.Join(place, name); exists(path) || exists(path+suffix) {
			return true
		}
	}
	return false
}

// split divides libraries into those that c's installation has, and those that it lacks.
func split(c pgctl.Programs, libraries []string) (has, lacks []string) {
	for _, library := range libraries {
		if installation(c).has(library) {
			has = append(has, library)
		} else {
			lacks = append(lacks, library)
		}
	}
	return has, lacks
}

// Preload reads from blue what its extensions' libraries may need to be loaded at all: shared_preload_libraries and
// the settings of extensions.
func Preload(ctx context.Context, blue *postgres.Server) (libraries []string, settings []pgctl.Setting, err error) {
	all, err := readBlue(ctx, blue)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range all {
		if s.name == "shared_preload_libraries" {
			libraries = splitList(s.value)
		}
		if s.set && strings.Contains(s.name, ".") {
			settings = append(settings, pgctl.Setting{Name: s.name, Value: s.value})
		}
	}
	return libraries, settings, nil
}

// splitList reads a list of library names: separated by commas, double quotes around those with unusual characters.
func splitList(list string) []string {
	var items []string
	for list != "" {
		list = strings.TrimLeft(list, " \t\n\r,")
		if rest, quoted := strings.CutPrefix(list, `"`); quoted {
			item, after, _ := strings.Cut(rest, `"`)
			items, list = append(items, item), after
			continue
		}
		item, after, _ := strings.Cut(list, ",")
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
		list = after
	}
	return items
}
