package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// One cluster runs the jobs of pg_cron: blue, and green from the switchover on. In both of pg_cron's ways to run them a job that writes to no table
// tells the port of the server that started it.
func TestJobsRunOnce(t *testing.T) {
	for workers, writesRuns := range map[string]string{"on": "off", "off": "on"} {
		t.Run("workers "+workers, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, site.Options{From: 17, To: 18, Settings: []string{
				"shared_preload_libraries = 'pg_cron'", "cron.database_name = 'shop'",
				"cron.use_background_workers = " + workers, "cron.log_run = " + writesRuns,
			}})
			file := filepath.Join(s.Directory, "ran")
			s.Blue.Exec(t, "shop", `CREATE EXTENSION pg_cron`,
				`SELECT cron.schedule('tell', '1 second',
					$$COPY (SELECT current_setting('port') || ' ' || clock_timestamp()) TO PROGRAM 'cat >> `+file+`'$$)`)
			ran := func() (lines []string) {
				content, err := os.ReadFile(file)
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				return strings.Split(strings.TrimSpace(string(content)), "\n")
			}
			pgteal(t, done, s, "prepare")
			before := len(ran())
			pgtest.Eventually(t, time.Minute, "jobs run", func() bool { return len(ran()) >= before+3 })
			for _, line := range ran() {
				if !strings.HasPrefix(line, fmt.Sprint(s.Blue.Port, " ")) {
					t.Errorf("blue's port is %d, and a job ran elsewhere: %q", s.Blue.Port, line)
				}
			}
			if log, err := os.ReadFile(s.Green(t).LogFile); err != nil || strings.Contains(string(log), "cron job") {
				t.Errorf("green started jobs: %v\n%s", err, log)
			}
			pgteal(t, done, s, "switchover")
			s.Green(t).Exec(t, "shop", `UPDATE cron.job SET nodeport = current_setting('port')::int`)
			pgtest.Eventually(t, time.Minute, "green runs them", func() bool {
				lines := ran()
				return strings.HasPrefix(lines[len(lines)-1], fmt.Sprint(s.GreenPort, " "))
			})
			before = len(ran())
			pgtest.Eventually(t, time.Minute, "green runs more", func() bool { return len(ran()) >= before+2 })
			for _, line := range ran()[before:] {
				if !strings.HasPrefix(line, fmt.Sprint(s.GreenPort, " ")) {
					t.Errorf("green's port is %d, and a job ran elsewhere: %q", s.GreenPort, line)
				}
			}
		})
	}
}
