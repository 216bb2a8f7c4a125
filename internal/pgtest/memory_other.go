//go:build !linux

package pgtest

// inMemory is "", the usual place for temporary files.
func inMemory() string { return "" }
