package engine

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/rights"
)

// SetNames makes the server's certificate one for the addresses of its endpoints. A running server takes it with the next Reload.
func (s *Server) SetNames(addresses []string) error {
	s.namesMu.Lock()
	defer s.namesMu.Unlock()
	if slices.Equal(s.names, addresses) {
		return nil
	}
	s.names = slices.Clone(addresses)
	return s.certify()
}

// certified gives the server a certificate if it has none.
func (s *Server) certified() error {
	s.namesMu.Lock()
	defer s.namesMu.Unlock()
	if _, err := os.Stat(filepath.Join(s.Directory, "server.crt")); err == nil {
		return nil
	}
	return s.certify()
}

func (s *Server) certify() error {
	certificate, key, err := s.Authority.issue(append([]string{s.Address}, s.names...))
	if err != nil {
		return err
	}
	if err := s.write("server.crt", certificate); err != nil {
		return err
	}
	return s.write("server.key", key)
}

// configure writes the server's configuration, all of it.
func (s *Server) configure() error {
	if err := s.certified(); err != nil {
		return err
	}
	settings := map[string]string{}
	maps.Copy(settings, s.settings)
	maps.Copy(settings, s.own())
	var text strings.Builder
	text.WriteString("# Written by the simulator of AWS.\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`).Replace(settings[name]))
	}
	for name, content := range map[string]string{
		"postgresql.conf":      text.String(),
		"postgresql.auto.conf": "",
		"pg_ident.conf":        "",
	} {
		if err := s.write(filepath.Join(filepath.Base(s.data), name), []byte(content)); err != nil {
			return err
		}
	}
	s.accessMu.Lock()
	defer s.accessMu.Unlock()
	s.forceSSL = s.settings["rds.force_ssl"] == "1"
	return s.writeAccess()
}

// own are the settings that are not the user's to change.
func (s *Server) own() map[string]string {
	level := "replica"
	if s.settings["rds.logical_replication"] == "1" {
		level = "logical"
	}
	keep, amount := "wal_keep_size", "1GB" // a clone copies the WAL that was written meanwhile
	if s.programs.Major < 13 {
		keep, amount = "wal_keep_segments", "64"
	}
	return map[string]string{ //nolint:gosec // no credentials are in it
		"listen_addresses":        s.Address,
		"port":                    s.port(),
		"unix_socket_directories": s.sockets(),
		"unix_socket_permissions": "0700",
		"ssl":                     "on",
		"ssl_cert_file":           filepath.Join(s.Directory, "server.crt"),
		"ssl_key_file":            filepath.Join(s.Directory, "server.key"),
		"password_encryption":     "scram-sha-256",
		"wal_level":               level,
		keep:                      amount,
		"fsync":                   "off", // it is thrown away
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"lc_messages":             "C",

		rights.StartLSNSetting: s.start.String(),
	}
}

// write replaces a file in the server's directory, as the account's.
func (s *Server) write(name string, content []byte) error {
	path := filepath.Join(s.Directory, name)
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o600))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer file.Cleanup() //nolint:errcheck // it does nothing once the file is in place
	if _, err := file.Write(content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := s.Account.Own(file.Name()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return file.CloseAtomicallyReplace()
}
