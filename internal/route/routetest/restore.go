package routetest

import (
	"bytes"
	"os"
	"testing"
)

// restores leads elsewhere and back, and compares the files.
func restores(t *testing.T, s *scene) {
	t.Helper()
	type state struct {
		content []byte
		mode    os.FileMode
	}
	look := func() (states []state) {
		for _, file := range s.Files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			states = append(states, state{content, info.Mode()})
		}
		return states
	}
	before := look()
	s.point(t, s.route, s.b)
	s.point(t, s.route, s.a)
	s.point(t, s.open(t), s.b)
	do(t, "Restore by a new process", s.open(t).Restore)
	for i, after := range look() {
		if !bytes.Equal(before[i].content, after.content) || before[i].mode != after.mode {
			t.Errorf("%s was\n%s %s\nand is\n%s %s", s.Files[i], before[i].mode, before[i].content, after.mode, after.content)
		}
	}
	s.leadsTo(t, s.route, s.a)
}
