package torture

import (
	"context"
	"strconv"
	"syscall"
	"time"

	"github.com/pgteal/pgteal/internal/pgtest"
)

// serverFaults happen to the servers and to PgBouncer.
func serverFaults() (all []*kind) {
	for _, cluster := range clusters {
		all = append(all, &kind{
			name: "immediate restart of " + cluster, often: 3, moments: anywhere, longest: 1500 * time.Millisecond,
			strike: func(r *round, _ strike) func() {
				r.stop(cluster)
				return func() { r.startAgain(cluster) }
			},
		}, &kind{
			name: "a backend of " + cluster + " killed", often: 1, moments: anywhere,
			strike: func(r *round, _ strike) func() { // its server then ends every session and recovers by itself
				r.signal(syscall.SIGKILL, r.backends(cluster, `backend_type = 'walwriter'`)...)
				return func() { r.startAgain(cluster) }
			},
		}, &kind{
			name: "the postmaster of " + cluster + " frozen", often: 1, moments: anywhere, longest: maxPause,
			strike: func(r *round, _ strike) func() { // sessions go on; there are no new ones, and no configuration is read
				p, err := r.server(cluster).Cluster.Postmaster()
				if err != nil {
					r.logf("%v", err)
					return nil
				}
				r.signal(syscall.SIGSTOP, p.PID)
				return func() { r.signal(syscall.SIGCONT, p.PID) }
			},
		})
	}
	return append(all, &kind{
		name: "immediate restart of PgBouncer", often: 3, moments: anywhere, longest: time.Second,
		strike: func(r *round, _ strike) func() {
			r.site.Bouncer.Stop()
			return func() { r.site.RestartBouncer(r.t) }
		},
	}, &kind{
		name: "PgBouncer frozen", often: 1, moments: anywhere, longest: maxPause,
		strike: func(r *round, _ strike) func() {
			pids := processes(func(arguments []string) bool { return len(arguments) > 1 && arguments[1] == r.site.Bouncer.ConfigFile })
			r.signal(syscall.SIGSTOP, pids...)
			return func() { r.signal(syscall.SIGCONT, pids...) }
		},
	})
}

func (r *round) server(cluster string) *pgtest.Server {
	if cluster == "blue" {
		return r.site.Blue
	}
	return r.site.Green(r.t)
}

// stop ends a server as a crash of its machine would, but for what the operating system has of its files.
func (r *round) stop(cluster string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.server(cluster).Cluster.Stop(ctx, "immediate"); err != nil {
		r.t.Error(err)
	}
}

// startAgain starts a server and waits until it takes sessions. Pgteal may start green at the same time.
func (r *round) startAgain(cluster string) {
	r.t.Helper()
	server := r.server(cluster)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.eventually(cluster+" runs again", func() bool {
		if _, err := server.Cluster.Postmaster(); err != nil {
			if err := server.Cluster.Start(ctx, server.LogFile); err != nil {
				r.logf("start %s: %v", cluster, err)
				return false
			}
		}
		err := server.Cluster.Command(ctx, server.Cluster.Account, "pg_isready", "--host", "127.0.0.1", "--port",
			strconv.Itoa(r.port(cluster))).Run()
		return err == nil
	})
}
