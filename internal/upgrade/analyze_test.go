package upgrade_test

import (
	"testing"

	"github.com/pgteal/pgteal/test/site"
)

// ANALYZE of a partitioned table asks the servers of its foreign partitions, which green's host may not reach. Nobody could mend that on green, which
// is closed: it stops nothing, and statistics of other tables are gathered.
func TestAForeignPartitionOutOfReachStopsNothing(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	s.Blue.Exec(t, site.Weird, `CREATE EXTENSION postgres_fdw`,
		`CREATE SERVER gone FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1')`,
		`CREATE USER MAPPING FOR PUBLIC SERVER gone OPTIONS (user 'x')`,
		`CREATE TABLE "Tree""; DROP" (id int) PARTITION BY RANGE (id)`, // a unique index would forbid foreign partitions
		`CREATE TABLE near PARTITION OF "Tree""; DROP" (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (1000000)`,
		`CREATE FOREIGN TABLE far PARTITION OF "Tree""; DROP" FOR VALUES FROM (1000000) TO (2000000) SERVER gone`,
		`CREATE TABLE other (a int PRIMARY KEY, b int)`, `CREATE STATISTICS dependent ON a, b FROM other`,
		`INSERT INTO near SELECT generate_series(1, 1000)`, `INSERT INTO other SELECT g, g FROM generate_series(1, 1000) g`)
	succeed(t, s, "prepare")
	succeed(t, s, "switchover")
	const gathered = `SELECT count(*) FROM pg_statistic_ext_data`
	if is := s.Ask(t, s.Green(t), site.Weird, gathered); is != "1" {
		t.Errorf("the other table has %s extended statistics", is)
	}
}
