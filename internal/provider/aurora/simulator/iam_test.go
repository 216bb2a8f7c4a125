package simulator_test

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/jackc/pgx/v5"
)

func TestATokenOfIAMLetsIn(t *testing.T) {
	for _, major := range []string{"13", "18"} {
		t.Run(major, func(t *testing.T) {
			f := start(t)
			f.cluster(t, "orders", major, func(in *rds.CreateDBClusterInput) { in.EnableIAMDatabaseAuthentication = aws.Bool(true) })
			conn := f.connect(t, "orders", "shop")
			exec(t, conn, `CREATE ROLE "Ro""le" LOGIN PASSWORD 'a-password-of-the-tests'`, `GRANT rds_iam TO "Ro""le"`)
			endpoint := *f.describe(t, "orders").Endpoint
			config := f.Config()
			token := func(role string) string {
				made, err := auth.BuildAuthToken(t.Context(), net.JoinHostPort(endpoint, strconv.Itoa(f.Port())), "eu-west-1", role, config.Credentials)
				if err != nil {
					t.Fatal(err)
				}
				return made
			}
			for _, test := range []struct {
				name, role, password string
				in                   bool
			}{
				{"its token", `Ro"le`, token(`Ro"le`), true},
				{"another role's token", `Ro"le`, token("postgres"), false},
				{"a token that was changed", `Ro"le`, token(`Ro"le`) + "0", false},
				{"its password", `Ro"le`, password, false},
				{"a token of a role without rds_iam", "postgres", token("postgres"), false},
				{"a password of a role without rds_iam", "postgres", password, true},
			} {
				c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d dbname=shop sslmode=verify-full sslrootcert=%s", endpoint, f.Port(), f.CABundle()))
				if err != nil {
					t.Fatal(err)
				}
				c.User, c.Password = test.role, test.password
				session, err := pgx.ConnectConfig(t.Context(), c)
				if (err == nil) != test.in {
					t.Errorf("%s: %v", test.name, err)
				}
				if err == nil {
					_ = session.Close(t.Context())
				}
			}
		})
	}
}
