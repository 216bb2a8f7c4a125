package postgres_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// Every kind of sequence stands on the other side exactly where it stood, whatever moved it there.
func TestSequencesOfEveryKindAreCarriedExactly(t *testing.T) {
	t.Parallel()
	from, to := pgtest.Start(t, 13), pgtest.Start(t, 18)
	schema := []string{
		`CREATE SCHEMA "We""ird; DROP"`,
		`CREATE SEQUENCE "We""ird; DROP"."s';--"`,
		`CREATE SEQUENCE small AS smallint MAXVALUE 30000`,
		`CREATE SEQUENCE descending INCREMENT -5 MINVALUE -1000000 MAXVALUE -1 START -1`,
		`CREATE SEQUENCE cycling MINVALUE 1 MAXVALUE 3 CYCLE`,
		`CREATE SEQUENCE cached CACHE 50`,
		`CREATE SEQUENCE big START 9223372036854775807`,
		`CREATE SEQUENCE untouched START 7`,
		`CREATE SEQUENCE reset_uncalled`,
		`CREATE SEQUENCE restarted`,
		`CREATE TABLE owned (id serial, other int GENERATED ALWAYS AS IDENTITY)`,
	}
	from.Exec(t, "postgres", schema...)
	to.Exec(t, "postgres", schema...)

	source, target := from.Connect(t, "postgres"), to.Connect(t, "postgres")
	reader, err := postgres.ReadSequences(t.Context(), from.Server, source)
	if err != nil {
		t.Fatal(err)
	}
	before, err := reader.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	from.Exec(t, "postgres",
		`SELECT nextval('"We""ird; DROP"."s'';--"') FROM generate_series(1, 41)`,
		`SELECT setval('small', 29999)`, `SELECT nextval('descending')`, `SELECT nextval('descending')`,
		`SELECT nextval('cycling') FROM generate_series(1, 5)`, `SELECT nextval('cached')`, `SELECT nextval('big')`,
		`SELECT setval('reset_uncalled', 100, false)`, `ALTER SEQUENCE restarted RESTART WITH 55`,
		`INSERT INTO owned DEFAULT VALUES`)
	now, err := reader.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changed := postgres.ChangedSequences(before, now)
	if len(changed) != len(now)-1 {
		t.Errorf("%d of %d sequences changed, wanted all but the untouched one: %v", len(changed), len(now), changed)
	}
	if err := postgres.SetSequences(t.Context(), target, changed); err != nil {
		t.Fatal(err)
	}
	reader, err = postgres.ReadSequences(t.Context(), to.Server, target)
	if err != nil {
		t.Fatal(err)
	}
	carried, err := reader.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(now, carried); diff != "" {
		t.Error(diff)
	}
}

// Ten thousand sequences fit into a server with default settings, whose lock table does not hold as many.
func TestManySequencesDoNotExhaustTheLockTable(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	for i := range 10 {
		s.Exec(t, "postgres", fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE SEQUENCE s_%d_%%s', i); END LOOP; END $$`, i))
	}
	conn := s.Connect(t, "postgres")
	reader, err := postgres.ReadSequences(t.Context(), s.Server, conn)
	if err != nil {
		t.Fatal(err)
	}
	sequences, err := reader.Read(t.Context())
	if err != nil || len(sequences) != 10000 {
		t.Fatalf("read %d sequences, %v, wanted 10000", len(sequences), err)
	}
	for i := range sequences {
		sequences[i].Last, sequences[i].Called = int64(i+1), true
	}
	if err := postgres.SetSequences(t.Context(), conn, sequences); err != nil {
		t.Fatal(err)
	}
	again, err := reader.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sequences, again); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkReadSequences measures what ten thousand sequences cost in the pause.
func BenchmarkReadSequences(b *testing.B) {
	s := pgtest.Start(b, 15)
	for i := range 10 {
		s.Exec(b, "postgres", fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE SEQUENCE s_%d_%%s', i); END LOOP; END $$`, i))
	}
	reader, err := postgres.ReadSequences(b.Context(), s.Server, s.Connect(b, "postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer reader.Close()
	if _, err := reader.Read(b.Context()); err != nil { // what the rehearsal does
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		if _, err := reader.Read(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
