package green

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
)

// systemd starts green by a unit of its own, for hosts whose packages know one cluster a major, or none.
type systemd struct {
	g    Cluster
	unit string
}

const (
	unitDirectory = "/etc/systemd/system"
	unitMark      = "# Made by pgteal"
)

func (systemd) Kind() string { return KindSystemd }

func (s systemd) Cluster() pgctl.Cluster { return s.g.New }

func (s systemd) file() string { return filepath.Join(unitDirectory, s.unit) }

func (s systemd) Adopt(ctx context.Context) error {
	if content, err := os.ReadFile(s.file()); err == nil && !strings.HasPrefix(string(content), unitMark) {
		return fault.New(fault.Usage, fmt.Errorf("%s exists already, and pgteal did not make it", s.file()),
			"Give the upgrade another name.")
	}
	if err := s.g.registered(KindSystemd, s.file(), false); err != nil {
		return err
	}
	if err := writeAs(pgctl.Self(), s.file(), []byte(s.text()), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{{"daemon-reload"}, {"enable", s.unit}} {
		if err := command(ctx, "systemctl", args...); err != nil {
			return err
		}
	}
	return s.g.registered(KindSystemd, s.file(), true)
}

func (s systemd) Start(ctx context.Context) error   { return s.ctl(ctx, "start") }
func (s systemd) Stop(ctx context.Context) error    { return s.ctl(ctx, "stop") }
func (s systemd) Restart(ctx context.Context) error { return s.ctl(ctx, "restart") }

func (s systemd) ctl(ctx context.Context, action string) error {
	if err := command(ctx, "systemctl", action, s.unit); err != nil {
		return fault.WithHint(err, "journalctl -u "+s.unit)
	}
	return nil
}

func (s systemd) Forget(ctx context.Context) error {
	content, err := os.ReadFile(s.file())
	if err == nil && strings.HasPrefix(string(content), unitMark) {
		if err := command(ctx, "systemctl", "disable", "--now", s.unit); err != nil {
			return err
		}
		if err := os.Remove(s.file()); err != nil {
			return err
		}
		if err := command(ctx, "systemctl", "daemon-reload"); err != nil {
			return err
		}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.g.registered("", "", false)
}

// text is the unit. KillMode and KillSignal are those of PostgreSQL's documentation
// (https://www.postgresql.org/docs/current/server-start.html): a fast shutdown, by the postmaster alone.
func (s systemd) text() string {
	c := s.g.New
	start := "Type=notify\nExecStart=" + unitQuote(c.Path("postgres")) + " -D " + unitQuote(c.DataDirectory)
	if !notifies(c.Path("postgres")) {
		start = "Type=forking\nPIDFile=" + strings.ReplaceAll(filepath.Join(c.DataDirectory, "postmaster.pid"), "%", "%%") +
			"\nExecStart=" + unitQuote(c.Path("pg_ctl")) + " start -D " + unitQuote(c.DataDirectory) + " -s -w -t 86400"
	}
	return fmt.Sprintf(`%s; it may be changed.
[Unit]
Description=PostgreSQL %d database server
Documentation=man:postgres(1)
After=network-online.target
Wants=network-online.target

[Service]
User=%s
Group=%s
%s
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
KillSignal=SIGINT
TimeoutSec=infinity
# The kernel should not choose the postmaster when memory runs out; its children are back at 0.
OOMScoreAdjust=-900
Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj

[Install]
WantedBy=multi-user.target
`, unitMark, c.Major, userName(c.Account.UID), groupName(c.Account.GID), start)
}

// notifies tells whether the server was built to tell systemd that it is ready.
func notifies(postgres string) bool {
	file, err := elf.Open(postgres)
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // nothing was written
	libraries, err := file.ImportedLibraries()
	return err == nil && slices.ContainsFunc(libraries, func(l string) bool { return strings.HasPrefix(l, "libsystemd") })
}

// unitQuote quotes a word of a command line (systemd.service(5), "COMMAND LINES").
func unitQuote(word string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(word) + `"`
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(gid)
}
