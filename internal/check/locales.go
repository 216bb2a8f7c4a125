package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
)

const localesWhy = `Green gets databases with the locales of blue's. The new version refuses to create one whose locale green's host does not have
(check_locale in src/backend/utils/adt/pg_locale.c). (Not checked where the new version's programs are on another host.)`

func locales(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Programs.Directory == "" {
		return nil, nil
	}
	type database struct{ Name, Collate, Type string }
	rows, _ := s.conn.Query(ctx, `SELECT quote_ident(datname), datcollate, datctype FROM pg_database WHERE datconnlimit <> -2 ORDER BY datname`)
	databases, err := pgx.CollectRows(rows, pgx.RowToStructByPos[database])
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	known := map[[2]string]string{}
	for _, d := range databases {
		pair := [2]string{d.Collate, d.Type}
		lacking, asked := known[pair]
		if !asked {
			if lacking, err = s.lacks(ctx, d.Collate, d.Type); err != nil {
				return nil, err
			}
			known[pair] = lacking
		}
		if lacking != "" {
			found = append(found, missingLocale("database "+d.Name, lacking))
		}
	}
	return found, nil
}

func missingLocale(object, locale string) finding.Finding {
	return finding.Finding{
		Blocks: finding.Upgrade, Object: object,
		Reason: "This host does not have its locale " + locale + ", and so the new version cannot create it.",
		Fix: "Install the locale: locale-gen " + locale + " on Debian and Ubuntu (after /etc/locale.gen lists it), the package glibc-langpack-" +
			language(locale) + " on Red Hat.",
	}
}

// language returns de for de_DE.UTF-8.
func language(locale string) string {
	if i := strings.IndexAny(locale, "_.@"); i > 0 {
		return locale[:i]
	}
	return locale
}

// lacks returns the first of locales that this host does not have for the new version's programs, "" where it has all of them. The server asks
// setlocale() about lc_monetary before anything else, and ends with status 1 where that says no; with 2, for want of a configuration file, where it says yes.
func (s *Session) lacks(ctx context.Context, locales ...string) (string, error) {
	for _, locale := range locales {
		if locale == "" || locale == "C" || locale == "POSIX" {
			continue
		}
		cmd := s.Programs.Command(ctx, pgctl.Self(), "postgres", "-C", "lc_monetary", "-c", "lc_monetary="+locale)
		out, _ := cmd.CombinedOutput() // it always fails
		switch cmd.ProcessState.ExitCode() {
		case 1:
			return locale, nil
		case 2:
		default:
			return "", fmt.Errorf("ask %s about the locale %s: it says %q", s.Programs.Path("postgres"), postgres.Literal(locale), out)
		}
	}
	return "", nil
}
