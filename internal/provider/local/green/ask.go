package green

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// asker asks the programs of the new major what they know. It needs no running server.
type asker struct {
	g    Cluster
	base string // green's configuration file without what it includes
}

var includes = regexp.MustCompile(`(?mi)^[ \t]*include(_dir|_if_exists)?[ \t=]`)

func (g Cluster) asker() (asker, error) {
	content, err := os.ReadFile(filepath.Join(g.configDirectory(), "postgresql.conf"))
	if err != nil {
		return asker{}, err
	}
	a := asker{g: g, base: filepath.Join(g.run(), "base.conf")}
	return a, writeAs(g.New.Account, a.base, includes.ReplaceAll(content, []byte("#$0")), 0o600)
}

// value returns what green has without anything carried over, in the unit of pg_settings.
func (a asker) value(ctx context.Context, name string) (string, error) {
	return a.ask(ctx, name, "-c", "config_file="+a.base)
}

// accepts returns how the new major reads a value, in the unit of pg_settings, or why it does not take it. The value goes by a file: it may be a
// secret, and everybody on the host can read arguments.
func (a asker) accepts(ctx context.Context, name, value string) (string, error) {
	file := filepath.Join(a.g.run(), "ask-"+name+".conf")
	if err := writeAs(a.g.New.Account, file, []byte(confLine("include", a.base)+confLine(name, value)), 0o600); err != nil {
		return "", err
	}
	defer os.Remove(file) //nolint:errcheck // the directory goes with the upgrade
	read, err := a.ask(ctx, name, "-c", "config_file="+file)
	if refused, ok := errors.AsType[pgctl.RefusedError](err); ok {
		err = pgctl.RefusedError{Said: strings.TrimSpace(strings.ReplaceAll(refused.Said, fmt.Sprintf("configuration file %q contains errors", file), ""))}
	}
	return read, err
}

// whole checks green's configuration file with all that it includes.
func (a asker) whole(ctx context.Context) error {
	_, err := a.ask(ctx, "data_directory", "-c", "config_file="+filepath.Join(a.g.configDirectory(), "postgresql.conf"))
	return err
}

func (a asker) ask(ctx context.Context, name string, args ...string) (string, error) {
	return a.g.New.Setting(ctx, a.g.New.Account, name, append([]string{"-D", a.g.New.DataDirectory}, args...)...)
}
