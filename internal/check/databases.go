package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const databasesWhy = `pg_upgrade connects to every database but template0: it refuses to run when one takes no connections, and
when template0 does (check_proper_datallowconn in src/bin/pg_upgrade/check.c).`

func databases(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT quote_ident(datname), datconnlimit = -2, datallowconn FROM pg_database
		WHERE datallowconn = (datname = 'template0') OR datconnlimit = -2`
	type database struct {
		Name           string
		Invalid, Takes bool
	}
	return find(ctx, s, sql, nil, func(d database) finding.Finding {
		f := finding.Finding{
			Blocks: finding.Upgrade, Object: "database " + d.Name,
			Reason: "It takes no connections, and so pg_upgrade refuses.",
			Fix:    "ALTER DATABASE " + d.Name + " ALLOW_CONNECTIONS true;",
		}
		switch {
		case d.Invalid: // https://www.postgresql.org/docs/current/catalog-pg-database.html, datconnlimit
			f.Reason = "Dropping it was interrupted: it takes no connections any more, and so pg_upgrade refuses."
			f.Fix = "DROP DATABASE " + d.Name + ";"
		case d.Takes:
			f.Reason = "It takes connections, and so pg_upgrade refuses: the template must be as initdb made it."
			f.Fix = "ALTER DATABASE " + d.Name + " ALLOW_CONNECTIONS false;"
		}
		return f
	})
}
