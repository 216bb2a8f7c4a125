package green

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider"
)

// CarryOptions are what green needs besides blue's settings.
type CarryOptions struct {
	Subscriptions int    // how many subscriptions green will have at a time, and slots for the way back
	Fence         string // postgres.HBA's block, which goes before everything else in pg_hba.conf in place of blue's; may be empty
}

// carriedFile is read after postgresql.conf, as Debian's packages arrange it, and overruled by ALTER SYSTEM.
const carriedFile = "conf.d/pgteal-carried.conf"

// Carry gives green blue's settings for the whole cluster, pg_hba.conf and pg_ident.conf. Settings of databases and roles have
// come along with pg_upgrade. Green need not run; it takes them at its next start. Where blue is on another host, files that blue's
// data directory holds are taken from the clone, so it has to be called before that is removed.
//
// It returns what was carried over and is different from what green would have had, what was changed, and what was left out and why.
func (g Cluster) Carry(ctx context.Context, blue *postgres.Server, o CarryOptions) ([]provider.Carried, error) {
	if err := g.prepare(); err != nil {
		return nil, err
	}
	all, err := readBlue(ctx, blue)
	if err != nil {
		return nil, err
	}
	ask, err := g.asker()
	if err != nil {
		return nil, err
	}
	ssl, withoutSSL, err := g.carrySSL(all)
	if err != nil {
		return nil, err
	}
	verdicts := make([]*provider.Carried, len(all))
	group, groupContext := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, s := range all {
		group.Go(func() (err error) {
			switch file, isSSL := ssl[s.name]; {
			case isSSL && withoutSSL == "":
				verdicts[i], err = g.judge(groupContext, ask, all, setting{name: s.name, value: file, set: true})
			case s.name == "ssl" && withoutSSL != "":
				verdicts[i] = &provider.Carried{Name: "ssl", Reason: withoutSSL}
			case s.set || postgres.InitdbSettings[s.name] && s.running != "":
				verdicts[i], err = g.judge(groupContext, ask, all, s)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	carried := g.merge(verdicts, append(g.sizes(all, o.Subscriptions), g.idle(all)...), all)
	if err := g.writeCarried(carried); err != nil {
		return nil, err
	}
	notes, err := g.carryAccess(ctx, blue, o.Fence)
	if err != nil {
		return nil, err
	}
	if err := ask.whole(ctx); err != nil {
		return nil, fault.WithHint(fmt.Errorf("check green's configuration in %s: %w", g.configDirectory(), err),
			"Mend the file and run this again.")
	}
	return masked(append(carried, notes...)), nil
}

// judge decides over one of blue's settings. It returns nil where green has the same without it.
func (g Cluster) judge(ctx context.Context, ask asker, all []setting, s setting) (*provider.Carried, error) {
	value, reason, keep := g.special(all, s)
	switch {
	case !keep && (s.value == "" || strings.HasPrefix(reason, ownReason)):
		return nil, nil //nolint:nilnil // it was switched off, or it is about where blue is: green does not miss it
	case !keep:
		return &provider.Carried{Name: s.name, Reason: reason}, nil
	}
	name, changed := s.name, value != s.value
	if gone := postgres.GoneSettings[name]; gone.Now != "" && g.New.Major >= gone.Since {
		name, reason, changed = gone.Now, "renamed from "+s.name, true
		if gone.Value != nil {
			segment, err := ask.value(ctx, "wal_segment_size") // in bytes, and the same as blue's
			if err != nil {
				return nil, err
			}
			size, _ := strconv.Atoi(segment) // the server printed it
			value = gone.Value(s.running, max(1, size>>20))
		}
	}
	read, err := ask.accepts(ctx, name, value)
	if err != nil && !errors.Is(err, pgctl.ErrUnknownSetting) && !changed && s.running != "" && ctx.Err() == nil {
		// An old spelling that the new major no longer takes, such as password_encryption = on.
		if again, asRunning := ask.accepts(ctx, name, s.running); asRunning == nil {
			read, err, value = again, nil, s.running
		}
	}
	if err != nil {
		return g.refused(ctx, s.name, name, err)
	}
	if own, err := ask.value(ctx, name); err == nil && own == read && reason == "" {
		return nil, nil //nolint:nilnil // there is nothing to carry over
	}
	return &provider.Carried{Name: name, Value: value, Reason: reason}, nil
}

// refused words why the new major does not take a setting.
func (g Cluster) refused(ctx context.Context, name, asked string, err error) (*provider.Carried, error) {
	switch why := postgres.GoneSettings[asked].Why; {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, pgctl.ErrUnknownSetting) && why != "":
		return &provider.Carried{Name: name, Reason: fmt.Sprintf("PostgreSQL %d does not have it: %s", g.New.Major, why)}, nil
	case errors.Is(err, pgctl.ErrUnknownSetting):
		return &provider.Carried{Name: name, Reason: fmt.Sprintf("PostgreSQL %d does not have it", g.New.Major)}, nil
	}
	return &provider.Carried{Name: name, Reason: fmt.Sprintf("PostgreSQL %d does not take it: %v", g.New.Major, err)}, nil
}

// merge puts the sizes that replication needs in the place of blue's own.
func (g Cluster) merge(verdicts []*provider.Carried, sizes []provider.Carried, all []setting) []provider.Carried {
	var carried []provider.Carried
	silentArchive := false
	for _, v := range verdicts {
		if v == nil || slices.ContainsFunc(sizes, func(s provider.Carried) bool { return s.Name == v.Name }) {
			continue
		}
		carried = append(carried, *v)
		silentArchive = silentArchive || v.Name == "archive_library" && byName(all, "archive_library").value != "" && v.Value == ""
	}
	silent := func(c provider.Carried) bool { return c.Name == "archive_command" && c.Value != "" }
	if silentArchive && !slices.ContainsFunc(carried, silent) {
		carried = append(carried, provider.Carried{
			Name: "archive_command", Value: "/bin/true", Reason: "in place of archive_library: lets green recycle its WAL",
		})
	}
	return append(carried, sizes...)
}

// writeCarried writes what was carried over, and makes green read it.
func (g Cluster) writeCarried(carried []provider.Carried) error {
	var file strings.Builder
	fmt.Fprintf(&file, "# What pgteal carried over from the PostgreSQL %d cluster that this one was made from.\n", g.Old.Major)
	var missing strings.Builder
	for _, c := range carried {
		note := strings.Join(strings.Fields(c.Reason), " ")
		if c.Value == "" && c.Reason != "" {
			fmt.Fprintf(&missing, "# %s: %s\n", c.Name, note)
			continue
		}
		if note != "" {
			fmt.Fprintf(&file, "# %s\n", note)
		}
		file.WriteString(confLine(c.Name, c.Value))
	}
	if missing.Len() > 0 {
		file.WriteString("\n# Left out:\n" + missing.String())
	}
	dir := g.configDirectory()
	if path := filepath.Join(dir, filepath.Dir(carriedFile)); !exists(path) {
		if _, err := g.New.Account.Mkdir(path); err != nil {
			return err
		}
	}
	if err := writeAs(g.New.Account, filepath.Join(dir, carriedFile), []byte(file.String()), 0o640); err != nil {
		return err
	}
	main := filepath.Join(dir, "postgresql.conf")
	content, err := os.ReadFile(main)
	if err != nil {
		return err
	}
	info, err := os.Stat(main)
	if err != nil {
		return err
	}
	text := setConf(string(content), "port", strconv.Itoa(g.Port))
	if !regexp.MustCompile(`(?mi)^[ \t]*include_dir[ \t=]+'conf\.d'`).MatchString(text) {
		text = setConf(text, "include_dir", filepath.Dir(carriedFile))
	}
	return writeAs(g.New.Account, main, []byte(text), info.Mode().Perm())
}

var secretName = regexp.MustCompile(`(?i)pass|secret|token|credential|api_?key`)

// masked hides the values of settings that may hold a secret: they are shown and kept in reports.
func masked(carried []provider.Carried) []provider.Carried {
	for i, c := range carried {
		if c.Value != "" && secretName.MatchString(c.Name) && c.Name != "password_encryption" {
			carried[i].Value = "(not shown)"
		}
	}
	return carried
}
