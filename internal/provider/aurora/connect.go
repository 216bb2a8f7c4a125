package aurora

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/rdsstatus"
	"github.com/pgteal/pgteal/internal/route"
)

// Blue reaches blue at its cluster endpoint, as role where that lets us in, and else as the operator's.
func (a *Aurora) Blue(ctx context.Context, role, password string) (*postgres.Server, error) {
	blue, err := a.needBlue(ctx)
	if err != nil {
		return nil, err
	}
	s, err := a.server("blue", blue, blue)
	if err != nil {
		return nil, err
	}
	if own := s.As(role, password, ""); role != "" && reachable(ctx, own) == nil {
		return own, nil
	}
	if err := reachable(ctx, s); err != nil {
		if status := aws.ToString(blue.Status); rdsstatus.OfCluster(status) != rdsstatus.Good {
			err = fmt.Errorf("DB cluster %q has the status %q: %w", *blue.DBClusterIdentifier, status, err)
		}
		return nil, fault.WithHint(err, "See that this host reaches it (security groups), that aurora.ca_bundle has the certificates of Amazon RDS "+
			"(https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem), and that the role may log in (aurora.user, password_file, secret, iam).")
	}
	return s, nil
}

func reachable(ctx context.Context, s *postgres.Server) error {
	_, err := s.MaintenanceDatabase(ctx)
	return err
}

// server is the server behind the cluster endpoint of c, its writer, reached as the operator's role. Where the password is in a secret of a DB
// cluster and c has none, blue's is taken: a clone has blue's roles with their passwords.
func (a *Aurora) server(name string, c, blue *types.DBCluster) (*postgres.Server, error) {
	at, user, database := endpointOf(c), a.config.Aurora.User, a.config.Aurora.Database
	if at.Host == "" {
		return nil, fmt.Errorf("DB cluster %q has no endpoint yet", *c.DBClusterIdentifier)
	}
	if user == "" {
		user = aws.ToString(c.MasterUsername)
	}
	if database == "" {
		database = aws.ToString(c.DatabaseName)
	}
	if database == "" {
		database = "postgres"
	}
	roots := a.config.Aurora.CABundle
	if roots == "" {
		roots = "system"
	}
	s, err := postgres.Open(name, fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=verify-full sslrootcert=%s",
		quote(at.Host), at.Port, quote(user), quote(database), quote(roots)))
	if err != nil {
		return nil, fault.New(fault.Usage, err, "See to aurora.ca_bundle.")
	}
	switch secret := a.secretOf(user, c, blue); {
	case a.config.Aurora.IAM:
		return s.WithPassword(a.token(at, user)), nil
	case a.password != "":
		return s.As(user, a.password, a.config.Aurora.PasswordFile), nil
	case secret != "":
		return s.WithPassword(a.fromSecret(secret)), nil
	default: // PGPASSWORD, PGPASSFILE or ~/.pgpass
		return s, nil
	}
}

// token makes tokens for IAM database authentication. Each is good for 15 minutes, and for one address.
func (a *Aurora) token(at route.Endpoint, user string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		return auth.BuildAuthToken(ctx, net.JoinHostPort(at.Host, strconv.Itoa(at.Port)), a.config.Aurora.Region, user, a.aws.Credentials)
	}
}

// secretOf returns the secret with user's password: the configured one, or what RDS keeps for a master user. It is "" where there is none.
func (a *Aurora) secretOf(user string, clusters ...*types.DBCluster) string {
	if a.config.Aurora.Secret != "" {
		return a.config.Aurora.Secret
	}
	for _, c := range clusters {
		if c != nil && c.MasterUserSecret != nil && user == aws.ToString(c.MasterUsername) {
			return aws.ToString(c.MasterUserSecret.SecretArn)
		}
	}
	return ""
}

// secretAge is how long a password that was read is taken for the current one. RDS changes those that it keeps every seven days
// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html).
const secretAge = time.Minute

// fromSecret reads the password of a secret, in the form that RDS and Secrets Manager's rotation give it: a JSON object with a password.
func (a *Aurora) fromSecret(id string) func(context.Context) (string, error) {
	var read time.Time
	var kept string
	return func(ctx context.Context) (string, error) {
		if kept != "" && time.Since(read) < secretAge {
			return kept, nil
		}
		answer, err := a.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
		if err != nil {
			return "", failed("read secret", id, err)
		}
		var content struct {
			Password string `json:"password"`
		}
		if err := json.Unmarshal([]byte(aws.ToString(answer.SecretString)), &content); err != nil || content.Password == "" {
			// The error of the decoder may repeat what it read.
			return "", fault.New(fault.Usage, fmt.Errorf("read secret %q: it is not a JSON object with a password", id), "Name another one in aurora.secret.")
		}
		kept, read = content.Password, time.Now()
		return kept, nil
	}
}

func quote(v string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'" }
