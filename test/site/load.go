package site

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// patience is how long a condition may take on a busy machine.
const patience = time.Minute

// Logs is the directory of the writers' logs.
func (s *Site) Logs() string { return filepath.Join(s.Directory, "writers") }

// Load sets auditing writers to work on port, spread over the databases and the kinds of work, and returns when each has been
// acknowledged. They end with the test at the latest.
func (s *Site) Load(t testing.TB, port, writers int) *audit.Load {
	t.Helper()
	return s.load(t, fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable", port, App), writers)
}

// LoadAt is Load at an address in the cloud, where clients give their password.
func (a *Aurora) LoadAt(t testing.TB, host string, writers int) *audit.Load {
	t.Helper()
	password := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(a.Password)
	return a.load(t, fmt.Sprintf("host=%s port=%d user=%s password='%s' sslmode=require", host, a.AWS.Port(), App, password), writers)
}

func (s *Site) load(t testing.TB, conninfo string, writers int) *audit.Load {
	t.Helper()
	kinds := []audit.Work{audit.Transfer, audit.Single, audit.Sequence, audit.Heartbeat}
	var all []audit.Writer
	for i := range writers {
		all = append(all, audit.Writer{
			ID: "writer-" + strconv.Itoa(i), Work: kinds[i%len(kinds)], Database: s.Databases[i%len(s.Databases)], Directory: s.Logs(),
			Think: 20 * time.Millisecond, Conninfo: conninfo,
		})
	}
	load, err := audit.Start(context.Background(), all...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := load.Stop(); err != nil {
			t.Error(err)
		}
	})
	AwaitWrites(t, load, writers)
	return load
}

// AwaitWrites returns when each of the writers has been acknowledged once more.
func AwaitWrites(t testing.TB, load *audit.Load, writers int) {
	t.Helper()
	before := load.Summary().Writers
	pgtest.Eventually(t, patience, "every writer is acknowledged", func() bool {
		now := load.Summary().Writers
		for id, m := range now {
			if m.Acknowledged <= before[id].Acknowledged {
				return false
			}
		}
		return len(now) == writers
	})
}

// Judge stops the writers and holds their logs against the server that serves in the end.
func (s *Site) Judge(t testing.TB, load *audit.Load, final *pgtest.Server) audit.Verdict {
	t.Helper()
	if err := load.Stop(); err != nil {
		t.Fatal(err)
	}
	v, err := audit.Judge(t.Context(), s.Logs(), final.Server, s.Databases)
	if err != nil {
		t.Fatal(err)
	}
	if damage := v.Damage(); damage != "" {
		t.Error("the clients' logs say: ", damage)
	}
	return v
}
