package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const settingDefaultsWhy = `What blue does not set, green has from its own defaults, and some of those change from one major version to
the next: how passwords are stored, what is logged, what the planner believes of the disks. (Not checked where the new version's programs
are on another host.)`

// defaulted is a setting that blue does not set.
type defaulted struct {
	Name, Unit, Kind string
	Boot             string // the server's default
	Value            string // what it comes to on this host
}

// defaultedSQL takes a setting that a session has changed for one that nobody else has, if resetting it brings the default.
const defaultedSQL = `
SELECT name, coalesce(unit, ''), vartype, coalesce(boot_val, ''), coalesce(CASE source WHEN 'default' THEN reset_val ELSE boot_val END, '')
FROM pg_settings WHERE context <> 'internal' AND source NOT IN ('configuration file', 'command line', 'environment variable', 'override')
	AND (source <> 'session' OR reset_val = boot_val)
ORDER BY name`

func settingDefaults(ctx context.Context, s *Session) ([]finding.Finding, error) {
	in, known, err := installed(ctx, s.Programs)
	if err != nil || !known {
		return nil, err
	}
	sample, err := sampleSettings(filepath.Join(filepath.Dir(in.extensions), "postgresql.conf.sample"))
	if errors.Is(err, fs.ErrNotExist) { // a package may leave it out
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the defaults of PostgreSQL %d: %w", s.To, err)
	}
	unset, err := s.defaulted(ctx)
	if err != nil {
		return nil, err
	}
	now, err := s.target.otherDefaults(ctx, unset, sample)
	if err != nil {
		return nil, err
	}
	var changes, keep []string
	for i, d := range unset {
		if now[i] != nil {
			changes = append(changes, fmt.Sprintf("%s: %s -> %s", d.Name, withUnit(d.Value, d.Unit), withUnit(*now[i], d.Unit)))
			keep = append(keep, fmt.Sprintf("ALTER SYSTEM SET %s = %s;", settingIdent(d.Name), postgres.Literal(withUnit(d.Value, d.Unit))))
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	return []finding.Finding{{
		Blocks: finding.Nothing, Object: fmt.Sprintf("defaults of PostgreSQL %d", s.To),
		Reason: "Blue does not set these, and green will have its own defaults: " + strings.Join(changes, ", ") + ".",
		Fix:    "To keep one of them as it is, set it on blue, from where pgteal carries it over: " + strings.Join(keep, " "),
	}}, nil
}

// defaulted lists what blue does not set and green does not get from blue all the same.
func (s *Session) defaulted(ctx context.Context) ([]defaulted, error) {
	rows, _ := s.conn.Query(ctx, defaultedSQL)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[defaulted])
	if err != nil {
		return nil, err
	}
	set, err := s.changed(ctx)
	if err != nil {
		return nil, err
	}
	isSet := maps.Clone(postgres.InitdbSettings)
	for _, c := range set {
		isSet[c.Name] = true
	}
	return slices.DeleteFunc(all, func(d defaulted) bool { return isSet[d.Name] }), nil
}

// otherDefaults returns the target's defaults where they are others than blue's, in the order of settings. sample has the target's defaults as
// postgresql.conf.sample writes them: it is quick to read, but not everything in it is so.
func (t *targetSettings) otherDefaults(ctx context.Context, settings []defaulted, sample map[string]string) ([]*string, error) {
	all, err := t.describe()
	if err != nil {
		return nil, err
	}
	now := make([]*string, len(settings))
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for i, d := range settings {
		is, ok := all[strings.ToLower(d.Name)]
		switch {
		case !ok: // it is for developers, or gone
		case is.Type == "STRING" || is.Type == "ENUM":
			if !d.same(is.Default) {
				now[i] = &is.Default
			}
		case !d.same(inUnit(sample[strings.ToLower(d.Name)], d.Unit)):
			g.Go(func() error {
				value, err := t.ask(ctx, d.Name)
				if err != nil {
					return fmt.Errorf("ask %s for %s: %w", t.programs.Path("postgres"), d.Name, err)
				}
				if !d.same(value) {
					now[i] = &value
				}
				return nil
			})
		}
	}
	return now, g.Wait()
}

// same tells whether a default of the target's is blue's. A switch that has become a list is off while that is empty.
func (d defaulted) same(value string) bool {
	return strings.EqualFold(value, d.Boot) || strings.EqualFold(value, d.Value) || d.Kind == "bool" && d.Boot == "off" && value == ""
}

var sampleLine = regexp.MustCompile(`(?m)^#?(\w+)\s*=\s*('(?:[^']|'')*'|[^\s#]*)`)

// sampleSettings reads a version's postgresql.conf.sample, from which initdb makes postgresql.conf: it has all settings that are not for
// developers, with their defaults, by lower-case name.
func sampleSettings(file string) (map[string]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	written := map[string]string{}
	for _, m := range sampleLine.FindAllStringSubmatch(string(content), -1) {
		written[strings.ToLower(m[1])] = strings.Trim(m[2], "'")
	}
	return written, nil
}

// sizes are the units of settings (src/backend/utils/misc/guc.c), of memory in bytes, of time in microseconds.
var sizes = map[string]float64{
	"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40,
	"us": 1, "ms": 1e3, "s": 1e6, "min": 60e6, "h": 3600e6, "d": 86400e6,
}

var quantity = regexp.MustCompile(`^(-?[\d.]*) ?([A-Za-z]+)$`)

// inUnit turns a value with a unit of its own, or an octal number, into one in the unit of pg_settings.
func inUnit(value, unit string) string {
	if n, err := strconv.ParseInt(value, 0, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	m, u := quantity.FindStringSubmatch(value), quantity.FindStringSubmatch(unit)
	if m == nil || u == nil || m[1] == "" {
		return value
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return value
	}
	per, err := strconv.ParseFloat(u[1], 64) // as in 8kB
	if err != nil {
		per = 1
	}
	return strconv.FormatFloat(n*sizes[m[2]]/(per*sizes[u[2]]), 'f', -1, 64)
}

// withUnit writes a value of pg_settings as people do, and as SET takes it.
func withUnit(value, unit string) string {
	n, err := strconv.ParseFloat(value, 64)
	u := quantity.FindStringSubmatch(unit)
	if err != nil || u == nil || n <= 0 {
		return value
	}
	if per, err := strconv.ParseFloat(u[1], 64); err == nil {
		value = strconv.FormatFloat(n*per, 'f', -1, 64)
	}
	return value + u[2]
}
