package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/jackc/pgx/v5"
)

// libpqOnly are keywords of libpq that pgx does not know and would send to the server as settings, which refuses them
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS). Without them the same server is reached and trusted in the
// same way.
var libpqOnly = []string{
	"fallback_application_name", "gssdelegation", "gssencmode", "gsslib", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval",
	"load_balance_hosts", "replication", "sslcompression", "ssl_max_protocol_version", "ssl_min_protocol_version", "tcp_user_timeout",
}

// trusting are those that say whom to trust, which pgx cannot do.
var trusting = []string{"requirepeer", "sslcrl", "sslcrldir"}

// ParseConninfo reads a keyword/value string or URL as libpq would, also what pgx alone does not know of it.
func ParseConninfo(conninfo string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(conninfo)
	if err != nil {
		return nil, err
	}
	for _, keyword := range trusting {
		if _, ok := config.RuntimeParams[keyword]; ok {
			return nil, fmt.Errorf("%s is not supported: leave it out", keyword)
		}
	}
	for _, keyword := range libpqOnly {
		delete(config.RuntimeParams, keyword)
	}
	if address, ok := config.RuntimeParams["hostaddr"]; ok {
		delete(config.RuntimeParams, "hostaddr")
		config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{address}, nil }
	}
	return config, nil
}

var rootcertKey = regexp.MustCompile(`\bsslrootcert(\s*=)`)

// rootcert returns sslrootcert as conninfo or the environment gives it, for a server that runs in another directory. The parsed configuration has
// read the file and forgotten its name; what it does not know it keeps.
func rootcert(conninfo string) string {
	file := os.Getenv("PGSSLROOTCERT")
	const unknown = "pgteal_rootcert"
	if config, err := pgx.ParseConfig(rootcertKey.ReplaceAllString(conninfo, unknown+"$1")); err == nil {
		if given, ok := config.RuntimeParams[unknown]; ok {
			file = given
		}
	}
	if file == "" || file == "system" {
		return file
	}
	if absolute, err := filepath.Abs(file); err == nil {
		return absolute
	}
	return file
}
