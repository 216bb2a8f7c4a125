package green

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// neverStarts is an option that no server accepts. pg_upgrade takes a postmaster.pid for a stale one until a start has failed (setup in
// src/bin/pg_upgrade/pg_upgrade.c). With this, each start fails before the server looks at its data directory: a blue that stops right
// then is not started as an old cluster, and its files stay as they are.
const neverStarts = "-c pgteal_never_starts=on"

// readOnly is for sessions on blue. They wait for no lock on a catalog for long.
const readOnly = " -c default_transaction_read_only=on -c lock_timeout=10s"

// check runs pg_upgrade --check against the running blue. It writes into the scratch cluster alone.
func (s *scratch) check(ctx context.Context, b blue, step *progress.Step) ([]finding.Finding, error) {
	if !b.login {
		role := postgres.Ident(b.superuser)
		return []finding.Finding{untried(upgradeCheck, "role "+role, "pg_upgrade connects as blue's bootstrap superuser, which may not log in. The "+
			"upgrade does not mind, because pgteal lets it in on the clone.", "ALTER ROLE "+role+" LOGIN; then run this again; or leave it.")}, nil
	}
	sockets, err := s.sockets()
	if err != nil {
		return nil, err
	}
	port := "50432" // in a directory of its own; pg_upgrade insists that it differs from blue's
	if b.socket.Port == 50432 {
		port = "50433"
	}
	cmd := s.command(ctx, s.lock, s.New, "pg_upgrade", "--check",
		"--old-bindir="+b.cluster.Directory, "--new-bindir="+s.New.Directory,
		"--old-datadir="+b.cluster.DataDirectory, "--new-datadir="+s.New.DataDirectory,
		"--old-options="+neverStarts, "--new-options=-c config_file=new.conf",
		"--username="+b.superuser, "--socketdir="+sockets, "--new-port="+port)
	cmd.Env = append(cmd.Env, "PGOPTIONS="+s.sessionOptions()+readOnly, "PGPASSFILE="+s.passwords(),
		"PGAPPNAME=pgteal", "PGCONNECT_TIMEOUT=60", "PGCTLTIMEOUT=600")
	out := &output{step: step, begun: time.Now()}
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("pg_upgrade --check was cut off: %w", ctx.Err())
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return nil, fmt.Errorf("pg_upgrade --check: %w", err)
	}
	if _, stopped := b.cluster.Postmaster(); err != nil && errors.Is(stopped, pgctl.ErrNotRunning) {
		return []finding.Finding{untried(upgradeCheck, "blue", "its server does not run any more.", "Start blue, then run this again.")}, nil
	}
	return s.verdicts(out.String(), err != nil), nil
}

// verdict is one of pg_upgrade's checks that did not go well, and what it said.
type verdict struct {
	title, status, text string
}

var (
	checkLine  = regexp.MustCompile(`^(Checking .*?)(?:  +(.*))?$`)
	failedLine = regexp.MustCompile(`^(?:failed check: )(.*?) *$`)
)

