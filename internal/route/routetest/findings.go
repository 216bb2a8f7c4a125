package routetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/route"
)

// Found checks a route and returns the findings by their check's name. Each must say what to do, and none may hold a secret.
func Found(t testing.TB, r route.Route, secrets ...string) map[string]finding.Finding {
	t.Helper()
	findings, err := r.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]finding.Finding{}
	for _, f := range findings {
		if f.Object == "" || f.Reason == "" || f.Fix == "" {
			t.Errorf("incomplete finding %+v", f)
		}
		for _, secret := range secrets {
			if strings.Contains(fmt.Sprint(f), secret) {
				t.Errorf("a finding holds a secret: %+v", f)
			}
		}
		byName[f.Check] = f
	}
	return byName
}

// Demand fails the test unless there is a finding name that blocks what, with words in its object, reason or fix.
func Demand(t testing.TB, findings map[string]finding.Finding, name string, blocks finding.Blocks, words ...string) {
	t.Helper()
	f, ok := findings[name]
	if !ok || f.Blocks != blocks {
		t.Fatalf("no finding %s that blocks %s in %+v", name, blocks, findings)
	}
	for _, word := range words {
		if !strings.Contains(fmt.Sprint(f), word) {
			t.Errorf("finding %+v does not say %q", f, word)
		}
	}
}
