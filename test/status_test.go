package test

import (
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// The server has no figure for the seconds of a lag that nobody takes: that is not a lag of 0 s.
func TestStatusClaimsNoSecondsOfALagThatNobodyTakes(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	pgteal(t, done, s, "prepare")
	to := (&guarded{Site: s, from: s.Blue, to: s.Green(t)}).closed(t)
	var name string
	const subscription = `SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()`
	if err := to.QueryRow(t.Context(), subscription).Scan(&name); err != nil {
		t.Fatal(err)
	}
	seconds := func() any {
		lags, _ := at(t, pgteal(t, done, s, "status", "--json").document(t), "lags").([]any)
		for _, l := range lags {
			if lag, _ := l.(map[string]any); lag["database"] == "shop" {
				return lag["seconds"]
			}
		}
		t.Fatal("status knows no lag of the database shop")
		return nil
	}
	pgtest.Eventually(t, patience, "a lag that is taken has seconds", func() bool { return seconds() != nil })
	must(t, to, "ALTER SUBSCRIPTION "+name+" DISABLE")
	pgtest.Eventually(t, patience, "one that nobody takes has none", func() bool { return seconds() == nil })
}
