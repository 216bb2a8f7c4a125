package green

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
)

const debianRoot = "/etc/postgresql"

// debian makes green a cluster of Debian's postgresql-common, as if pg_createcluster had made it: pg_lsclusters lists it, its
// configuration is in /etc/postgresql/<major>/<name>, and it starts at boot.
type debian struct {
	g    Cluster
	name string // the data directory's last element
}

var debianNameForm = regexp.MustCompile(`^[\w.]+$`) // a dash would confuse its systemd units

// debian returns the service, or why this host or green's directories do not fit it.
func (g Cluster) debian() (Service, error) {
	d := debian{g: g, name: filepath.Base(g.New.DataDirectory)}
	wanted := fmt.Sprintf("/usr/lib/postgresql/%d/bin", g.New.Major)
	_, err := exec.LookPath("/usr/bin/pg_createcluster")
	switch {
	case err != nil:
		return nil, fault.New(fault.Usage, errors.New("green.service: debian needs the package postgresql-common"),
			"Install it, or set green.service.")
	case filepath.Clean(g.New.Directory) != wanted:
		return nil, fault.New(fault.Usage, fmt.Errorf("green.service: debian needs the programs in %s, not %s", wanted, g.New.Directory),
			fmt.Sprintf("Install postgresql-%d, or set green.service.", g.New.Major))
	case !debianNameForm.MatchString(d.name):
		return nil, fault.New(fault.Usage, fmt.Errorf("green.service: debian cannot name a cluster %q", d.name),
			"The last element of green.data_directory is the cluster's name: letters, digits, _ and dots.")
	case os.Geteuid() != 0:
		return nil, fault.New(fault.Usage, errors.New("green.service: debian needs root"),
			"Run pgteal as root, or set green.service: pg_ctl.")
	}
	return d, nil
}

func (debian) Kind() string { return KindDebian }

func (d debian) major() string { return strconv.Itoa(d.g.New.Major) }

func (d debian) config() string { return filepath.Join(debianRoot, d.major(), d.name) }

func (d debian) log() string {
	return fmt.Sprintf("/var/log/postgresql/postgresql-%s-%s.log", d.major(), d.name)
}

func (d debian) Cluster() pgctl.Cluster {
	c := d.g.New
	c.ConfigDirectory = d.config()
	return c
}

// Adopt lets pg_createcluster integrate a directory that holds no more than green's configuration files, and then leads the result
// to green. Given green's own directory, pg_createcluster would delete that when anything fails half-way: it cleans up with
// pg_dropcluster.
func (d debian) Adopt(ctx context.Context) error {
	c, err := d.g.readClaim()
	if err != nil {
		return err
	}
	ours := c.Registration == d.config()
	if !ours || !c.Registered {
		if err := d.create(ctx, ours); err != nil {
			return err
		}
	}
	for _, file := range []string{"postgresql.conf", "pg_hba.conf", "pg_ident.conf"} { // as in every cluster of Debian's
		if err := os.Remove(filepath.Join(d.g.New.DataDirectory, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (d debian) create(ctx context.Context, ours bool) error {
	if entries, err := os.ReadDir(d.config()); err == nil && len(entries) > 0 && !ours {
		return fault.New(fault.Usage, fmt.Errorf("a cluster %s/%s of Debian's exists already: %s", d.major(), d.name, d.config()),
			fmt.Sprintf("If nobody uses it: pg_dropcluster %s %s. Else give green.data_directory another last element.", d.major(), d.name))
	}
	if err := d.g.registered(KindDebian, d.config(), false); err != nil {
		return err
	}
	if err := os.RemoveAll(d.config()); err != nil { // left by an earlier attempt of ours
		return err
	}
	skeleton := filepath.Join(d.g.run(), d.name)
	if err := os.RemoveAll(skeleton); err != nil {
		return err
	}
	if _, err := d.g.New.Account.Mkdir(skeleton); err != nil {
		return err
	}
	defer os.RemoveAll(skeleton) //nolint:errcheck // it is in our private directory, which goes as a whole
	for _, file := range []string{"PG_VERSION", "postgresql.conf", "pg_hba.conf", "pg_ident.conf"} {
		if err := copyTree(filepath.Join(d.g.New.DataDirectory, file), filepath.Join(skeleton, file)); err != nil {
			return err
		}
	}
	if err := command(ctx, "/usr/bin/pg_createcluster", "--datadir", skeleton, "--port", strconv.Itoa(d.g.Port), "--start-conf", "auto",
		"--user", strconv.Itoa(d.g.New.Account.UID), "--no-status", d.major(), d.name); err != nil {
		return fault.WithHint(err, "Mend what it says, then run this again.")
	}
	main := filepath.Join(d.config(), "postgresql.conf")
	content, err := os.ReadFile(main)
	if err != nil {
		return err
	}
	if err := writeAs(d.g.New.Account, main, []byte(setConf(string(content), "data_directory", d.g.New.DataDirectory)), 0o644); err != nil {
		return err
	}
	return d.g.registered(KindDebian, d.config(), true)
}

func (d debian) Start(ctx context.Context) error   { return d.ctl(ctx, "start") }
func (d debian) Stop(ctx context.Context) error    { return d.ctl(ctx, "stop") }
func (d debian) Restart(ctx context.Context) error { return d.ctl(ctx, "restart") }

// ctl runs pg_ctlcluster, which goes through systemd where that runs.
func (d debian) ctl(ctx context.Context, action string) error {
	_, err := d.g.New.Postmaster()
	if running := err == nil; running && action == "start" || !running && action == "stop" {
		return nil
	}
	if err := pgCtlcluster(ctx, d.major(), d.name, action); err != nil {
		return fmt.Errorf("%w\n%s", err, pgctl.Tail(d.log(), 10))
	}
	if _, err := d.g.New.Postmaster(); action != "stop" && err != nil {
		// Its systemd unit ignores a failed start.
		return fmt.Errorf("pg_ctlcluster %s %s %s: %w\n%s", d.major(), d.name, action, err, pgctl.Tail(d.log(), 10))
	}
	return nil
}

// pgCtlcluster runs pg_ctlcluster. Code 2 says that nothing was to be done.
func pgCtlcluster(ctx context.Context, major, name, action string) error {
	err := command(ctx, "/usr/bin/pg_ctlcluster", major, name, action)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 2 {
		return nil
	}
	return err
}

func (d debian) Forget(ctx context.Context) error {
	c, err := d.g.readClaim()
	if err != nil || c.Registration != d.config() {
		return err
	}
	if exists(filepath.Join(d.config(), "postgresql.conf")) {
		if err := d.Stop(ctx); err != nil {
			return err
		}
	}
	logs, _ := filepath.Glob(d.log() + "*") // the name holds no pattern
	for _, path := range append(logs, d.config()) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	_ = os.Remove(filepath.Dir(d.config())) // when no other cluster of that major is left
	if systemdRuns() {
		if err := command(ctx, "systemctl", "daemon-reload"); err != nil {
			return err
		}
	}
	if apt := "/usr/share/postgresql-common/pg_updateaptconfig"; exists(apt) {
		if err := command(ctx, apt); err != nil {
			return err
		}
	}
	return d.g.registered("", "", false)
}

var debianConfig = regexp.MustCompile(`^` + debianRoot + `/(\d+)/([\w.-]+)/?$`)

// debianName tells which cluster of Debian's c is.
func debianName(c pgctl.Cluster) (major, name string, ok bool) {
	m := debianConfig.FindStringSubmatch(c.ConfigDirectory)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}
