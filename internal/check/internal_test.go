package check

import "testing"

func TestListsOfLibrariesAreReadAsTheServerReadsThem(t *testing.T) {
	t.Parallel()
	got := list(` pg_stat_statements,"a ""b""" , , c`)
	if len(got) != 3 || got[0] != "pg_stat_statements" || got[1] != `a "b"` || got[2] != "c" {
		t.Errorf("got %q", got)
	}
}
