package parts

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/command"
	"github.com/pgteal/pgteal/internal/route/haproxy"
	"github.com/pgteal/pgteal/internal/route/libpq"
	"github.com/pgteal/pgteal/internal/route/pgbouncer"
	"github.com/pgteal/pgteal/internal/route/rdsproxy"
	"github.com/pgteal/pgteal/internal/route/rename"
	"github.com/pgteal/pgteal/internal/route/route53"
)

// routes makes the routes of cfg, in their order, between two places.
func routes(cfg *config.Config, at places) (routes []route.Route, err error) {
	for i, r := range cfg.Routes {
		made, err := routeOf(fmt.Sprintf("routes[%d]", i), r, cfg, at)
		if err != nil {
			return nil, fault.New(fault.Usage, err, "")
		}
		routes = append(routes, made)
	}
	return routes, nil
}

// routeOf makes the route of cfg that stands under key.
func routeOf(key string, r config.Route, cfg *config.Config, at places) (route.Route, error) {
	switch {
	case r.PgBouncer != nil:
		password, err := readPassword(key+".pgbouncer.password_file", r.PgBouncer.PasswordFile)
		if err != nil {
			return nil, err
		}
		return pgbouncer.New(r.PgBouncer.Admin, password, r.PgBouncer.Include)
	case r.HAProxy != nil:
		return haproxy.New(haproxy.Config{
			Socket: r.HAProxy.Socket, Backend: r.HAProxy.Backend, Frontend: r.HAProxy.Frontend, StateFile: r.HAProxy.StateFile, Directory: cfg.State(),
		}), nil
	case r.Command != nil:
		return command.New(cfg.Upgrade, r.Command.Run, r.Command.Timeout), nil
	case r.Libpq != nil:
		password, err := readPassword(key+".libpq.password_file", r.Libpq.PasswordFile)
		if err != nil {
			return nil, err
		}
		return libpq.New(r.Libpq.Connection, password, at.green)
	case r.Route53 != nil:
		return route53.New(route53.Config{
			Zone: r.Route53.Zone, Record: r.Route53.Record, TTL: r.Route53.TTL, Region: r.Route53.Region, Profile: r.Route53.Profile,
			Blue: at.blue, Green: at.green, Directory: cfg.State(),
		}), nil
	case r.RDSProxy != nil:
		return rdsproxy.New(rdsproxy.Config{
			Proxy: r.RDSProxy.Name, TargetGroup: r.RDSProxy.TargetGroup, Region: cfg.Aurora.Region, Profile: cfg.Aurora.Profile,
			Blue: at.blue.Cluster, Green: cfg.GreenCluster(), Directory: cfg.State(),
		}), nil
	case r.Rename != nil:
		return rename.New(rename.Config{
			Cluster: cfg.Aurora.Cluster, Region: cfg.Aurora.Region, Profile: cfg.Aurora.Profile,
			Blue: at.blue.Cluster, Green: cfg.GreenCluster(), Directory: cfg.State(),
		}), nil
	default:
		return nil, fmt.Errorf("%s names no kind of route", key)
	}
}

// blue is where cfg has blue, as far as it can be told without a connection: without a host where that is this one, and with port 0
// where the port is not known.
func blue(cfg *config.Config) (e route.Endpoint) {
	if connection, err := pgconn.ParseConfig(cfg.Blue.Connection); err == nil && cfg.Blue.Connection != "" {
		e.Host, e.Port = connection.Host, int(connection.Port)
	} else if p, err := (pgctl.Cluster{DataDirectory: cfg.Blue.DataDirectory}).Postmaster(); err == nil {
		e.Port = p.Port
	}
	if strings.HasPrefix(e.Host, "/") {
		e.Host = ""
	}
	return e
}
