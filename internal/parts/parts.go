// Package parts makes what a configuration names: its provider and its routes.
package parts

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider"
	"github.com/pgteal/pgteal/internal/provider/aurora"
	"github.com/pgteal/pgteal/internal/provider/local"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/upgrade"
)

// Of makes the parts of the upgrade that cfg describes.
func Of(ctx context.Context, cfg *config.Config, report progress.Reporter) (upgrade.Parts, error) {
	p, at, err := providerOf(ctx, cfg)
	if err != nil {
		return upgrade.Parts{}, err
	}
	routes, err := routes(cfg, at)
	return upgrade.Parts{Config: cfg, Provider: p, Routes: routes, Report: report}, err
}

// places are where routes reach blue and green, as far as that can be told before they are reached.
type places struct{ blue, green route.Endpoint }

// providerOf makes the provider of cfg. It says where its clusters are.
func providerOf(ctx context.Context, cfg *config.Config) (provider.Provider, places, error) {
	if cfg.Provider == config.ProviderAurora {
		password, err := readPassword("aurora.password_file", cfg.Aurora.PasswordFile)
		if err != nil {
			return nil, places{}, err
		}
		a := aurora.New(cfg, password)
		var at places
		if slices.ContainsFunc(cfg.Routes, needsPlaces) {
			at.blue, at.green, err = a.Endpoints(ctx)
		}
		return a, at, err
	}
	password, err := readPassword("blue.password_file", cfg.Blue.PasswordFile)
	if err != nil {
		return nil, places{}, err
	}
	l, err := local.New(cfg, password)
	return l, places{blue(cfg), route.Endpoint{Host: cfg.Green.Host, Port: cfg.Green.Port}}, err
}

// needsPlaces tells whether a route has to know beforehand where clusters of a cloud are. The others are told when they are led.
func needsPlaces(r config.Route) bool {
	return r.Route53 != nil || r.RDSProxy != nil || r.Rename != nil
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
