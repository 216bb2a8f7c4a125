package check

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
)

// Parameter is a setting of blue that replication between blue and green stands on.
type Parameter struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Unit    string `json:"unit,omitempty"`
	Used    *int64 `json:"used,omitempty"`   // what others have of it; nil where it is no number of places
	Needed  string `json:"needed,omitempty"` // beside what others have; "" for any value
	Restart bool   `json:"restart"`          // a change takes a restart of blue
	WayBack bool   `json:"way_back"`         // only what leads back needs it: blue following green after the switchover
	Enough  bool   `json:"enough"`
	Why     string `json:"why"`

	Finding *finding.Finding `json:"finding,omitempty"` // what is wrong with it; nil where it is enough
}

// parameterRow is what the table says of a parameter. It is a limit on a number of places, of which others have used and pgteal needs some, or it has
// to have a value of certain ones.
type parameterRow struct {
	name     string
	check    string // whose findings its findings are; "" where it is always enough
	before   int    // the major from which on it does not apply; 0 for none
	restart  bool
	wayBack  bool
	standbys bool // a standby has to have as much
	blocks   finding.Blocks
	why      string

	used   string                      // SQL for a number; $1 is postgres.NamePrefix, $2 the major
	needed func(databases int64) int64 // nil: it is no limit
	busy   finding.Blocks              // instead of blocks, where it is only others that leave no room now

	enough func(s *Session, value string) bool
	to     string // a value that is enough
	needs  string // which values are, where to is not the only one
	wrong  string // the reason, with verbs for value and unit
}

// cloudSetting is there where a cloud keeps the superuser to itself and settings in parameter groups.
const cloudSetting = "rds.logical_replication"

// Parameters returns every parameter that replication between blue and green stands on: what it is, what others use of it, and what this
// many databases need.
func Parameters(ctx context.Context, t Target) ([]Parameter, error) {
	s, err := openCluster(ctx, t)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if s.Major < pgctl.Oldest {
		return nil, nil
	}
	return s.allParameters(ctx)
}

// parameterCheck makes the check of the parameters that have its name in the table.
func parameterCheck(name string) func(context.Context, *Session) ([]finding.Finding, error) {
	return func(ctx context.Context, s *Session) ([]finding.Finding, error) {
		all, err := s.allParameters(ctx)
		var found []finding.Finding
		for _, p := range all {
			// Once pgteal's slots are there, the guardrail way-back has the last word: it can be overridden.
			if p.Finding != nil && p.Finding.Check == name && (!p.WayBack || !s.begun) {
				found = append(found, *p.Finding)
			}
		}
		return found, err
	}
}

// allParameters asks once a session, for all checks.
func (s *Session) allParameters(ctx context.Context) ([]Parameter, error) {
	if s.parameters != nil {
		return s.parameters, nil
	}
	used, err := s.usage(ctx)
	if err != nil {
		return nil, err
	}
	for i, r := range parameterRows {
		if !s.has(r) {
			continue
		}
		is := s.settings[r.name]
		p := Parameter{Name: r.name, Value: is.Value, Unit: is.Unit, Restart: r.restart, WayBack: r.wayBack, Why: r.why}
		if r.needed != nil {
			s.measure(r, used.places[i], used, &p)
		} else {
			s.judge(r, &p)
		}
		if r.name == "logical_decoding_work_mem" {
			p.Why += used.spilled(s.Major)
		}
		s.parameters = append(s.parameters, p)
	}
	s.begun = used.begun
	return s.parameters, nil
}

// has tells whether blue has the parameter, in the meaning of this row. In a cloud, its own setting stands for wal_level.
func (s *Session) has(r parameterRow) bool {
	_, there := s.settings[r.name]
	return there && (r.before == 0 || s.Major < r.before) && (r.name != "wal_level" || !s.cloud())
}

// usage is what is in use on blue now.
type usage struct {
	places               []int64          // of each row
	wanted               map[string]int64 // what a setting has to be so that all of its rows have enough
	standbys             int64
	databases            int64 // those to replicate, with those that take no connections yet: the check databases has them let in
	begun                bool  // pgteal's slots are there
	superuser            bool  // reserved connections are ours
	spills, spilledBytes int64
}

