package postgres

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
)

// LSN is a log sequence number: a byte position in the write-ahead log. In text, JSON and SQL it is PostgreSQL's pg_lsn form, "16/B374D848".
type LSN uint64

// ParseLSN reads the pg_lsn form.
func ParseLSN(text string) (LSN, error) {
	high, low, ok := strings.Cut(text, "/")
	if !ok {
		return 0, fmt.Errorf("%q is not an LSN", text)
	}
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is not an LSN", text)
	}
	return LSN(h<<32 | l), nil
}

func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint64(l)>>32, uint32(l)) } //nolint:gosec // the low half is meant

// MarshalText gives the pg_lsn form.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the pg_lsn form.
func (l *LSN) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLSN(string(text))
	return err
}

// Value passes an LSN as a parameter of a query.
func (l LSN) Value() (driver.Value, error) { return l.String(), nil }

// Scan takes an LSN from a row.
func (l *LSN) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("an LSN cannot be read from %T", value)
	}
	return l.UnmarshalText([]byte(text))
}
