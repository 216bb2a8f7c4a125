package simulator

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// logFile is a file that a DB instance shows.
type logFile struct {
	name    string
	content string
	written time.Time
}

// serverLog is the name of the server's own log.
const serverLog = "error/postgresql.log"

// logs are the files of a DB instance: the server's log, and what a failed upgrade left.
func (w *world) logs(i *dbInstance) []logFile {
	files := i.cluster.files
	if i.cluster.server == nil {
		return files
	}
	content, err := os.ReadFile(i.cluster.server.LogFile())
	if err != nil {
		return files // it has not started yet
	}
	return append([]logFile{{name: serverLog, content: string(content), written: time.Now()}}, files...)
}

func (s *Simulator) describeDBLogFiles(_ *call, in *rds.DescribeDBLogFilesInput) (*rds.DescribeDBLogFilesOutput, error) {
	i, err := s.world.instance(in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	all := []types.DescribeDBLogFilesDetails{}
	for _, file := range s.world.logs(i) {
		written := file.written.UnixMilli()
		if !strings.Contains(file.name, value(in.FilenameContains)) || written < value(in.FileLastWritten) ||
			int64(len(file.content)) < value(in.FileSize) {
			continue
		}
		all = append(all, types.DescribeDBLogFilesDetails{LogFileName: ptr(file.name), LastWritten: &written, Size: ptr(int64(len(file.content)))})
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBLogFilesOutput{DescribeDBLogFiles: page, Marker: marker}, err
}

func (s *Simulator) downloadDBLogFilePortion(_ *call, in *rds.DownloadDBLogFilePortionInput) (*rds.DownloadDBLogFilePortionOutput, error) {
	i, err := s.world.instance(in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	const lines = 1000 // of a portion, unless NumberOfLines says otherwise
	for _, file := range s.world.logs(i) {
		if file.name != *in.LogFileName {
			continue
		}
		all := strings.SplitAfter(strings.TrimSuffix(file.content, "\n"), "\n")
		count := int(value(or(in.NumberOfLines, lines)))
		from, err := strconv.Atoi(value(or(in.Marker, "0")))
		if in.Marker == nil { // the last lines
			from = max(0, len(all)-count)
		}
		if err != nil || from < 0 || from > len(all) {
			return nil, refuseAs(invalidParameterValue, "Invalid marker: %s", *in.Marker)
		}
		to := min(from+count, len(all))
		return &rds.DownloadDBLogFilePortionOutput{
			LogFileData: ptr(strings.Join(all[from:to], "")), Marker: ptr(strconv.Itoa(to)), AdditionalDataPending: ptr(to < len(all)),
		}, nil
	}
	return nil, refuse(schemas.DBLogFileNotFoundFault, "DBLog File: %s, is not found on the DB instance", *in.LogFileName)
}
