package stray_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/renameio/v2"

	"github.com/pgteal/pgteal/internal/stray"
)

func TestRemoveRemovesWhatAKilledReplacementLeftAndNothingElse(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "pg_hba.conf")
	if _, err := renameio.NewPendingFile(path, renameio.WithTempDir(directory)); err != nil { // neither replaced nor cleaned up
		t.Fatal(err)
	}
	kept := []string{".pg_hba.conf", ".pg_hba.conf1~", ".pg_hba.confx12", "pg_hba.conf", "pg_hba.conf12"}
	for _, name := range kept {
		if err := os.WriteFile(filepath.Join(directory, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := stray.Remove(path); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	if diff := cmp.Diff(kept, left); diff != "" {
		t.Error(diff)
	}
}
