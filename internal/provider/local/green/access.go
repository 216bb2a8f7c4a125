package green

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider"
)

// carryAccess gives green blue's pg_hba.conf and pg_ident.conf with the files beside them to which they refer, and puts the fence
// before everything else. They are read through blue's server, which may be on another host.
func (g Cluster) carryAccess(ctx context.Context, blue *postgres.Server, fence string) (notes []provider.Carried, err error) {
	database, err := blue.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	if fence != "" && !strings.HasSuffix(fence, "\n") {
		fence += "\n"
	}
	err = blue.In(ctx, database, func(conn *pgx.Conn) error {
		for _, file := range []struct{ setting, name, before string }{
			{"hba_file", "pg_hba.conf", fence},
			{"ident_file", "pg_ident.conf", ""},
		} {
			var place string
			var content []byte
			err := conn.QueryRow(ctx, "SELECT f, pg_read_binary_file(f) FROM current_setting($1) f", file.setting).Scan(&place, &content)
			if err != nil {
				return fmt.Errorf("read %s: %w", file.name, err)
			}
			text := append([]byte(file.before), g.modern(postgres.HBANone.With(content))...)
			if err := writeAs(g.New.Account, filepath.Join(g.configDirectory(), file.name), text, 0o640); err != nil {
				return err
			}
			r := references{g: g, conn: conn, from: path.Dir(place)}
			if err := r.carry(ctx, file.name, content, 0); err != nil {
				return err
			}
			notes = append(notes, r.notes...)
		}
		return nil
	})
	return notes, err
}

var (
	clientCertOn  = regexp.MustCompile(`\bclientcert="?1"?`)
	clientCertOff = regexp.MustCompile(`[ \t]+clientcert="?(0|no-verify)"?`)
)

// modern replaces what 14 no longer takes in pg_hba.conf, and refuses to start with
// (https://www.postgresql.org/docs/release/14.0/).
func (g Cluster) modern(hba []byte) []byte {
	if g.New.Major < 14 || g.Old.Major >= 14 {
		return hba
	}
	return clientCertOff.ReplaceAll(clientCertOn.ReplaceAll(hba, []byte("clientcert=verify-ca")), nil)
}
