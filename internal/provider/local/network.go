package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"os/user"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// startCheckNetwork begins to look whether green's server will reach blue, whether green can listen where it is told to, and whether blue's
// server will reach it there, the latter two only where green's port is free. It takes a while when one does not. What it returns waits for what
// was found.
func (l *Local) startCheckNetwork(ctx context.Context, blue *postgres.Server, portFree bool) (wait func() ([]finding.Finding, error)) {
	var there, back []finding.Finding
	listen := portFree && !l.ours() // else green may listen there already, and the guardrail way-back lets blue connect to it
	var g errgroup.Group
	g.Go(func() error {
		database, err := blue.MaintenanceDatabase(ctx)
		if err == nil {
			there, err = l.greenReachesBlue(ctx, blue, database)
		}
		return err
	})
	g.Go(func() error {
		database, err := blue.MaintenanceDatabase(ctx)
		if err != nil || !listen {
			return err
		}
		return blue.In(ctx, database, func(conn *pgx.Conn) error {
			back, err = l.blueReachesGreen(ctx, conn)
			return err
		})
	})
	return func() ([]finding.Finding, error) {
		err := g.Wait()
		return append(there, back...), err
	}
}

// greenReachesBlue tries the connection string that green's subscriptions will have, in the way of green's server: by its libpq, as its
// user, with its environment. Nothing but the login is left then, and pgteal's own block in pg_hba.conf will let its role in.
func (l *Local) greenReachesBlue(ctx context.Context, blue *postgres.Server, database string) ([]finding.Finding, error) {
	conninfo := blue.As(postgres.Role, "", postgres.SecretFile).Conninfo(database)
	ping := l.programs.Command(ctx, l.account, "pg_isready", "--quiet", "--timeout="+seconds(postgres.ConnectTimeout), "--dbname="+conninfo)
	switch err := ping.Run(); {
	case errors.Is(err, fs.ErrNotExist):
		return []finding.Finding{{
			Check: "network", Blocks: finding.Nothing, Object: "blue as green's server reaches it",
			Reason: fmt.Sprintf("Not tried: there is no pg_isready beside green's server (%v).", err),
			Fix:    "Install the client programs of the new major version beside its server.",
		}}, nil
	case err == nil:
		return l.onlyOneHost(ctx, blue, database)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	said, _ := l.programs.Command(ctx, l.account, "psql", "--no-psqlrc", "--no-password", "--command=",
		"--dbname="+conninfo+" connect_timeout="+seconds(postgres.ConnectTimeout)).CombinedOutput() // it fails as pg_isready did, and says why
	return []finding.Finding{*blocks("network", "blue as green's server reaches it",
		fmt.Sprintf("Green's server, which runs as user %s, cannot follow blue: %s.", userName(l.account.UID), oneLine(said)),
		fmt.Sprintf("Mend this or blue.connection, until it says that connections are accepted: %s", commandLine(ping)))}, nil
}

// onlyOneHost sees that the first host of a connection string that names several is blue: a subscription's names no other.
func (l *Local) onlyOneHost(ctx context.Context, blue *postgres.Server, database string) (findings []finding.Finding, err error) {
	err = blue.In(ctx, database, func(conn *pgx.Conn) error {
		config := conn.Config()
		elsewhere := func(f *pgconn.FallbackConfig) bool { return f.Host != config.Host || f.Port != config.Port }
		if !slices.ContainsFunc(config.Fallbacks, elsewhere) {
			return nil
		}
		config.Fallbacks = slices.DeleteFunc(config.Fallbacks, elsewhere)
		config.ValidateConnect = nil
		const whoSQL = `SELECT pg_postmaster_start_time()::text` // to the microsecond: a standby has blue's system identifier, and not this
		var here, there string
		if err := conn.QueryRow(ctx, whoSQL).Scan(&here); err != nil {
			return err
		}
		first, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			defer postgres.Close(first)
			err = first.QueryRow(ctx, whoSQL).Scan(&there)
		}
		if err != nil || here != there {
			findings = []finding.Finding{*blocks("network", "blue.connection",
				fmt.Sprintf("It names several hosts. The clone and green's subscriptions use the first one alone, %s:%d, and that is not the "+
					"server which takes blue's writes.", config.Host, config.Port),
				"Let blue.connection name one host, that of the server which takes the writes.")}
		}
		return nil
	})
	return findings, err
}

var programName = regexp.MustCompile(`^\w+: error: `)

// oneLine returns what a program of PostgreSQL said as part of a sentence.
func oneLine(said []byte) string {
	lines := strings.Split(strings.TrimSpace(programName.ReplaceAllString(string(said), "")), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(strings.TrimSpace(lines[i]), ".?")
	}
	return strings.Join(lines, "; ")
}

// commandLine returns what the operator runs for cmd in a shell.
func commandLine(cmd *exec.Cmd) string {
	words := []string{cmd.Path}
	for _, arg := range cmd.Args[1:] {
		if arg != "--quiet" {
			words = append(words, shellWord(arg))
		}
	}
	line := strings.Join(words, " ")
	if cmd.SysProcAttr == nil || cmd.SysProcAttr.Credential == nil {
		return line
	}
	return "sudo -H -u " + userName(int(cmd.SysProcAttr.Credential.Uid)) + " " + line
}

var plainWord = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// shellWord quotes a word for a shell, for people to read.
func shellWord(s string) string {
	switch {
	case plainWord.MatchString(s):
		return s
	case !strings.ContainsAny(s, "\"$`\\!"):
		return `"` + s + `"`
	}
	return shellQuote(s)
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(uid)
}
