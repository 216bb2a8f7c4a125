package site

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds pgteal as users get it. Remove removes the program and its directory.
func Build() (program string, remove func(), err error) {
	directory, err := os.MkdirTemp("", "pgteal-bin-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(directory) } // a leftover in the temporary directory
	program = filepath.Join(directory, "pgteal")
	build := exec.Command("go", "build", "-o", program, "github.com/pgteal/pgteal/cmd/pgteal") //nolint:noctx // it ends by itself
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("build pgteal: %w\n%s", err, out)
	}
	return program, remove, nil
}
