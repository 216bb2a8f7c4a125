package test

import (
	"os"
	"testing"
)

func TestTheDocumentationOfTheChecksIsCurrent(t *testing.T) {
	o := start(t, nil, "check", "--explain").end(t)
	o.wants(t, done)
	content, err := os.ReadFile("../docs/checks.md")
	if err != nil || string(content) != o.stdout {
		t.Errorf("docs/checks.md is not what the checks say of themselves: make docs (%v)", err)
	}
}
