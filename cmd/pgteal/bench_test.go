package main

import (
	"os/exec"
	"testing"

	"github.com/pgteal/pgteal/test/site"
)

// BenchmarkStart measures how long pgteal takes to start, which every command and every guard has to wait for.
func BenchmarkStart(b *testing.B) {
	program, remove, err := site.Build()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(remove)
	for b.Loop() {
		if err := exec.CommandContext(b.Context(), program, "help").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