func (s *Session) usage(ctx context.Context) (u usage, err error) {
	if err := s.conn.QueryRow(ctx, `SELECT current_setting('is_superuser') = 'on'`).Scan(&u.superuser); err != nil {
		return u, err
	}
	var queries []string
	for _, r := range parameterRows {
		sql := r.used
		switch sql {
		case "":
			sql = "SELECT 0::bigint"
		case originsUsed:
			sql = postgres.OriginsUsed(u.superuser)
		}
		queries = append(queries, "("+sql+")")
	}
	spills := `SELECT 0::bigint, 0::bigint`
	if s.Major >= 14 {
		spills = `SELECT coalesce(sum(spill_txns), 0)::bigint, coalesce(sum(spill_bytes), 0)::bigint
			FROM pg_stat_replication_slots WHERE NOT starts_with(slot_name, $1)`
	}
	err = s.conn.QueryRow(ctx, `SELECT ARRAY[`+strings.Join(queries, ", ")+`]::bigint[], spill.*,
		(SELECT count(*) FROM pg_stat_replication r WHERE state <> 'backup'
			AND NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')),
		EXISTS (SELECT FROM pg_replication_slots WHERE starts_with(slot_name::text, $1)),
		(SELECT count(*) FROM pg_database WHERE NOT datallowconn AND NOT datistemplate AND datconnlimit <> -2)
		FROM (`+spills+`) spill`, postgres.NamePrefix, s.Major).Scan(&u.places, &u.spills, &u.spilledBytes, &u.standbys, &u.begun, &u.databases)
	if err != nil {
		return u, fmt.Errorf("ask what is in use on %s: %w", s.Blue.Name, err)
	}
	u.databases += int64(len(s.Databases))
	if !u.superuser { // places that others cannot take, and neither can we
		for i, r := range parameterRows {
			if r.name == "max_connections" {
				u.places[i] += atoi(s.settings["superuser_reserved_connections"].Value) + atoi(s.settings["reserved_connections"].Value)
			}
		}
	}
	u.wanted = map[string]int64{}
	for i, r := range parameterRows {
		if r.needed != nil && s.has(r) {
			u.wanted[r.name] = max(u.wanted[r.name], u.places[i]+r.needed(u.databases))
		}
	}
	return u, nil
}

// spilled says what transactions that outgrow logical_decoding_work_mem cost.
func (u usage) spilled(major int) string {
	says := "; what outgrows it goes to green at once, where it can"
	if major < 14 { // both sides have to be able to stream (postgres.Subscription)
		says = "; what outgrows it lies on blue's disk until it is over, for each slot of the database"
	}
	if u.spills > 0 {
		says += fmt.Sprintf("; the slots of others have written %d transactions, %d MB, to disk", u.spills, u.spilledBytes>>20)
	}
	return says
}

// measure judges a limit on a number of places.
func (s *Session) measure(r parameterRow, used int64, u usage, p *Parameter) {
	limit, needed := atoi(p.Value), r.needed(u.databases)
	p.Used, p.Needed = &used, strconv.FormatInt(needed, 10)
	if p.Enough = limit-used >= needed; p.Enough {
		return
	}
	f := finding.Finding{
		Check: r.check, Blocks: r.blocks, Object: "setting " + r.name + " of blue",
		Reason: fmt.Sprintf("It is %d, of which others use %d. pgteal needs %d (%s).", limit, used, needed, r.why),
	}
	if r.wayBack {
		f.Reason = fmt.Sprintf("It is %d, of which others use %d. Once green serves, blue follows it so that rollback loses nothing, and that takes %d "+
			"(%s). Without them nothing leads back.", limit, used, needed, r.why)
	}
	if limit >= needed && r.busy != "" {
		f.Blocks = r.busy
	}
	if r.standbys && u.standbys > 0 {
		f.Reason += " A standby has to have at least as much: change it there first."
	}
	s.mend(r, p, f, strconv.FormatInt(max(u.wanted[r.name], atoi(s.altered[r.name])), 10)) // what is set and waits for a restart is not lowered
}

// judge judges a setting that has to have one of certain values.
func (s *Session) judge(r parameterRow, p *Parameter) {
	p.Needed, p.Enough = cmp.Or(r.needs, r.to), r.enough(s, p.Value)
	if p.Enough {
		return
	}
	f := finding.Finding{Check: r.check, Blocks: r.blocks, Object: "setting " + r.name + " of blue", Reason: r.wrong}
	verbs := []any{p.Value, p.Unit}
	f.Reason = fmt.Sprintf(r.wrong, verbs[:strings.Count(r.wrong, "%s")]...)
	s.mend(r, p, f, r.to)
}

// cloud tells whether blue's settings are in a parameter group.
func (s *Session) cloud() bool {
	_, is := s.settings[cloudSetting]
	return is
}

// mend says how a parameter becomes value.
func (s *Session) mend(r parameterRow, p *Parameter, f finding.Finding, value string) {
	then := "."
	if r.restart {
		then = ", then reboot its writer."
	}
	if s.cloud() {
		f.Fix = fmt.Sprintf("Set %s = %s in blue's parameter group%s", r.name, value, then)
	} else {
		f = s.setting(f, r.name, value, r.restart)
	}
	p.Finding = &f
}

// atoi reads a number that the server wrote, 0 where it has none.
func atoi(number string) int64 {
	n, _ := strconv.ParseInt(number, 10, 64)
	return n
}
