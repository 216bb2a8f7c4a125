package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
)

// assignment is a setting and the value that somebody gave it.
type assignment struct{ Name, Value string }

// targetSettings knows which settings the target takes. Where its programs are at hand they are asked, else postgres.GoneSettings
// has to do. All sessions of a run share it.
type targetSettings struct {
	to        int
	programs  pgctl.Programs
	describe  func() (map[string]described, error) // settings by lower-case name
	libraries func() (reservingLibraries, error)

	mu      sync.Mutex
	known   map[string]bool       // whether there are those that are not described
	refused map[assignment]string // why the target does not take what was asked about; empty: it takes it
}

// newTargetSettings asks nothing yet. It takes s as it is when the first one asks.
func newTargetSettings(ctx context.Context, s *Session) *targetSettings {
	return &targetSettings{
		to: s.To, programs: s.Programs, known: map[string]bool{}, refused: map[assignment]string{},
		describe:  sync.OnceValues(func() (map[string]described, error) { return describeSettings(ctx, s.Programs) }),
		libraries: sync.OnceValues(func() (reservingLibraries, error) { return s.reservingLibraries(ctx) }),
	}
}

// described is what postgres --describe-config says of a setting.
type described struct {
	Type    string // BOOLEAN, INTEGER, REAL, STRING or ENUM
	Default string // of strings and enums; of others it is wrong, since the program has not set them up yet
}

// describeSettings returns all settings but those for developers and those that cannot be set in files (displayStruct in
// src/backend/utils/misc/help_config.c). Root may ask too.
func describeSettings(ctx context.Context, p pgctl.Programs) (map[string]described, error) {
	out, err := p.Command(ctx, pgctl.Self(), "postgres", "--describe-config").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its settings: %w", p.Path("postgres"), err)
	}
	all := map[string]described{}
	for line := range strings.Lines(string(out)) {
		if columns := strings.Split(line, "\t"); len(columns) > 4 {
			all[strings.ToLower(columns[0])] = described{Type: columns[3], Default: columns[4]}
		}
	}
	return all, nil
}

// customName is what a setting of an extension's or of one's own has to be called from 14 on (valid_custom_variable_name in
// src/backend/utils/misc/guc.c). Before, a dot was enough.
var customName = regexp.MustCompile(`^(?:[A-Za-z_]|[^\x00-\x7f])(?:[\w$]|[^\x00-\x7f])*(?:\.(?:[A-Za-z_]|[^\x00-\x7f])(?:[\w$]|[^\x00-\x7f])*)+$`)

// hostBound are the settings of type string whose values depend on what the host has. Other strings are taken as they are, or are looked
// up in a database later on, and some are secrets, which must not be in a program's arguments.
var hostBound = map[string]bool{
	"client_encoding": true, "timezone": true, "timezone_abbreviations": true,
	"lc_messages": true, "lc_monetary": true, "lc_numeric": true, "lc_time": true,
}

// refusals says why the target does not take assignments. Those that it takes have an empty reason, or none.
func (t *targetSettings) refusals(ctx context.Context, all []assignment) (map[assignment]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var doubtful []assignment
	for _, a := range all {
		if _, ok := t.refused[a]; ok {
			continue
		}
		why, doubt, err := t.judge(ctx, a.Name)
		if err != nil {
			return nil, err
		}
		t.refused[a] = why
		if doubt {
			doubtful = append(doubtful, a)
		}
	}
	for some := range slices.Chunk(doubtful, 500) { // the length of a command line is limited
		if err := t.try(ctx, some); err != nil {
			return nil, err
		}
	}
	return maps.Clone(t.refused), nil
}

// unknown says why the target does not have a setting, and nothing where it has it.
func (t *targetSettings) unknown(ctx context.Context, name string) (why string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	why, _, err = t.judge(ctx, name)
	return why, err
}

// judge looks at a setting's name. doubt says that the target has it, and that values of it have to be tried.
func (t *targetSettings) judge(ctx context.Context, name string) (why string, doubt bool, err error) {
	if strings.Contains(name, ".") {
		why, err = t.judgeCustom(name)
		return why, false, err
	}
	name = strings.ToLower(name)
	if t.programs.Directory == "" {
		if gone := postgres.GoneSettings[name]; gone.Since != 0 && t.to >= gone.Since && !gone.Alias {
			why = t.lacks(name)
		}
		return why, false, nil
	}
	all, err := t.describe()
	if err != nil {
		return "", false, err
	}
	if is, ok := all[name]; ok {
		return "", is.Type != "STRING" || hostBound[name], nil
	}
	has, err := t.has(ctx, name)
	if err == nil && !has {
		why = t.lacks(name)
	}
	return why, false, err
}

func (t *targetSettings) judgeCustom(name string) (why string, err error) {
	if t.to >= 14 && !customName.MatchString(name) {
		return "Since 14 the parts of such a name are plain identifiers.", nil
	}
	if t.to < 15 || t.programs.Directory == "" {
		return "", nil
	}
	libraries, err := t.libraries()
	return libraries.refuse(name), err
}

func (t *targetSettings) lacks(name string) string {
	reason := fmt.Sprintf("PostgreSQL %d does not have it", t.to)
	if why := postgres.GoneSettings[name].Why; why != "" {
		reason += ": " + why
	}
	return reason + "."
}

// has tells whether the target knows a setting by name.
func (t *targetSettings) has(ctx context.Context, name string) (bool, error) {
	if has, ok := t.known[name]; ok {
		return has, nil
	}
	_, err := t.ask(ctx, name)
	if err != nil && !errors.Is(err, pgctl.ErrUnknownSetting) {
		return false, fmt.Errorf("ask %s for %s: %w", t.programs.Path("postgres"), name, err)
	}
	t.known[name] = err == nil
	return err == nil, nil
}

// try tells the target all assignments at once. Where it refuses, it is asked again with the halves, down to the single ones.
func (t *targetSettings) try(ctx context.Context, all []assignment) error {
	var args []string
	for _, a := range all {
		args = append(args, "-c", a.Name+"="+a.Value)
	}
	_, err := t.ask(ctx, "port", args...)
	said, refused := errors.AsType[pgctl.RefusedError](err)
	switch {
	case err == nil:
		return nil
	case refused && len(all) > 1:
		return errors.Join(t.try(ctx, all[:len(all)/2]), t.try(ctx, all[len(all)/2:]))
	case refused && len(all) == 1:
		if err = t.try(ctx, nil); err == nil { // it is not that the program does not run at all
			t.refused[all[0]] = fmt.Sprintf("PostgreSQL %d does not take its value: %s.", t.to, strings.TrimSuffix(said.Said, "."))
		}
		return err
	}
	return fmt.Errorf("ask %s whether it takes blue's settings: %w", t.programs.Path("postgres"), err)
}

// ask asks the target without a data directory and without a configuration file: it does not look into either.
func (t *targetSettings) ask(ctx context.Context, name string, args ...string) (string, error) {
	return t.programs.Setting(ctx, pgctl.Self(), name, append([]string{"-D", "/", "-c", "config_file=/dev/null"}, args...)...)
}
