package pgctl

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"strings"
)

// ErrUnknownSetting says that a major does not have a setting.
var ErrUnknownSetting = errors.New("unrecognized configuration parameter")

// RefusedError is what a server says that does not start with its settings.
type RefusedError struct{ Said string }

func (e RefusedError) Error() string { return e.Said }

var severity = regexp.MustCompile(`(?m)^.*?(?:FATAL|ERROR|LOG|HINT|DETAIL): {2}`)

// Setting returns a setting as a server with these arguments would have it, in the unit of pg_settings. It needs no running server:
// postgres -C reads the configuration, checks it as at a start, and prints one setting
// (https://www.postgresql.org/docs/current/app-postgres.html). As its first argument it is allowed to root too
// (src/backend/main/main.c). The error is ErrUnknownSetting or a RefusedError where the server does not take the arguments.
func (p Programs) Setting(ctx context.Context, account Account, name string, args ...string) (string, error) {
	out, err := p.Command(ctx, account, "postgres", append([]string{"-C", name}, args...)...).Output()
	if err == nil {
		return strings.TrimSuffix(string(out), "\n"), nil
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || ctx.Err() != nil {
		return "", err
	}
	said := strings.TrimSpace(severity.ReplaceAllString(string(exit.Stderr), ""))
	if strings.Contains(said, ErrUnknownSetting.Error()) {
		return "", ErrUnknownSetting
	}
	return "", RefusedError{strings.Join(strings.Fields(said), " ")}
}
