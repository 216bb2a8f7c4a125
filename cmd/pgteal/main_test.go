package main

import (
	"bytes"
	"strings"
	"testing"
)

// What an error says comes next has to work.
func TestWrongUsageLeadsToHelp(t *testing.T) {
	for line, next := range map[string]string{
		"nonsense":            "pgteal help",
		"swichover":           "pgteal switchover",
		"--nonsense":          "pgteal help",
		"check --nonsense":    "pgteal help check",
		"verify now":          "pgteal help verify",
		"demo --scale 0":      "pgteal help demo",
		"check --json --fix=": "pgteal help check",
	} {
		var out, errors bytes.Buffer
		if code := run(t.Context(), strings.Fields(line), strings.NewReader(""), &out, &errors); code != 2 {
			t.Errorf("pgteal %s ended with %d", line, code)
		}
		if !strings.HasSuffix(errors.String(), "\nnext: "+next+"\n") {
			t.Errorf("pgteal %s says\n%s", line, &errors)
		}
	}
	for _, line := range []string{"", "help", "help check", "check --help", "completion bash", "__complete switch"} {
		var out, errors bytes.Buffer
		if code := run(t.Context(), strings.Fields(line), strings.NewReader(""), &out, &errors); code != 0 || out.Len() == 0 {
			t.Errorf("pgteal %s ended with %d:\n%s%s", line, code, &out, &errors)
		}
	}
}
