package test

import (
	"testing"

	"github.com/pgteal/pgteal/test/site"
)

// A table that goes while green is being made is told as what it is, and prepare goes on once it is back.
func TestPrepareTellsOfASchemaThatHasChanged(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	create := `CREATE TABLE public."Go""ne" (id integer PRIMARY KEY)`
	s.Blue.Exec(t, "shop", create)
	h := newHooks(t)
	s.Write(t, h.config(s, "before verify"))
	h.does(t, "before verify", "exit 1")
	pgteal(t, failed, s, "prepare")
	h.does(t, "before verify", "")
	s.Blue.Exec(t, "shop", `DROP TABLE public."Go""ne"`)
	pgteal(t, forbidden, s, "prepare").says(t, "1 tables are not the same", `shop.public."Go""ne"`, "green only", "Schema changes are not replicated")
	s.Blue.Exec(t, "shop", create)
	pgteal(t, done, s, "prepare")
	pgteal(t, forbidden, s, "switchover", "--dry-run").says(t, "unpublished-tables") // the new one's rows would stay behind
}
