package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Check returns every fault of the configuration at once, each with its key.
func (c *Config) Check() error {
	var faults []error
	fail := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			fail("%s: %q is none of %q", key, value, allowed)
		}
	}
	absolute := func(key, path string) {
		if path != "" && !filepath.IsAbs(path) {
			fail("%s: %q must be an absolute path", key, path)
		}
	}

	if !nameForm.MatchString(c.Upgrade) {
		fail("upgrade: %q must be a name of up to 40 letters a-z, digits, - and _", c.Upgrade)
	}
	if c.To < 1 {
		fail("to: the major version wanted is missing")
	}
	oneOf("provider", c.Provider, ProviderLocal, ProviderAurora)
	if c.Provider == ProviderAurora {
		c.checkAurora(fail, absolute)
		oneOf("finish.blue", c.Finish.Blue, "stop", "keep", "delete")
	} else {
		c.checkLocal(fail, oneOf, absolute)
		oneOf("finish.blue", c.Finish.Blue, "stop", "keep")
	}
	oneOf("switchover.open_transactions", c.Switchover.OpenTransactions, "end", "wait")
	if c.Switchover.MaxPause < 50*time.Millisecond || c.Switchover.MaxPause > time.Minute {
		fail("switchover.max_pause: %s is not between 50ms and 1m", c.Switchover.MaxPause)
	}
	absolute("state_directory", c.StateDirectory)
	c.checkRoutes(fail, absolute)
	for i, hook := range c.Hooks {
		hook.check(fmt.Sprintf("hooks[%d]", i), fail, absolute)
	}
	return errors.Join(faults...)
}

// checkRoutes tells fail what is wrong with the routes, each and together.
func (c *Config) checkRoutes(fail func(string, ...any), absolute func(key, path string)) {
	for i, route := range c.Routes {
		key := fmt.Sprintf("routes[%d]", i)
		route.check(key, fail, absolute)
		if (route.RDSProxy != nil || route.Rename != nil) && c.Provider != ProviderAurora {
			fail("%s: it needs provider: aurora", key)
		}
		if route.Rename == nil && route.Command == nil && c.Renames() {
			fail("%s: beside rename only command has a place: the others would lead to a name that moves", key)
		}
	}
}

// Renames tells whether the clusters have other addresses once clients were led by a route.
func (c *Config) Renames() bool {
	return slices.ContainsFunc(c.Routes, func(r Route) bool { return r.Rename != nil })
}

// checkLocal tells fail what is wrong with a configuration for provider local.
func (c *Config) checkLocal(fail func(string, ...any), oneOf func(key, value string, allowed ...string), absolute func(key, path string)) {
	if c.Aurora != (Aurora{}) {
		fail("aurora: it needs provider: aurora")
	}
	if c.Blue.DataDirectory == "" && c.Blue.Connection == "" {
		fail("blue: data_directory or connection is missing")
	}
	if c.Green.DataDirectory == "" {
		fail("green.data_directory: it is missing")
	}
	if c.Green.DataDirectory != "" && filepath.Clean(c.Green.DataDirectory) == filepath.Clean(c.Blue.DataDirectory) {
		fail("green.data_directory: it is blue's own, %s", c.Blue.DataDirectory)
	}
	if c.Green.Port < 1 || c.Green.Port > 65535 {
		fail("green.port: %d is not a port", c.Green.Port)
	}
	oneOf("green.service", c.Green.Service, "auto", "debian", "systemd", "pg_ctl")
	oneOf("clone.method", c.Clone.Method, "auto", "reflink", "copy", "basebackup")
	if c.Clone.Jobs < 0 {
		fail("clone.jobs: %d is below 0", c.Clone.Jobs)
	}
	for key, path := range map[string]string{
		"blue.data_directory": c.Blue.DataDirectory, "blue.bin_directory": c.Blue.BinDirectory,
		"blue.password_file": c.Blue.PasswordFile, "green.data_directory": c.Green.DataDirectory,
		"green.bin_directory": c.Green.BinDirectory,
	} {
		absolute(key, path)
	}
	if err := withoutPassword(c.Blue.Connection); err != nil {
		fail("blue.connection: %w", err)
	}
}

// withoutPassword refuses connection strings that hold a password: configuration files are shared and committed.
func withoutPassword(conninfo string) error {
	if conninfo == "" {
		return nil
	}
	if _, err := pgx.ParseConfig(conninfo); err != nil {
		return err
	}
	if passwordForm.MatchString(conninfo) {
		return errors.New("it holds a password; put that into password_file, PGPASSFILE or a service file")
	}
	return nil
}

var passwordForm = regexp.MustCompile(`(^|[\s?&])password\s*=|^postgres(ql)?://[^/@]*:[^/@]+@`)
