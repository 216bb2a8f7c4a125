package haproxy

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// answerLimit bounds every command; HAProxy answers within milliseconds.
const answerLimit = 5 * time.Second

// errDenied says that the socket's level does not allow a command.
var errDenied = errors.New("permission denied")

// ask gives HAProxy one command and returns its answer, without the empty line at its end. A command that changes something
// answers nothing where it worked; see tell.
func (h *HAProxy) ask(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	network := "tcp"
	if filepath.IsAbs(h.Socket) {
		network = "unix"
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, h.Socket)
	if err != nil {
		return "", fmt.Errorf("connect to the stats socket: %w", err)
	}
	defer conn.Close()                                          //nolint:errcheck // all was read
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends a read that waits
	defer stop()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", fmt.Errorf("run %q: %w", command, err)
	}
	answer, err := io.ReadAll(conn)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("run %q: %w", command, err)
	}
	text := strings.TrimSpace(string(answer))
	if strings.HasPrefix(text, "Permission denied") {
		return "", fmt.Errorf("run %q: %w", command, errDenied)
	}
	return text, nil
}

// tell gives HAProxy a command that answers nothing where it worked.
func (h *HAProxy) tell(ctx context.Context, format string, args ...any) error {
	command := fmt.Sprintf(format, args...)
	answer, err := h.ask(ctx, command)
	if err != nil {
		return err
	}
	if answer != "" {
		return fmt.Errorf("run %q: HAProxy says %q", command, answer)
	}
	return nil
}

// row is one line of a table, by the names of its columns. Which columns there are depends on the version.
type row map[string]string

// stat returns what `show stat` says of a proxy: its frontend, its servers and its backend, as far as it has them.
func (h *HAProxy) stat(ctx context.Context, proxy string) ([]row, error) {
	answer, err := h.ask(ctx, "show stat "+proxy+" -1 -1")
	if err != nil {
		return nil, err
	}
	lines := csv.NewReader(strings.NewReader(strings.TrimPrefix(answer, "# ")))
	lines.FieldsPerRecord = -1
	table, err := lines.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read what `show stat` says: %w", err)
	}
	var rows []row
	for _, fields := range table[min(1, len(table)):] {
		if r := rowOf(table[0], fields); r["pxname"] == proxy {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// rowOf names fields by the columns of a table's head.
func rowOf(head, fields []string) row {
	r := row{}
	for i, field := range fields[:min(len(fields), len(head))] {
		r[head[i]] = field
	}
	return r
}
