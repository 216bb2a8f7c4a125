// Package test runs pgteal as its users do: the program, on real servers.
package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/test/site"
)

// program is the pgteal that is tested.
var program string

func TestMain(m *testing.M) {
	os.Exit(run(m)) //nolint:forbidigo // this is the test's main
}

func run(m *testing.M) int {
	built, remove, err := site.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	program = built
	return m.Run()
}

// patience is how long a condition may take on a busy machine.
const patience = time.Minute

// The exit codes.
const (
	done      = fault.Kind(0)
	failed    = fault.Failed
	usage     = fault.Usage
	forbidden = fault.Forbidden
	backedOut = fault.BackedOut
)

// outcome is how a command ended.
type outcome struct {
	line           string
	code           fault.Kind
	stdout, stderr string
}

// running is a command that has not ended yet.
type running struct {
	*exec.Cmd
	out, err *os.File
}

// begin starts a command for the site.
func begin(t *testing.T, s *site.Site, args ...string) *running {
	t.Helper()
	return beginWith(t, s, nil, args...)
}

// beginWith starts a command that reads in.
func beginWith(t *testing.T, s *site.Site, in io.Reader, args ...string) *running {
	t.Helper()
	return start(t, in, append(args, "--config", s.File)...)
}

// start starts a command. Its output goes to files, not pipes: servers that it starts live on.
func start(t *testing.T, in io.Reader, args ...string) *running {
	t.Helper()
	directory := t.TempDir()
	r := &running{Cmd: exec.CommandContext(t.Context(), program, args...)}
	var err1, err2 error
	r.out, err1 = os.Create(filepath.Join(directory, "out"))
	r.err, err2 = os.Create(filepath.Join(directory, "err"))
	r.Stdin, r.Stdout, r.Stderr = in, r.out, r.err
	r.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell starts it
	if err := errors.Join(err1, err2, r.Start()); err != nil {
		t.Fatal(err)
	}
	return r
}

// end waits until the command has ended.
func (r *running) end(t *testing.T) outcome {
	t.Helper()
	o := outcome{line: "pgteal " + strings.Join(r.Args[1:], " ")}
	err := r.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		o.code = fault.Kind(exit.ExitCode())
	case err != nil:
		t.Fatal(err)
	}
	for file, text := range map[*os.File]*string{r.out: &o.stdout, r.err: &o.stderr} {
		content, err := os.ReadFile(file.Name())
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		*text = string(content)
	}
	return o
}

// pgteal runs a command for the site to its end, and fails the test where that is another one than wanted.
func pgteal(t *testing.T, want fault.Kind, s *site.Site, args ...string) outcome {
	t.Helper()
	o := begin(t, s, args...).end(t)
	o.wants(t, want)
	return o
}

func (o outcome) wants(t *testing.T, code fault.Kind) {
	t.Helper()
	if o.code != code {
		t.Fatalf("%s: exit code %d, not %d\n%s\n%s", o.line, o.code, code, o.stdout, o.stderr)
	}
}

// says fails the test where the command's messages lack one of texts.
func (o outcome) says(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.stdout+o.stderr, text) {
			t.Errorf("%s does not say %q:\n%s\n%s", o.line, text, o.stdout, o.stderr)
		}
	}
}

// document is what the command printed on standard output: one JSON document and nothing else.
func (o outcome) document(t *testing.T) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(o.stdout))
	var document map[string]any
	if err := decoder.Decode(&document); err != nil {
		t.Fatalf("%s: %v in %q", o.line, err, o.stdout)
	}
	if decoder.More() {
		t.Fatalf("%s prints more than one document:\n%s", o.line, o.stdout)
	}
	return document
}

// at returns the value at a path such as "verify.tables". Where there is none, the test fails.
func at(t *testing.T, document map[string]any, path string) any {
	t.Helper()
	var value any = document
	for key := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		found, ok := object[key]
		if !ok {
			t.Errorf("the document has no %s", path)
			return nil
		}
		value = found
	}
	return value
}

// number is at for a number.
func number(t *testing.T, document map[string]any, path string) float64 {
	t.Helper()
	n, ok := at(t, document, path).(float64)
	if !ok {
		t.Errorf("%s is no number", path)
	}
	return n
}
