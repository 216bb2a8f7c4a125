package pgbouncer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// file checks that the included file can be read, replaced and put back.
func (c *check) file() {
	path := c.b.includePath
	f, err := c.b.read()
	if err != nil {
		fix := "Mend the file: each entry is a line `name = host=... port=... dbname=...` under a line [databases]."
		if errors.Is(err, fs.ErrNotExist) {
			fix = fmt.Sprintf("Move the entries of the databases that are upgraded from pgbouncer.ini to %s, under a line [databases], "+
				"and put the line `%%include %s` in their place.", path, path)
		} else if errors.Is(err, fs.ErrPermission) {
			fix = "Let the user that pgteal runs as read it."
		}
		c.forbid("include", path, "It cannot be read: "+err.Error()+".", fix)
		return
	}
	c.f = f
	for _, e := range f.entries {
		if e.isList() {
			c.forbid("include", c.object(e), "It has several hosts, between which PgBouncer chooses by itself.",
				fmt.Sprintf("Leave one host in line %d of %s.", e.line, path))
		}
		if len(argument(e.name)) > longestArgument {
			c.forbid("include", c.object(e), "Its name with its quotes is longer than PgBouncer's console takes, so it cannot be paused.",
				fmt.Sprintf("In line %d of %s give it a name of letters, digits and _, with dbname=... behind it.", e.line, path))
		}
	}
	c.writable()
	c.restorable()
}

// restorable checks that the original which Restore would put back differs from the file in nothing but addresses. It was kept by an earlier
// Point, and the way back leads through it.
func (c *check) restorable() {
	path, saved := c.b.includePath, c.b.savedPath()
	original, err := c.b.original()
	switch {
	case err != nil:
		c.forbid("original", saved, "It is the included file as it was before pgteal changed it, and cannot be put back: "+err.Error()+".",
			fmt.Sprintf("Mend it, or copy %s over it and write the addresses there that it shall have on the way back.", path))
	case original != nil && !c.f.sameButAddresses(original):
		c.forbid("original", path, fmt.Sprintf("Somebody has changed more than addresses in it since %s was kept, so that could not be put back.", saved),
			fmt.Sprintf("Make the same change in %s and leave its addresses as they are. To compare: diff %s %s", saved, shellQuote(saved), shellQuote(path)))
	}
}

// writable checks that a file can be put in the included file's place. Writing into it would show PgBouncer half a file, if the
// host went down in the middle.
func (c *check) writable() {
	path := c.b.includePath
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(c.b.includePath)} {
		probe, err := os.CreateTemp(dir, ".pgteal-probe-")
		if err != nil {
			c.forbid("include", path,
				"It cannot be replaced: "+err.Error()+". pgteal puts a whole new file in its place.",
				fmt.Sprintf("Let the user that pgteal runs as write to %s, or include a file in a directory of its own.", dir))
			return
		}
		_ = probe.Close() // nothing was written
		_ = os.Remove(probe.Name())
	}
	owner, err := pgctl.OwnerOf(path)
	if err == nil && !canGiveTo(owner) {
		c.forbid("include", path, "It belongs to another user or group, whose it could not stay when it is replaced.",
			fmt.Sprintf("Run pgteal as its owner or as root, or: chown %d:%d %s", os.Geteuid(), os.Getegid(), path))
	}
}

// canGiveTo tells whether a file of ours can be given to owner: chown(2) lets only root give files to other users, and others only to
// groups that they are in.
func canGiveTo(owner pgctl.Account) bool {
	if os.Geteuid() == 0 {
		return true
	}
	groups, err := os.Getgroups()
	return err == nil && owner.UID == os.Geteuid() && (owner.GID == os.Getegid() || slices.Contains(groups, owner.GID))
}

// included checks that PgBouncer has the file's entries from the file.
func (c *check) included() {
	path, main := c.b.includePath, c.settings["conffile"]
	if named, sure := includes(main, path, 10); sure && !named {
		c.forbid("include", path, fmt.Sprintf("%s does not include it, so a change in it changes nothing.", main),
			fmt.Sprintf("Put the line `%%include %s` in place of its entries in %s, then: %s", path, main, c.b.psql("RELOAD")))
		return
	}
	for _, e := range c.f.entries {
		d, known := c.live[e.liveName()]
		switch {
		case !known:
			c.forbid("include", c.object(e), fmt.Sprintf("PgBouncer does not know it, although %s has it.", path),
				fmt.Sprintf("Make sure that pgbouncer.ini has the line `%%include %s`, then: %s", path, c.b.psql("RELOAD")))
		case !e.inForce(d):
			c.forbid("include", c.object(e), fmt.Sprintf("It leads to %s, although %s says %s.",
				address(d["host"], d["port"]), path, e.address()), fmt.Sprintf("Make sure that pgbouncer.ini has the line `%%include %s` "+
				"and no entry of the same name behind it, then: %s", path, c.b.psql("RELOAD")))
		}
	}
}

// includes tells whether the configuration file names path in an %include, itself or in a file that it includes. It is not sure where
// it cannot read one of them, or where a path is relative to PgBouncer's working directory.
func includes(file, path string, depth int) (named, sure bool) {
	if !filepath.IsAbs(file) || depth == 0 {
		return false, false
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return false, false
	}
	sure = true
	for line := range strings.Lines(string(content)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "%include")
		if !ok || strings.TrimLeft(rest, " \t") == rest {
			continue
		}
		included := strings.TrimSpace(rest)
		if sameFile(included, path) {
			return true, true
		}
		named, known := includes(included, path, depth-1)
		if named {
			return true, true
		}
		sure = sure && known
	}
	return false, sure
}

func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// leftBehind finds databases that lead to the same server as one of the file and are not in it: they would stay there; and with `*`
// those of other servers, which are held with the rest.
func (c *check) leftBehind() {
	path := c.b.includePath
	addresses := map[string]bool{}
	for _, e := range c.f.entries {
		addresses[e.address()] = true
	}
	for name, d := range c.live {
		if name == probe || name == "pgbouncer" || c.f.has(name) {
			continue
		}
		object := fmt.Sprintf("database %q of %s", name, c.b.name)
		there := addresses[address(d["host"], d["port"])]
		switch {
		case there && !c.f.has(fallback):
			c.forbid("left-behind", object,
				fmt.Sprintf("It leads to the same server as those in %s and is not among them, so its clients would stay behind.", path),
				fmt.Sprintf("Move its entry (or that of `*`) from pgbouncer.ini to %s, then: %s", path, c.b.psql("RELOAD")))
		case !there && c.f.has(fallback):
			c.remark("held-too", object,
				fmt.Sprintf("It does not move, but is held with the others: for `*` in %s the whole PgBouncer is paused.", path),
				fmt.Sprintf("Nothing, or: name the databases in %s instead of `*`.", path))
		}
	}
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
