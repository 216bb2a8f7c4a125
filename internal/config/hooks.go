package config

import (
	"slices"
	"time"
)

// Hook is a program of the operator's that runs before or after a step. Exactly one of Before and After is set.
type Hook struct {
	Before  string        `yaml:"before"`  // one of HookSteps
	After   string        `yaml:"after"`   // one of HookSteps
	Run     []string      `yaml:"run"`     // the program's absolute path and its arguments; no shell reads them
	Timeout time.Duration `yaml:"timeout"` // it is killed then; default 1m, at most 1h
}

const (
	defaultHookTimeout = time.Minute
	longestHook        = time.Hour
)

// HookSteps returns what a hook can stand before or after: the steps of the plan, and the two commands that go back.
func HookSteps() []string {
	return []string{
		"check", "parameters", "publish", "slot", "clone", "clone LSN", "clean clone", "upgrade", "settle green", "subscribe", "catch up",
		"verify", "switchover", "watch", "finish", "rollback", "abort",
	}
}

// Limit is the hook's timeout, or its default.
func (h *Hook) Limit() time.Duration {
	if h.Timeout == 0 {
		return defaultHookTimeout
	}
	return h.Timeout
}

// check tells fail what is wrong with the hook that stands under key.
func (h *Hook) check(key string, fail func(string, ...any), absolute func(key, path string)) {
	switch name := h.Before + h.After; {
	case (h.Before == "") == (h.After == ""):
		fail("%s: exactly one of before and after is needed", key)
	case !slices.Contains(HookSteps(), name):
		fail("%s: %q is none of the steps %q", key, name, HookSteps())
	}
	if len(h.Run) == 0 || h.Run[0] == "" {
		fail("%s.run: it is missing; a list of the program's path and its arguments is needed", key)
	} else {
		absolute(key+".run", h.Run[0])
	}
	if h.Timeout < 0 || h.Timeout > longestHook {
		fail("%s.timeout: %s is not between 0 and %s", key, h.Timeout, longestHook)
	}
}
