package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
)

// Point writes endpoint into every entry of the included file, and returns when PgBouncer has it in force. An entry that leads
// through a Unix socket gets the endpoint's socket directory. All else in the file stays as it is.
//
// Where clients are not held, a transaction (in session pooling: a session) that is open ends where it began; PgBouncer hands
// out no connection to the old address after that.
func (b *PgBouncer) Point(ctx context.Context, endpoint route.Endpoint) error {
	f, err := b.read()
	if err != nil {
		return err
	}
	text, err := f.pointed(endpoint)
	if err != nil {
		return fmt.Errorf("point %s: %s, %w", b.name, b.includePath, err)
	}
	if _, err := os.Lstat(b.savedPath()); errors.Is(err, fs.ErrNotExist) {
		if err := b.write(b.savedPath(), f.text); err != nil {
			return fmt.Errorf("keep the original of %s: %w", b.includePath, err)
		}
	} else if err != nil {
		return fmt.Errorf("look for the original of %s: %w", b.includePath, err)
	}
	if err := b.put(ctx, f.text, text); err != nil {
		return fmt.Errorf("point %s: %w", b.name, err)
	}
	return nil
}

// Restore puts the included file back as it was before the first Point. It refuses where somebody has changed anything but
// addresses in it since.
func (b *PgBouncer) Restore(ctx context.Context) error {
	original, err := b.original()
	if err != nil || original == nil {
		return err
	}
	f, err := b.read()
	if err != nil {
		return err
	}
	if !f.sameButAddresses(original) {
		return fault.WithHint(
			fmt.Errorf("restore %s: somebody has changed more than addresses in it since %s was kept", b.includePath, b.savedPath()),
			fmt.Sprintf("Bring its addresses back by hand, run RELOAD in PgBouncer's admin console, and remove %s.", b.savedPath()))
	}
	if err := b.put(ctx, f.text, original.text); err != nil {
		return fmt.Errorf("restore %s: %w", b.includePath, err)
	}
	return b.Forget()
}

// original returns the included file as it was before the first Point, nil where none was kept.
func (b *PgBouncer) original() (*include, error) {
	content, err := os.ReadFile(b.savedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the original of %s: %w", b.includePath, err)
	}
	original, err := parseInclude(string(content))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", b.savedPath(), err)
	}
	return original, nil
}

// Forget removes the original that Restore would put back, for good: the upgrade is finished.
func (b *PgBouncer) Forget() error {
	if err := os.Remove(b.savedPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the original of %s: %w", b.includePath, err)
	}
	return nil
}

// put makes text the included file's, and returns when it is in force. It reloads even when the file has it: an earlier pgteal
// may have died between the two.
func (b *PgBouncer) put(ctx context.Context, before, text string) error {
	if text != before {
		if err := b.write(b.includePath, text); err != nil {
			return fmt.Errorf("write %s: %w", b.includePath, err)
		}
	}
	f, err := parseInclude(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", b.includePath, err)
	}
	// RELOAD is done when it is answered. Before 1.25 it answers RELOAD even when it has failed.
	if _, err := b.sessions.query(ctx, "RELOAD"); err != nil {
		return fault.WithHint(err, "PgBouncer's log says what it does not like in its configuration.")
	}
	live, err := b.databases(ctx, f)
	if err != nil {
		return err
	}
	for _, e := range f.entries {
		d, known := live[e.liveName()]
		if !known {
			return b.notIncluded(e)
		}
		if !e.inForce(d) {
			return fault.WithHint(
				fmt.Errorf("after RELOAD database %q leads to %s, not to %s", e.name, address(d["host"], d["port"]), e.address()),
				fmt.Sprintf("PgBouncer's log says whether RELOAD failed; else pgbouncer.ini lacks the line `%%include %s`, "+
					"or has an entry of the same name behind it.", b.includePath))
		}
	}
	return nil
}
