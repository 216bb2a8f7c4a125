package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// What green's subscriptions could not use is found before anything is made, however well pgteal itself gets on with it.
func TestAConnectionThatServesPgtealAloneIsFoundBeforeTheClone(t *testing.T) {
	s := remote(t)
	text, err := os.ReadFile(s.File)
	if err != nil {
		t.Fatal(err)
	}
	s.Write(t, strings.Replace(string(text), fmt.Sprintf("host=127.0.0.1 port=%d", s.Blue.Port),
		fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=1,%d", s.Blue.Port), 1))
	found := s.Look(t)
	pgteal(t, forbidden, s, "check").says(t, "Green's server", "Connection refused", "pg_isready")
	pgteal(t, forbidden, s, "prepare").says(t, "Connection refused")
	found.Check(t, s.Look(t))
}
