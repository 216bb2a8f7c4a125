package simulator

import (
	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// manage gives a DB cluster a master user password that Secrets Manager keeps, and returns it.
func (s *Simulator) manage(c *dbCluster) string {
	password := rand.Text()
	arn := "arn:aws:secretsmanager:" + s.options.Region + ":" + Account + ":secret:rds!" + *c.shown.DbClusterResourceId
	c.shown.MasterUserSecret = &types.MasterUserSecret{SecretArn: &arn, SecretStatus: ptr("active")}
	s.world.secrets[arn] = map[string]string{"username": *c.shown.MasterUsername, "password": password}
	return password
}
