// Package parts makes what a configuration names: its provider and its routes.
package parts

import (
	"fmt"
	"os"
	"strings"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/local"
	"github.com/pgteal/pgteal/internal/upgrade"
)

// Of makes the parts of the upgrade that cfg describes.
func Of(cfg *config.Config, report progress.Reporter) (upgrade.Parts, error) {
	password, err := readPassword("blue.password_file", cfg.Blue.PasswordFile)
	if err != nil {
		return upgrade.Parts{}, err
	}
	p, err := local.New(cfg, password)
	if err != nil {
		return upgrade.Parts{}, err
	}
	routes, err := routes(cfg)
	return upgrade.Parts{Config: cfg, Provider: p, Routes: routes, Report: report}, err
}

// readPassword reads a file that holds a password and nothing else.
func readPassword(key, file string) (string, error) {
	if file == "" {
		return "", nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fault.New(fault.Usage, fmt.Errorf("%s: %w", key, err), "Name a file that holds the password alone and that you may read.")
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}
