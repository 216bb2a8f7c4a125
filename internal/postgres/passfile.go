package postgres

import (
	"strconv"
	"strings"
)

// PasswordLine returns the line of a libpq password file with which an external program passes the server's authentication
// (https://www.postgresql.org/docs/current/libpq-pgpass.html). It is "" where there is no password, or Conninfo names a password
// file. It is a secret.
func (s *Server) PasswordLine() string {
	if s.config.Password == "" || s.passfile != "" {
		return ""
	}
	quote := strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace
	host := s.config.Host
	if strings.HasPrefix(host, "/") {
		host = "*" // libpq looks a default socket directory up as localhost
	}
	return strings.Join([]string{quote(host), strconv.Itoa(int(s.config.Port)), "*", quote(s.config.User), quote(s.config.Password)}, ":")
}
