package check

import (
	"cmp"
	"context"
	"strings"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const preloadLibrariesWhy = `Green takes over blue's settings. A server does not start, and a session does not open, when a
library that is to be loaded first is not installed: pgteal leaves it out, and green runs without it. (Not checked where the new version's programs
are on another host.)`

func preloadLibraries(ctx context.Context, s *Session) ([]finding.Finding, error) {
	target, known, err := installed(ctx, s.Programs)
	if err != nil || !known {
		return nil, err
	}
	var found []finding.Finding
	for _, name := range []string{"shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"} {
		var missing, kept []string
		for _, library := range list(s.settings[name].Value) {
			path := library
			if name == "local_preload_libraries" && !strings.Contains(library, "/") {
				path = "$libdir/plugins/" + library
			}
			if target.hasLibrary(path) {
				kept = append(kept, postgres.Literal(library))
			} else {
				missing = append(missing, library)
			}
		}
		left := cmp.Or(strings.Join(kept, ", "), "''")
		for _, library := range missing {
			found = append(found, finding.Finding{
				Blocks: finding.Nothing, Object: "library " + library + " in " + name + " of blue",
				Reason: target.libraries + " does not have it, so green runs without it.",
				Fix:    "Install it for the new version, or " + s.set(name, left, name == "shared_preload_libraries"),
			})
		}
	}
	return found, nil
}

// list splits a setting that is a list of names, each of which may be quoted.
func list(value string) []string {
	var names []string
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, `"`) {
			name = strings.ReplaceAll(strings.TrimSuffix(name[1:], `"`), `""`, `"`)
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}
