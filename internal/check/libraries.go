package check

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const librariesWhy = `pg_upgrade loads every library that a function in C refers to, and refuses when the new version has one of
them not (check_loadable_libraries in src/bin/pg_upgrade/function.c). A library at a path of its own serves one major version only. Where the
new version's library lacks a function, pg_upgrade fails when it makes that function (fmgr_c_validator in src/backend/catalog/pg_proc.c). (Not
checked where the new version's programs are on another host.)`

// library is what functions in C refer to, those of each extension by themselves.
type library struct {
	Name      string
	Functions []string // their signatures
	Symbols   []string // their names in the library, in the same order
	Extension string   // what they belong to, "" for none
}

func libraries(ctx context.Context, s *Session) ([]finding.Finding, error) {
	target, known, err := installed(ctx, s.Programs)
	if err != nil || !known {
		return nil, err
	}
	// Libraries of extensions whose control file is missing are those extensions' own finding.
	const sql = `SELECT p.probin, array_agg(p.oid::regprocedure::text ORDER BY p.oid::regprocedure::text),
			array_agg(p.prosrc ORDER BY p.oid::regprocedure::text), coalesce(e.extname::text, '')
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'c'
		LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
			AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		LEFT JOIN pg_extension e ON e.oid = d.refobjid
		WHERE p.probin IS NOT NULL AND p.oid >= 16384 GROUP BY p.probin, e.extname`
	found, err := find(ctx, s, sql, nil, func(l library) finding.Finding {
		if l.Extension != "" && !target.hasExtension(l.Extension) {
			return finding.Finding{}
		}
		f := finding.Finding{Blocks: finding.Upgrade, Object: s.in("library " + l.Name)}
		functions := l.Functions
		switch path := target.library(l.Name); {
		case filepath.IsAbs(l.Name):
			f.Reason = fmt.Sprintf("%s refer to this very file, which cannot be loaded by PostgreSQL %d and %d alike. Functions that refer to "+
				"$libdir/%s find each major's own.", number(functions), s.Major, s.To, filepath.Base(l.Name))
		case path == "":
			f.Reason = fmt.Sprintf("%s refer to it, and %s does not have it. Another way: install it for PostgreSQL %d.",
				number(functions), target.libraries, s.To)
		default:
			functions = l.lacking(path)
			if len(functions) == 0 {
				return finding.Finding{}
			}
			f.Reason = fmt.Sprintf("%s are not in %s, and so pg_upgrade fails when it makes them.", number(functions), path)
		}
		f.Fix = "DROP FUNCTION " + strings.Join(functions, ", ") + ";"
		if l.Extension != "" {
			f.Fix = "ALTER EXTENSION " + postgres.Ident(l.Extension) + " UPDATE;"
			f.Reason += fmt.Sprintf(" They are of extension %s, of which a newer version may do without them.", l.Extension)
		}
		return f
	})
	return without(found), err
}

// number says how many functions there are, and names one.
func number(functions []string) string {
	return fmt.Sprintf("%d functions in C, such as %s,", len(functions), functions[0])
}

// lacking returns the functions that the library at path does not have.
func (l library) lacking(path string) (functions []string) {
	has, err := symbols(path)
	if err != nil {
		return nil // what we cannot read says nothing
	}
	for i, symbol := range l.Symbols {
		if !has[symbol] {
			functions = append(functions, l.Functions[i])
		}
	}
	return functions
}
