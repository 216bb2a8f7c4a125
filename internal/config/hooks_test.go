package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/config"
)

func TestHooksAreRead(t *testing.T) {
	c, err := config.Parse([]byte(simple + `
hooks:
  - {before: switchover, run: [/usr/local/bin/quiesce-batch-jobs], timeout: 30s}
  - {after: clone LSN, run: [/usr/local/bin/notify, "blue serves", 5]}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Hooks) != 2 || c.Hooks[0].Before != "switchover" || c.Hooks[0].Limit() != 30*time.Second ||
		c.Hooks[1].After != "clone LSN" || c.Hooks[1].Limit() != time.Minute || strings.Join(c.Hooks[1].Run, "|") != "/usr/local/bin/notify|blue serves|5" {
		t.Errorf("got %+v", c.Hooks)
	}
}

func TestFaultsOfHooksAreNamedWithTheirKey(t *testing.T) {
	for hook, wanted := range map[string]string{
		"{run: [/x]}": "hooks[0]: exactly one",
		"{before: clone, after: clone, run: [/x]}":      "hooks[0]: exactly one",
		"{before: lunch, run: [/x]}":                    `hooks[0]: "lunch"`,
		"{after: '', run: [/x]}":                        "hooks[0]: exactly one",
		"{after: clone}":                                "hooks[0].run",
		"{after: clone, run: []}":                       "hooks[0].run",
		"{after: clone, run: ['']}":                     "hooks[0].run",
		"{after: clone, run: [x]}":                      "hooks[0].run",
		"{after: clone, run: /x}":                       "into []string",
		"{after: clone, run: [/x], timeout: 61m}":       "hooks[0].timeout",
		"{after: clone, run: [/x], timeout: -1s}":       "hooks[0].timeout",
		"{after: clone, run: [/x], shell: true}":        "shell",
		"{after: clone, run: [/x]}, {run: [/x]}":        "hooks[1]: exactly one",
		"{before: clone, run: [/x], timeout: a moment}": "`a moment`",
	} {
		_, err := config.Parse([]byte(simple + "hooks: [" + hook + "]"))
		if err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%s: got %v, wanted %s named", hook, err, wanted)
		}
	}
}
