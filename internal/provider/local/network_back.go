package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// networkPatience bounds how long blue's server tries to reach green. Two seconds are the least that libpq takes before 17
// (connectDBComplete() in src/interfaces/libpq/fe-connect.c).
const networkPatience = 2 * time.Second

// blueReachesGreen listens where green will listen, and lets blue's server connect to it. conn is a session on blue.
func (l *Local) blueReachesGreen(ctx context.Context, conn *pgx.Conn) ([]finding.Finding, error) {
	listen, fixed, err := listenAddresses(ctx, conn)
	if err != nil || len(listen) == 0 {
		return nil, err
	}
	green := listenOn(ctx, listen, l.config.Green.Port)
	defer green.close()
	findings := l.judgeListening(green, listen, fixed)
	if len(finding.Blocking(findings, finding.Upgrade)) > 0 {
		return findings, nil
	}
	host, err := l.hostForBlue(ctx, conn)
	if err != nil || host == "" {
		return findings, err
	}
	found, err := l.tryGreen(ctx, conn, green, host)
	return append(findings, found...), err
}

// listenAddresses are blue's, which green will have: one that waits for a restart of blue is in force on green at once. They are fixed where
// blue has them from its command line. There are none where our role may not read blue's files, as is said elsewhere.
func listenAddresses(ctx context.Context, conn *pgx.Conn) (addresses []string, fixed bool, err error) {
	err = conn.QueryRow(ctx, `SELECT ARRAY(SELECT a FROM unnest(string_to_array(coalesce((SELECT f.setting FROM pg_file_settings f
			WHERE lower(f.name) = s.name AND s.pending_restart ORDER BY f.seqno DESC LIMIT 1), s.setting), ',')) x, btrim(x, ' "') a WHERE a <> ''),
		s.source = 'command line' FROM pg_settings s WHERE s.name = 'listen_addresses'`).Scan(&addresses, &fixed)
	if postgres.SQLState(err) == insufficientPrivilege {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read where blue listens: %w", err)
	}
	return addresses, fixed, nil
}

const insufficientPrivilege = "42501"

// hostForBlue is where blue's server will look for green, "" where it goes by Unix sockets: as upgrade.greetGreen finds it.
func (l *Local) hostForBlue(ctx context.Context, conn *pgx.Conn) (us string, err error) {
	err = conn.QueryRow(ctx, `SELECT coalesce(host(inet_client_addr()), '')`).Scan(&us)
	if err != nil {
		return "", fmt.Errorf("ask blue from where it is reached: %w", err)
	}
	if us != "" && l.config.Green.Host != "" {
		return l.config.Green.Host, nil
	}
	return us, nil
}

// The exit codes of tryProgram.
const (
	noProgram   = 3 // and all others
	unknownName = 4
	refused     = 5
	noAnswer    = 6
	another     = 7
)

var exitCode = regexp.MustCompile(`\d+`)

// tryGreen has blue's server run psql, which is beside it, with the connection string of the way back. Nothing is written: COPY TO PROGRAM is
// allowed in a read-only transaction.
func (l *Local) tryGreen(ctx context.Context, conn *pgx.Conn, green listeners, host string) ([]finding.Finding, error) {
	var programs, database string
	err := conn.QueryRow(ctx, `SELECT setting, current_database() FROM pg_config() WHERE name = 'BINDIR'`).Scan(&programs, &database)
	if postgres.SQLState(err) == insufficientPrivilege {
		return nil, nil // what is missing is said elsewhere
	}
	if err != nil {
		return nil, fmt.Errorf("ask blue where its programs are: %w", err)
	}
	server, err := postgres.Open("green", fmt.Sprintf("host=%s port=%d sslmode=disable", quote(host), l.config.Green.Port))
	if err != nil {
		return nil, err
	}
	word := rand.Text()
	heard := green.hear(word)
	conninfo := server.As(postgres.Role, "", postgres.SecretFile).Conninfo(database) +
		" connect_timeout=" + seconds(networkPatience) + " application_name=" + word

	within, cancel := context.WithTimeout(ctx, networkPatience+time.Second) // a name server that does not answer takes longer
	defer cancel()
	_, failed := conn.Exec(within, `BEGIN READ ONLY; COPY (SELECT 1) TO PROGRAM `+postgres.Literal(tryProgram(path.Join(programs, "psql"), conninfo)))
	select {
	case <-heard:
		return nil, nil
	default:
	}
	code := noAnswer
	pg, told := errors.AsType[*pgconn.PgError](failed)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case told && pg.Code == insufficientPrivilege:
		return nil, nil // what is missing is said elsewhere
	case told:
		code, _ = strconv.Atoi(exitCode.FindString(pg.Detail)) // "child process exited with exit code 5", in the server's language
	case within.Err() == nil:
		return nil, fmt.Errorf("let blue try to reach green: %w", failed)
	}
	return l.judgeAttempt(code, host), nil
}

// tryProgram is what the shell on blue's host runs. Its exit code says how it went, which is all that COPY TO PROGRAM hands on.
func tryProgram(psql, conninfo string) string {
	psql = shellQuote(psql)
	return fmt.Sprintf(`cat > /dev/null
		[ -x %s ] || exit %d
		said=$(LC_ALL=C %s -wX -d %s 2>&1 < /dev/null)
		case $said in
			*"not translate"*) exit %d ;;
			*"Connection refused"*) exit %d ;;
			*"timeout expired"*|*"timed out"*|*"No route"*|*unreachable*) exit %d ;;
		esac
		exit %d`, psql, noProgram, psql, shellQuote(conninfo), unknownName, refused, noAnswer, another)
}

// judgeAttempt says why blue's server did not get through to green at host.
func (l *Local) judgeAttempt(code int, host string) []finding.Finding {
	address := fmt.Sprintf("%s, port %d", host, l.config.Green.Port)
	f := finding.Finding{Check: "network", Blocks: finding.Switchover, Object: "green at " + address + ", as blue's server reaches it"}
	const giveUp = "; or give up the way back: pgteal switchover --force way-back"
	switch code {
	case unknownName:
		f.Reason = "The name is not known on blue's host"
		f.Fix = "Set green.host to a name or an address by which blue's host knows this one" + giveUp
	case refused:
		f.Reason = "Blue's host is refused there, although pgteal was listening as green will"
		f.Fix = "Set green.host to an address of this host that blue's host reaches and that is among blue's listen_addresses, which green takes over" + giveUp
	case noAnswer:
		f.Reason = "Blue's host gets no answer there, although pgteal was listening as green will"
		f.Fix = "Let firewalls and routes pass connections from blue's host to this port, or set green.host to an address that it reaches" + giveUp
	case another:
		f.Reason = "Blue's host reaches something else there, not this host"
		f.Fix = "Set green.host to the address by which blue's host reaches this one" + giveUp
	default:
		return []finding.Finding{{
			Check: "network", Blocks: finding.Nothing, Object: f.Object,
			Reason: "Not tried: psql is not beside blue's server, or does not run there. The guardrail way-back tries it before the switchover.",
			Fix:    "See that blue's host may connect to " + address + ".",
		}}
	}
	f.Reason += ". So after the switchover blue could not follow green, and nothing would lead back."
	f.Fix += "."
	return []finding.Finding{f}
}
