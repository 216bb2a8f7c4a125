package check

import (
	"cmp"
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

const releasesWhy = `Some minor releases have faults that matter to an upgrade by logical replication. All of them are mended by the latest minor release
of the same major version (https://www.postgresql.org/support/versioning/), on blue by a restart.`

// flaw is a fault of minor releases, as the release notes tell of it.
type flaw struct {
	onBlue, onTarget bool
	mended           map[int]int // by major, the first minor release without it; never where there is none
	reason           string
	notes            string // the release notes of one that mended it
	then             string // what else mends blue; default: a restart
}

const never = 1000

var flaws = []flaw{
	{
		onBlue: true, onTarget: true, mended: map[int]int{11: never, 12: never, 13: 21, 14: 18, 15: 13, 16: 9, 17: 5},
		reason: "Where a type or a publication is changed while transactions write to its tables, the changes that follow may be decoded wrongly " +
			"and be lost.",
		notes: "17.5",
	},
	{
		onBlue: true, onTarget: true, mended: map[int]int{13: 18, 14: 15, 15: 10, 16: 6, 17: 2},
		reason: "A replication slot may go back to WAL that has been removed, and replication then cannot start again.",
		notes:  "17.2",
	},
	{
		onTarget: true, mended: map[int]int{16: 9, 17: 5},
		reason: "Where an apply worker meets an error that a trigger or a function catches, it may apply a transaction twice.",
		notes:  "17.5",
	},
	{
		onBlue: true, mended: map[int]int{14: 4},
		reason: "Indexes made by CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY may lack rows. They are on green too, where replication looks rows " +
			"up by them.",
		notes: "14.4", then: ", restart blue, and REINDEX the indexes made so.",
	},
}

func releases(ctx context.Context, s *Session) ([]finding.Finding, error) {
	minor, err := targetMinor(ctx, s.Programs)
	if err != nil {
		return nil, err
	}
	var findings []finding.Finding
	add := func(f flaw, object string, major, minor int, then string) {
		mended, known := f.mended[major]
		if !known || minor >= mended {
			return
		}
		fix := fmt.Sprintf("Install PostgreSQL %d.%d or later%s", major, mended, then)
		if mended == never {
			fix = "No release of this version mends it: change no types and no publications of others while the upgrade lasts."
		}
		findings = append(findings, finding.Finding{
			Blocks: finding.Nothing, Object: object, Reason: f.reason + " https://www.postgresql.org/docs/release/" + f.notes + "/", Fix: fix,
		})
	}
	for _, f := range flaws {
		if f.onBlue {
			add(f, fmt.Sprintf("blue, PostgreSQL %d.%d", s.Major, s.Minor), s.Major, s.Minor, cmp.Or(f.then, " and restart blue."))
		}
		if f.onTarget {
			add(f, fmt.Sprintf("the programs of PostgreSQL %d.%d in %s", s.To, minor, s.Programs.Directory), s.To, minor, ".")
		}
	}
	return findings, nil
}