// splitVerdicts takes what pg_upgrade printed apart. Its checks of data types, since 17, are one check with several verdicts: the titles first,
// then the texts, each of which ends with the name of a file (check_for_data_types_usage in src/bin/pg_upgrade/check.c).
func splitVerdicts(out string) []verdict {
	var all []verdict
	var titles []string
	open := false
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, " \r\n")
		if m := checkLine.FindStringSubmatch(line); m != nil {
			status := strings.TrimSpace(m[2])
			if first := failedLine.FindStringSubmatch(status); first != nil {
				status, titles = "fatal", append(titles, first[1])
			}
			if open = status != "ok"; open {
				v := verdict{title: m[1], status: status}
				if !slices.Contains([]string{"fatal", "warning", "notice"}, status) { // it gave up in the middle
					v.status, v.text = "fatal", status+"\n"
				}
				all = append(all, v)
			}
			continue
		}
		if m := failedLine.FindStringSubmatch(line); m != nil {
			titles = append(titles, m[1])
			continue
		}
		if open && !strings.HasPrefix(line, "*Clusters") {
			all[len(all)-1].text += line + "\n"
		}
	}
	if len(titles) == 0 || len(all) == 0 {
		return all
	}
	last := all[len(all)-1]
	texts := strings.Split(strings.TrimPrefix(strings.TrimSpace(last.text), "Data type checks failed:"), "\n\n")
	var parts []string // each up to the name of its file
	for i := 0; i < len(texts); i++ {
		part := texts[i]
		for !strings.Contains(part, ".txt") && i+1 < len(texts) {
			i++
			part += "\n\n" + texts[i]
		}
		if strings.Contains(part, ".txt") {
			parts = append(parts, part)
		}
	}
	if len(parts) != len(titles) {
		return all
	}
	all = all[:len(all)-1]
	for i, title := range titles {
		all = append(all, verdict{title: title, status: last.status, text: parts[i]})
	}
	return all
}

// unable are pg_upgrade's words where it could not ask, which says nothing about blue's data.
var unable = []string{"connection to server", "could not connect", "SQL command failed", "*failure*", "pg_ctl failed", "No space left"}

// passing are checks of what pgteal sees to itself: slots, subscriptions and prepared transactions are taken off the clone, tablespaces are
// put elsewhere.
var passing = []string{"prepared transactions", "replication slots", "subscription", "tablespace directories"}

func (s *scratch) verdicts(out string, failed bool) []finding.Finding {
	const again = "Mend that, then run this again."
	verdicts := splitVerdicts(out)
	if failed && !slices.ContainsFunc(verdicts, func(v verdict) bool { return v.status == "fatal" }) {
		verdicts = append(verdicts, verdict{text: words(out)})
	}
	contains := func(text string, list []string) bool {
		return slices.ContainsFunc(list, func(word string) bool { return strings.Contains(text, word) })
	}
	var findings []finding.Finding
	for _, v := range verdicts {
		object := "blue"
		if v.title != "" {
			object = "blue: " + strings.TrimPrefix(strings.TrimPrefix(v.title, "Checking for "), "Checking ")
		}
		said := s.explain(v.text)
		switch {
		case contains(v.text, unable):
			findings = append(findings, untried(upgradeCheck, "pg_upgrade --check", said, again))
		case contains(v.title, passing):
			findings = append(findings, untried(upgradeCheck, object, "pg_upgrade --check stopped at it. pgteal sees to it itself, "+
				"but what pg_upgrade asks after it was not asked. "+said, again))
		case v.status != "fatal":
			findings = append(findings, finding.Finding{
				Check: upgradeCheck, Blocks: finding.Nothing, Object: object, Reason: said, Fix: "Nothing now; look at it after the upgrade.",
			})
		default:
			findings = append(findings, finding.Finding{
				Check: upgradeCheck, Blocks: finding.Upgrade, Object: object, Reason: "pg_upgrade --check refuses: " + said,
				Fix: hint(v.text, ""),
			})
		}
	}
	return findings
}

var reportPath = regexp.MustCompile(`(?m)^\s*\S*/([^/\s]+\.(?:txt|log))$`)

// explain returns pg_upgrade's words with what is in the files that they name, which are gone soon.
func (s *scratch) explain(text string) string {
	said := strings.TrimSuffix(strings.TrimSpace(words(text)), "Failure, exiting")
	said = strings.Join(strings.Fields(reportPath.ReplaceAllString(said, "$1")), " ")
	for _, file := range s.reports() {
		if name := filepath.Base(file); strings.HasSuffix(name, ".txt") && strings.Contains(text, name) {
			if content, err := os.ReadFile(file); err == nil {
				said += "\n" + excerpt(string(content), false)
			}
		}
	}
	return said
}
