package aurora

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

const (
	// explainTimeout bounds Explain, whose caller waits.
	explainTimeout = 5 * time.Second

	// clockSkew is how far this host's clock may be from AWS's.
	clockSkew = 5 * time.Minute

	// mostLines is how many lines of a log are read from its end, and mostReasons how many of them an error shows.
	mostLines   = 500
	mostReasons = 20
)

// Explain returns the last errors in the server log of green's writer.
func (a *Aurora) Explain() string {
	ctx, cancel := context.WithTimeout(context.Background(), explainTimeout)
	defer cancel()
	green, err := a.green(ctx)
	if err != nil || green == nil {
		return ""
	}
	files, id := a.logFiles(ctx, green, "postgresql.log", time.Time{})
	if len(files) == 0 {
		return ""
	}
	errors := slices.DeleteFunc(a.lastLines(ctx, id, files[0]), func(line string) bool {
		return !strings.Contains(line, "ERROR:") && !strings.Contains(line, "FATAL:")
	})
	return strings.Join(errors[max(0, len(errors)-3):], "\n")
}

// upgradeLog returns the end of what was written about the upgrade of a cluster since then: by AWS's own checks before it, pg_upgrade_precheck.log,
// or by pg_upgrade (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_UpgradeDBInstance.PostgreSQL.html). It is "" where there is
// nothing.
func (a *Aurora) upgradeLog(ctx context.Context, id string, since time.Time) string {
	green, err := a.cluster(ctx, id)
	if err != nil || green == nil {
		return ""
	}
	files, instance := a.logFiles(ctx, green, "pg_upgrade", since.Add(-clockSkew))
	slices.SortStableFunc(files, func(x, y string) int { return telling(x) - telling(y) })
	for _, file := range files {
		lines := slices.DeleteFunc(a.lastLines(ctx, instance, file), func(line string) bool {
			return strings.TrimSpace(line) == "" || strings.HasSuffix(strings.TrimSpace(line), " ok")
		})
		if len(lines) > 0 {
			return strings.Join(lines[max(0, len(lines)-mostReasons):], "\n")
		}
	}
	return ""
}

// telling ranks log files by how likely they say why an upgrade failed.
func telling(file string) int {
	switch {
	case strings.Contains(file, "precheck"):
		return 0
	case strings.Contains(file, "internal"):
		return 1
	default:
		return 2
	}
}

// logFiles lists the log files of a cluster's writer whose names contain part and that were written to since then, the youngest first.
func (a *Aurora) logFiles(ctx context.Context, c *types.DBCluster, part string, since time.Time) (files []string, instance string) {
	instances, err := a.instances(ctx, c)
	if err != nil || len(instances) == 0 {
		return nil, ""
	}
	instance = *instances[0].DBInstanceIdentifier
	answer, err := a.rds.DescribeDBLogFiles(ctx, &rds.DescribeDBLogFilesInput{DBInstanceIdentifier: &instance, FilenameContains: &part})
	if err != nil {
		return nil, ""
	}
	slices.SortFunc(answer.DescribeDBLogFiles, func(x, y types.DescribeDBLogFilesDetails) int {
		return cmp.Compare(aws.ToInt64(y.LastWritten), aws.ToInt64(x.LastWritten))
	})
	for _, f := range answer.DescribeDBLogFiles {
		if time.UnixMilli(aws.ToInt64(f.LastWritten)).Before(since) {
			break
		}
		files = append(files, aws.ToString(f.LogFileName))
	}
	return files, instance
}

// lastLines returns the end of a log file. Without a marker AWS begins there.
func (a *Aurora) lastLines(ctx context.Context, instance, file string) []string {
	answer, err := a.rds.DownloadDBLogFilePortion(ctx, &rds.DownloadDBLogFilePortionInput{
		DBInstanceIdentifier: &instance, LogFileName: &file, NumberOfLines: aws.Int32(mostLines),
	})
	if err != nil {
		return nil
	}
	return slices.Collect(func(yield func(string) bool) {
		for line := range strings.Lines(aws.ToString(answer.LogFileData)) {
			if !yield(strings.TrimRight(line, "\r\n")) {
				return
			}
		}
	})
}
