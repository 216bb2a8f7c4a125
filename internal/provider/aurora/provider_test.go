package aurora

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// TestBlueBecomesGreen goes the way of an upgrade, with a new process for each step.
func TestBlueBecomesGreen(t *testing.T) {
	f := stage(t)
	ctx := t.Context()
	blue := f.blue(t, f.provider())
	exec(t, blue, `CREATE TABLE my_table (a int PRIMARY KEY)`, `INSERT INTO my_table SELECT generate_series(1, 100)`)

	clone, err := f.provider().Clone(ctx, blue, f.step())
	if err != nil {
		t.Fatal(err)
	}
	if clone.Method != "copy-on-write" || clone.Seconds == 0 {
		t.Errorf("got %+v", clone)
	}
	exec(t, blue, `INSERT INTO my_table VALUES (101)`)
	server, lsn, err := f.provider().StartClone(ctx, f.step())
	if err != nil {
		t.Fatal(err)
	}
	if _, again, err := f.provider().StartClone(ctx, f.step()); err != nil || again != lsn || lsn == 0 {
		t.Errorf("the clone LSN is %s and then %s, %v", lsn, again, err)
	}
	if rows := count(t, server); rows != 100 {
		t.Errorf("the clone has %d rows", rows)
	}
	if err := f.provider().Upgrade(ctx, blue, f.step()); err != nil {
		t.Fatal(err)
	}
	a := f.provider()
	green, carried, err := a.StartGreen(ctx, blue, f.step())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range carried {
		if c.Reason != "" || c.Name == "work_mem" && c.Value != "8192" {
			t.Errorf("not carried: %+v", c)
		}
	}
	if len(carried) != 2 || count(t, green) != 100 {
		t.Errorf("%d settings carried, %d rows", len(carried), count(t, green))
	}
	if v := setting(t, green, "work_mem"); v != "8MB" {
		t.Errorf("work_mem is %s on green", v)
	}
	if v := setting(t, green, "wal_level"); v != "logical" {
		t.Errorf("wal_level is %s on green", v)
	}
	_ = green.In(ctx, "shop", func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SELECT * FROM not_there`)
		return err
	})
	pgtest.Eventually(t, limit, "the error is in green's log", func() bool { return strings.Contains(a.Explain(), "not_there") })
	c := f.cluster(t, "orders-pg18")
	if *c.EngineVersion != f.latest(t, to) || valueOf(c.TagList, "team") != "orders" || a.Endpoint() != endpointOf(c) {
		t.Errorf("green is %s, tagged %v, at %v", *c.EngineVersion, c.TagList, a.Endpoint())
	}
	if aws.ToBool(c.DeletionProtection) {
		t.Error("green cannot be taken back")
	}
}

func exec(t *testing.T, s *postgres.Server, statements ...string) {
	t.Helper()
	in(t, s, func(conn *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				return err
			}
		}
		return nil
	})
}

func count(t *testing.T, s *postgres.Server) (rows int) {
	t.Helper()
	in(t, s, func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), `SELECT count(*) FROM my_table`).Scan(&rows)
	})
	return rows
}

func setting(t *testing.T, s *postgres.Server, name string) (value string) {
	t.Helper()
	in(t, s, func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&value)
	})
	return value
}

func in(t *testing.T, s *postgres.Server, do func(*pgx.Conn) error) {
	t.Helper()
	if err := s.In(t.Context(), "shop", func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), `SET search_path = public`)
		if err != nil {
			return err
		}
		return do(conn)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestACloneOfAnOlderMinorVersionIsUpgradedTwice(t *testing.T) {
	f := stage(t)
	ctx := t.Context()
	latest := f.latest(t, from)
	must(t)(f.api.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("older"), Engine: aws.String(engine), EngineVersion: aws.String(olderThan(latest)),
		MasterUsername: aws.String("postgres"), MasterUserPassword: aws.String(password), DBClusterParameterGroupName: aws.String("orders"),
	}))
	f.becomes(t, "older", "available")
	must(t)(f.api.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("older-a"), DBClusterIdentifier: aws.String("older"), Engine: aws.String(engine),
		DBInstanceClass: aws.String("db.r6g.large"),
	}))
	f.instanceBecomes(t, "older-a", "available")
	f.config.Aurora.Cluster = "older"
	names, _ := f.found(t)
	if !slices.Equal(names, []string{"aurora-version"}) {
		t.Errorf("found %v", names)
	}
	blue := f.blue(t, f.provider())
	if _, err := f.provider().Clone(ctx, blue, f.step()); err != nil {
		t.Fatal(err)
	}
	if err := f.provider().Upgrade(ctx, blue, f.step()); err != nil {
		t.Fatal(err)
	}
	var hops []string
	for _, call := range f.Calls() {
		if call.Action == "ModifyDBCluster" {
			hops = append(hops, call.Input["EngineVersion"])
		}
	}
	if want := []string{latest, f.latest(t, to)}; !slices.Equal(hops, want) || *f.cluster(t, "older-pg18").EngineVersion != want[1] {
		t.Errorf("upgraded to %v, wanted %v", hops, want)
	}
}
