package test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/test/site"
)

// A pgteal.yaml that was copied for another cluster, or another user's state directory, names the green of an upgrade that this one knows nothing
// of. It may serve.
func TestAGreenOfAnotherUpgradeIsLeftAlone(t *testing.T) {
	s, another := site.New(t, site.Options{Direct: true}), site.New(t, site.Options{Direct: true})
	mine := s.Config()
	pgteal(t, done, s, "prepare")

	s.Write(t, strings.Replace(mine, strconv.Quote(s.StateDirectory()), strconv.Quote(filepath.Join(s.Directory, "other state")), 1))
	pgteal(t, done, s, "abort").says(t, "knows of nothing that was made")
	pgteal(t, forbidden, s, "prepare").says(t, "another upgrade")
	s.Write(t, mine)
	pgteal(t, done, s, "switchover")

	found := another.Look(t)
	text := another.Config()
	for of, mine := range map[string]string{
		strconv.Quote(filepath.Join(another.Directory, "green")): strconv.Quote(filepath.Join(s.Directory, "green")),
		"port: " + strconv.Itoa(another.GreenPort):               "port: " + strconv.Itoa(s.GreenPort),
	} {
		text = strings.Replace(text, of, mine, 1)
	}
	another.Write(t, text)
	pgteal(t, forbidden, another, "prepare").says(t, "another upgrade")
	pgteal(t, done, another, "abort")
	delete(found, "directory") // its state directory
	now := another.Look(t)
	delete(now, "directory")
	found.Check(t, now)

	if one := s.AsApp(t, s.GreenPort, "shop", "SELECT '1'"); one != "1" {
		t.Error("green does not serve any more: ", one)
	}
	pgteal(t, done, s, "rollback")
	pgteal(t, done, s, "abort")
}

// A state directory that was put back from a backup says that a cluster serves which does not. Nothing is done by it, above all not to the other one.
func TestAJournalThatIsTooOldIsNotBelieved(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	journal := filepath.Join(s.StateDirectory(), "site", "journal.jsonl")
	read := func() []byte {
		content, err := os.ReadFile(journal)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	write := func(content []byte) {
		if err := os.WriteFile(journal, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pgteal(t, done, s, "prepare")
	prepared := read()
	pgteal(t, done, s, "switchover")
	switched := read()
	write(prepared)
	for _, command := range []string{"abort", "prepare", "switchover", "verify"} {
		pgteal(t, fault.Unknown, s, command).says(t, "blue serves by the journal", "older", "next: ")
	}
	write(switched)
	pgteal(t, done, s, "rollback")
	back := read()
	write(switched)
	pgteal(t, fault.Unknown, s, "finish").says(t, "green serves by the journal", "older", "next: ")
	write(append(back, `{"state": {"new in a later version": 1}}`+"\n"...))
	pgteal(t, failed, s, "abort").says(t, "new in a later version", "next: ")
	write(append(back, "garbage\n"...))
	pgteal(t, failed, s, "abort").says(t, journal, "next: ")
	write(back)
	pgteal(t, done, s, "abort")
}

// Green is where it was made, whatever an edited pgteal.yaml says.
func TestGreenIsNotMovedByEditingTheConfiguration(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	good := s.Config()
	pgteal(t, done, s, "prepare")
	port := "port: " + strconv.Itoa(s.GreenPort)
	s.Write(t, strings.Replace(good, port, "port: 1", 1))
	pgteal(t, usage, s, "switchover").says(t, "green listens on "+strings.Replace(port, ":", "", 1), "next: Put green.port back")
	s.Write(t, strings.Replace(good, strconv.Quote(filepath.Join(s.Directory, "green")), strconv.Quote(filepath.Join(s.Directory, "elsewhere")), 1))
	for _, command := range []string{"prepare", "switchover", "verify", "abort"} {
		pgteal(t, usage, s, command).says(t, "green is in "+filepath.Join(s.Directory, "green"), "next: Put the old directory back")
	}
	s.Write(t, good)
	pgteal(t, done, s, "switchover")
	pgteal(t, done, s, "finish")
}
