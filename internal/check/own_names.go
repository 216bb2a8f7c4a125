package check

import (
	"context"
	"slices"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const ownRoleWhy = `pgteal works as a role of its own, pgteal, with a password of its own, and removes it in the end. A role of that name
that somebody else uses is never changed and never dropped, so it has to have another name first. pgteal tells its own by the
comment on it (COMMENT ON ROLE).`

func ownRole(ctx context.Context, s *Session) ([]finding.Finding, error) {
	taken, _, err := postgres.TakenRole(ctx, s.conn, s.Upgrade)
	if err != nil || taken == nil {
		return nil, err
	}
	return []finding.Finding{{Blocks: finding.Upgrade, Object: taken.Object, Reason: taken.Reason, Fix: taken.Free}}, nil
}

const ownNamesWhy = `In each database pgteal makes a schema and a publication named pgteal, and a slot or a subscription named pgteal_ and the
database's oid. What has such a name and is somebody else's would be taken for pgteal's own: a slot would be used, all of it would be
dropped in the end. pgteal tells its own by the table pgteal.upgrade in the schema, which holds the id of the upgrade.`

func ownNames(ctx context.Context, s *Session) ([]finding.Finding, error) {
	i := slices.IndexFunc(s.Databases, func(d postgres.Database) bool { return d.Name == s.name })
	taken, err := postgres.TakenNames(ctx, s.conn, s.Upgrade, postgres.SlotName(s.Databases[i].OID))
	var findings []finding.Finding
	for _, t := range taken {
		findings = append(findings, finding.Finding{Blocks: finding.Upgrade, Object: s.in(t.Object), Reason: t.Reason, Fix: t.Free})
	}
	return findings, err
}
