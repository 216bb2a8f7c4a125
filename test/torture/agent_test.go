package torture

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// agentTimeout bounds what is said to a server, which may be frozen.
const agentTimeout = 20 * time.Second

// agent opens a session as pgteal's own role, the only one that a closed cluster lets in. Nil where the server cannot be reached.
func (r *round) agent(cluster, database string) *pgx.Conn {
	secret, err := os.ReadFile(filepath.Join(r.stateDirectory(), "secret"))
	if err != nil {
		r.t.Error(err)
		return nil
	}
	config, err := pgx.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable connect_timeout=5", r.port(cluster), postgres.Role))
	if err != nil {
		r.t.Error(err)
		return nil
	}
	config.Database, config.Password = database, strings.TrimSpace(string(secret))
	config.RuntimeParams["application_name"] = agentName
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(r.t.Context(), config)
	if err != nil {
		r.logf("no session on %s: %v", cluster, err)
		return nil
	}
	return conn
}

// agentName tells the campaign's own sessions from pgteal's.
const agentName = "torture"

func (r *round) port(cluster string) int {
	if cluster == "blue" {
		return r.site.Blue.Port
	}
	return r.site.GreenPort
}

// say runs statements on a cluster. That it refuses or cannot be reached is part of the chaos, and only logged.
func (r *round) say(cluster, database string, statements ...string) {
	conn := r.agent(cluster, database)
	if conn == nil {
		return
	}
	defer postgres.Close(conn)
	for _, statement := range statements {
		r.exec(conn, statement)
	}
}

func (r *round) exec(conn *pgx.Conn, statement string) {
	ctx, cancel := context.WithTimeout(r.t.Context(), agentTimeout)
	defer cancel()
	if _, err := conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		r.logf("%s: %v", statement, err)
	}
}

// backends returns the processes on a cluster that fit a condition on pg_stat_activity.
func (r *round) backends(cluster, condition string) (pids []int) {
	conn := r.agent(cluster, "postgres")
	if conn == nil {
		return nil
	}
	defer postgres.Close(conn)
	ctx, cancel := context.WithTimeout(r.t.Context(), agentTimeout)
	defer cancel()
	rows, _ := conn.Query(ctx, `SELECT pid FROM pg_stat_activity WHERE `+condition)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		r.logf("look for backends on %s: %v", cluster, err)
	}
	return pids
}
