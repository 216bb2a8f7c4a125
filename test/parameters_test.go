package test

import (
	"testing"

	"github.com/pgteal/pgteal/test/site"
)

func TestCheckShowsTheParameters(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	pgteal(t, done, s, "check", "--parameters").says(t,
		"parameter", "others use", "max_replication_slots", "one slot a database", "the way back: one apply worker a database",
		"SELECT name, setting FROM pg_settings WHERE name in ('rds.logical_replication', 'max_replication_slots', 'max_wal_senders', "+
			"'max_logical_replication_workers', 'max_worker_processes');")
	parameters, ok := pgteal(t, done, s, "check", "--parameters", "--json").document(t)["parameters"].([]any)
	if !ok || len(parameters) < 10 {
		t.Fatalf("got %v", parameters)
	}
	for _, p := range parameters {
		if p, ok := p.(map[string]any); !ok || p["name"] == "" || p["enough"] != true || p["why"] == "" {
			t.Errorf("got %v", p)
		}
	}
}
