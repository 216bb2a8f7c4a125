package simulator

import "time"

// logFile is a file that a DB instance shows.
type logFile struct {
	name    string
	content string
	written time.Time
}
