package check

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/pgteal/pgteal/internal/finding"
)

const extensionsWhy = `Green runs with the new version's own build of every extension. One that is not installed for it can be
neither loaded nor updated there. (Not checked where the new version's programs are on another host.)`

// debianPackages are the packages of well-known extensions: what stands behind postgresql-N- in their names.
var debianPackages = map[string]string{
	"hll": "hll", "hypopg": "hypopg", "ip4r": "ip4r", "orafce": "orafce", "pg_cron": "cron", "pg_partman": "partman",
	"pg_repack": "repack", "pgaudit": "pgaudit", "pglogical": "pglogical", "pgrouting": "pgrouting", "postgis": "postgis-3",
	"postgis_raster": "postgis-3", "postgis_topology": "postgis-3", "rum": "rum", "vector": "pgvector",
}

// removedIn names extensions that PostgreSQL itself dropped, and the version that came without them.
var removedIn = map[string]int{"adminpack": 17, "old_snapshot": 17, "timetravel": 12, "plpython2u": 15, "plpythonu": 15}

func extensions(ctx context.Context, s *Session) ([]finding.Finding, error) {
	target, known, err := installed(ctx, s.Programs)
	if err != nil || !known {
		return nil, err
	}
	const sql = `SELECT extname::text, quote_ident(extname), extversion FROM pg_extension`
	type extension struct{ Name, Quoted, Version string }
	found, err := find(ctx, s, sql, nil, func(e extension) finding.Finding {
		if target.hasExtension(e.Name) {
			return finding.Finding{}
		}
		f := finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("extension " + e.Quoted),
			Reason: fmt.Sprintf("Version %s of it is in use, and %s has none for PostgreSQL %d.", e.Version, target.extensions, s.To),
			Fix:    fmt.Sprintf("Install %s for PostgreSQL %d, or DROP EXTENSION %s;", e.Quoted, s.To, e.Quoted),
		}
		if without, ok := removedIn[e.Name]; ok && s.To >= without {
			f.Reason = fmt.Sprintf("It is in use, and no longer part of PostgreSQL since version %d.", without)
			f.Fix = "DROP EXTENSION " + e.Quoted + ";"
		} else if suffix, ok := debianPackages[e.Name]; ok && s.debian() {
			f.Fix = fmt.Sprintf("apt-get install postgresql-%d-%s", s.To, suffix)
		}
		return f
	})
	return without(found), err
}

// debian says whether the target's programs are where Debian's packages put them.
func (s *Session) debian() bool {
	return s.Programs.Directory == filepath.Join("/usr/lib/postgresql", fmt.Sprint(s.To), "bin")
}

// without returns the findings that are any: describe leaves those empty that are none.
func without(found []finding.Finding) []finding.Finding {
	var kept []finding.Finding
	for _, f := range found {
		if f.Object != "" {
			kept = append(kept, f)
		}
	}
	return kept
}
