package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
)

// Addresses is where a server listens for its clients, as far as it takes to withdraw it and bring it back. A withdrawn server listens on
// none of these: on no TCP port, and on a Unix socket with another number. A client is refused by the operating system there, which makes
// libpq try the next host of its connection string; a rejection by pg_hba.conf does not
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS).
type Addresses struct {
	Number int     `json:"number"`                     // the port, also where only the Unix socket has it in its name
	Listen *string `json:"listen_addresses,omitempty"` // ALTER SYSTEM SET listen_addresses; nil: it has set nothing
	Port   *string `json:"port,omitempty"`             // ALTER SYSTEM SET port
}

// ReadAddresses reads what PutBack will have to put back. It fails where the server could not be withdrawn.
func ReadAddresses(ctx context.Context, conn *pgx.Conn) (a Addresses, err error) {
	var fixed, sockets string
	err = conn.QueryRow(ctx, `SELECT coalesce(string_agg(name, ', '), ''), current_setting('unix_socket_directories'), current_setting('port')::int
		FROM pg_settings WHERE name IN ('listen_addresses', 'port') AND source IN ('command line', 'environment variable')`).
		Scan(&fixed, &sockets, &a.Number)
	if err != nil {
		return a, fmt.Errorf("read where the server listens: %w", err)
	}
	if fixed != "" {
		return a, fault.WithHint(fmt.Errorf("the server was started with %s on its command line, which beats its files", fixed),
			"Set it in postgresql.conf instead, and restart the server without it.")
	}
	if sockets == "" {
		return a, fault.WithHint(errors.New("the server has no Unix socket, by which alone it could be reached"),
			"Set unix_socket_directories and restart the server.")
	}
	rows, _ := conn.Query(ctx, `SELECT name, setting FROM pg_file_settings WHERE name IN ('listen_addresses', 'port')
		AND sourcefile = current_setting('data_directory') || '/postgresql.auto.conf' ORDER BY seqno`)
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		if name == "port" {
			a.Port = new(value)
		} else {
			a.Listen = new(value)
		}
		return nil
	})
	if err != nil {
		return a, fmt.Errorf("read where the server listens: %w", err)
	}
	return a, nil
}

// Withdraw withdraws the server at its next start, and gives its Unix socket the number port.
func Withdraw(ctx context.Context, conn *pgx.Conn, port int) error {
	return alterSystem(ctx, conn, new(""), new(strconv.Itoa(port)))
}

// PutBack lets ALTER SYSTEM say what it said when ReadAddresses read it, from the server's next start on.
func (a Addresses) PutBack(ctx context.Context, conn *pgx.Conn) error {
	return alterSystem(ctx, conn, a.Listen, a.Port)
}

// alterSystem sets or resets both settings one by one, because ALTER SYSTEM does not run in a transaction.
func alterSystem(ctx context.Context, conn *pgx.Conn, listen, port *string) error {
	for _, s := range []struct {
		name  string
		value *string
	}{{"listen_addresses", listen}, {"port", port}} {
		statement := "ALTER SYSTEM RESET " + s.name
		if s.value != nil {
			statement = "ALTER SYSTEM SET " + s.name + " = " + Literal(*s.value)
		}
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Withdrawn tells whether the server runs withdrawn, whatever its files say of its next start.
func (a Addresses) Withdrawn(ctx context.Context, conn *pgx.Conn) (withdrawn bool, err error) {
	err = conn.QueryRow(ctx, `SELECT current_setting('listen_addresses') = '' AND current_setting('port')::int <> $1`, a.Number).Scan(&withdrawn)
	if err != nil {
		return false, fmt.Errorf("ask where the server listens: %w", err)
	}
	return withdrawn, nil
}
