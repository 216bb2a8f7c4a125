// Package fault holds the errors that reach the operator: what happened, to which object, and what to do next.
package fault

import "errors"

// Kind says how an attempt ended. Its value is the exit code of the command.
type Kind int

// The exit codes of every command.
const (
	Failed    Kind = 1 // it failed; running the same command again continues
	Usage     Kind = 2 // wrong usage or configuration
	Forbidden Kind = 3 // findings or guardrails forbid it
	BackedOut Kind = 4 // backed out, blue serves
	Unknown   Kind = 5 // the outcome is unknown, the operator must look
)

// Error is an error with a kind and a hint. Its cause stays reachable through errors.Is and errors.As.
type Error struct {
	Kind  Kind
	Cause error
	Hint  string // what to do next, a full sentence or a command; may be empty
}

func (e *Error) Error() string { return e.Cause.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New returns cause with a kind and a hint.
func New(kind Kind, cause error, hint string) *Error {
	return &Error{Kind: kind, Cause: cause, Hint: hint}
}

// WithHint returns cause with a hint, keeping the kind it has.
func WithHint(cause error, hint string) *Error {
	return &Error{Kind: KindOf(cause), Cause: cause, Hint: hint}
}

// KindOf returns the kind of the outermost Error in err's chain, Failed where there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Failed
}

// HintOf returns the outermost hint in err's chain that is not empty.
func HintOf(err error) string {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Cause
	}
	return ""
}
