package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/test/site"
)

// guarded is a site in one direction: what its guardrails are tried on.
type guarded struct {
	*site.Site
	command  string
	from, to *pgtest.Server // to is closed
}

// forbids runs the command, which has to refuse, and returns what each guardrail said.
func (g *guarded) forbids(t *testing.T, args ...string) map[string]string {
	t.Helper()
	o := g.look(t, args...).end(t)
	o.wants(t, forbidden)
	return said(t, o)
}

// look begins to look at the guardrails.
func (g *guarded) look(t *testing.T, args ...string) *running {
	t.Helper()
	return begin(t, g.Site, append([]string{g.command, "--dry-run", "--json"}, args...)...)
}

func said(t *testing.T, o outcome) map[string]string {
	t.Helper()
	said := map[string]string{}
	findings, _ := at(t, o.document(t), "findings").([]any)
	for _, f := range findings {
		finding, _ := f.(map[string]any)
		said[fmt.Sprint(finding["check"])] += fmt.Sprintf("%s: %s\n%s\n", finding["object"], finding["reason"], finding["fix"])
	}
	return said
}

// letsGo runs the command, which has to find nothing.
func (g *guarded) letsGo(t *testing.T, args ...string) {
	t.Helper()
	pgteal(t, done, g.Site, append([]string{g.command, "--dry-run"}, args...)...)
}

// closed opens a session on the closed side, as only pgteal's role can. Its application is no pgteal.
func (g *guarded) closed(t *testing.T) *pgx.Conn {
	t.Helper()
	secret, err := os.ReadFile(filepath.Join(g.StateDirectory(), "site/secret"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=127.0.0.1 port=%d user=pgteal dbname=shop sslmode=disable password=%s",
		g.to.Port, strings.TrimSpace(string(secret))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { postgres.Close(conn) })
	return conn
}

func must(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (g *guarded) wants(t *testing.T, said map[string]string, guardrail string, texts ...string) {
	t.Helper()
	if said[guardrail] == "" {
		t.Errorf("%s: the guardrail %s is silent; these spoke: %v", g.command, guardrail, said)
		return
	}
	for _, text := range texts {
		if !strings.Contains(said[guardrail], text) {
			t.Errorf("%s: the guardrail %s does not say %q: %s", g.command, guardrail, text, said[guardrail])
		}
	}
}
