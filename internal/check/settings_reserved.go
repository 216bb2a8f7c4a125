package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// reservingLibraries are the target's libraries that pg_upgrade's servers load at their start, by the prefix of settings that each reserves for
// itself. From 15 on such a library refuses the names that it does not know (MarkGUCPrefixReserved in src/backend/utils/misc/guc.c).
type reservingLibraries map[string]reservingLibrary

type reservingLibrary struct {
	name    string
	content string // the file in lower case; it holds the names that it knows
}

// reservingLibraries reads the libraries in shared_preload_libraries. A prefix counts only where the file holds the name of one of its
// settings on blue: names that a program puts together cannot be found in it.
func (s *Session) reservingLibraries(ctx context.Context) (reservingLibraries, error) {
	target, known, err := installed(ctx, s.Programs)
	if err != nil || !known {
		return nil, err
	}
	found := reservingLibraries{}
	for _, name := range list(s.settings["shared_preload_libraries"].Value) {
		path := strings.TrimPrefix(name, "$libdir/")
		if !filepath.IsAbs(path) {
			path = filepath.Join(target.libraries, path)
		}
		content, err := os.ReadFile(strings.TrimSuffix(path, ".so") + ".so")
		if err != nil { // that it is missing is another check's
			continue
		}
		library := reservingLibrary{name, strings.ToLower(string(content))}
		for setting := range s.settings {
			prefix, _, custom := strings.Cut(setting, ".")
			if custom && library.holds(setting) && library.holds(prefix) && library.holds("MarkGUCPrefixReserved") {
				found[prefix] = library
			}
		}
	}
	return found, nil
}

// holds tells whether the library holds text at the end of a string.
func (l reservingLibrary) holds(text string) bool {
	return strings.Contains(l.content, strings.ToLower(text)+"\x00")
}

// refuse says why a setting will be refused, and nothing where it will not. Other than in the name as a whole, case matters in the prefix.
func (libraries reservingLibraries) refuse(name string) string {
	prefix, _, _ := strings.Cut(name, ".")
	if l, ok := libraries[prefix]; ok && !l.holds(name) {
		return fmt.Sprintf("The new version's %s keeps names that begin with %s. to itself, and does not know this one.", l.name, prefix)
	}
	return ""
}
