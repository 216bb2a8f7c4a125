package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const unvalidatedDomainsWhy = `Apply makes every value of a row anew, and a domain is then checked: also a constraint that was added NOT VALID, and for columns
that an UPDATE on blue left alone. So apply stops at the first change of a row with a value that the constraint forbids, which blue takes.`

// unvalidatedDomainsSQL looks for domains in what published columns are made of. The inner WITH is there because a recursive query can name itself
// only once.
const unvalidatedDomainsSQL = `
WITH RECURSIVE stored(oid, nested) AS (
	SELECT a.atttypid, false FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE a.attnum > 0 AND NOT a.attisdropped AND ` + published + `
	UNION
	SELECT * FROM (
		WITH x AS (SELECT t.*, s.nested FROM stored s JOIN pg_type t ON t.oid = s.oid)
		SELECT typbasetype, nested FROM x WHERE typtype = 'd'
		UNION ALL SELECT typelem, true FROM x WHERE typcategory = 'A' AND typelem <> 0
		UNION ALL SELECT r.rngsubtype, true FROM x JOIN pg_range r ON r.rngtypid = x.oid
		UNION ALL SELECT a.atttypid, true FROM x JOIN pg_attribute a ON a.attrelid = x.typrelid AND a.attnum > 0 AND NOT a.attisdropped
			WHERE x.typtype = 'c'
	) inside
)
SELECT format('%I.%I', n.nspname, t.typname), quote_ident(k.conname), pg_get_constraintdef(k.oid), s.nested
FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN (SELECT oid, bool_or(nested) AS nested FROM stored GROUP BY oid) s ON s.oid = t.oid
WHERE NOT k.convalidated`

func unvalidatedDomains(ctx context.Context, s *Session) ([]finding.Finding, error) {
	type constraint struct {
		Domain, Name, Definition string
		Nested                   bool // in an array, a range or a composite type, and then the server cannot validate it
	}
	return find(ctx, s, unvalidatedDomainsSQL, nil, func(c constraint) finding.Finding {
		f := finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("constraint " + c.Name + " of domain " + c.Domain),
			Reason: "It is " + c.Definition + ": blue keeps older values that it forbids, and apply on green stops at the first change of a row that has one.",
			Fix:    "ALTER DOMAIN " + c.Domain + " VALIDATE CONSTRAINT " + c.Name + ";",
		}
		if c.Nested {
			f.Reason += " The server cannot validate it while another type holds the domain."
			f.Fix = "ALTER DOMAIN " + c.Domain + " DROP CONSTRAINT " + c.Name + ";"
		}
		return f
	})
}
