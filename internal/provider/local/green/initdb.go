package green

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/fault"
)

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// init makes the new, empty cluster that pg_upgrade fills.
func (g Cluster) init(ctx context.Context, lock *os.File, f facts) error {
	superuser := f.superuser
	if !plainName.MatchString(superuser) || strings.HasPrefix(superuser, "pg_") {
		superuser = "pgteal" // initdb itself trips over a name with a quote (tried: 18.6); it is renamed below
	}
	args := append([]string{"--pgdata=" + g.New.DataDirectory}, f.initdb(superuser, g.New.Major)...)
	if out, err := g.command(ctx, lock, g.New, "initdb", args...).CombinedOutput(); err != nil {
		err := fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
		if strings.Contains(err.Error(), "invalid locale") || strings.Contains(err.Error(), "locale name") {
			return fault.WithHint(err, "Generate the locale of blue's databases on this host (locale-gen, localedef), then run this again.")
		}
		return err
	}
	if superuser == f.superuser {
		return nil
	}
	_, err := g.singleUser(ctx, lock, g.New, fmt.Sprintf(
		"UPDATE pg_authid SET rolname = convert_from(decode('%s', 'hex'), getdatabaseencoding())::name WHERE oid = 10 "+
			"RETURNING encode(convert_to('done', 'SQL_ASCII'), 'hex') AS renamed", hex.EncodeToString([]byte(f.superuser))))
	if err != nil {
		return fmt.Errorf("name green's superuser %q as on blue: %w", f.superuser, err)
	}
	return nil
}

// initdb returns initdb's options for a cluster of major that matches f. What only the settings decide (lc_messages and the like)
// is left at C here: Carry brings blue's.
func (f facts) initdb(superuser string, major int) []string {
	args := []string{
		"--username=" + superuser, "--encoding=" + f.encoding, "--lc-collate=" + f.collate, "--lc-ctype=" + f.ctype,
		"--lc-messages=C", "--lc-monetary=C", "--lc-numeric=C", "--lc-time=C",
		"--wal-segsize=" + strconv.Itoa(f.walSegment>>20),
		"--auth-local=peer", "--auth-host=scram-sha-256", // Carry replaces pg_hba.conf
		"--no-sync", // pg_upgrade writes all of it to disk at its end
	}
	if major >= 15 {
		switch f.provider {
		case "i":
			args = append(args, "--locale-provider=icu", "--icu-locale="+f.locale)
			if f.rules != "" {
				args = append(args, "--icu-rules="+f.rules)
			}
		case "b":
			args = append(args, "--locale-provider=builtin", "--builtin-locale="+f.locale)
		default:
			args = append(args, "--locale-provider=libc")
		}
	}
	switch {
	case f.checksums:
		args = append(args, "--data-checksums")
	case major >= 18: // its initdb turns them on, and pg_upgrade then refuses
		args = append(args, "--no-data-checksums")
	}
	if f.groupAccess {
		args = append(args, "--allow-group-access")
	}
	return args
}
