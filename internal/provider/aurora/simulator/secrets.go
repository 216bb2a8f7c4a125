package simulator

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// manage gives a DB cluster a master user password that Secrets Manager keeps, and returns it.
func (s *Simulator) manage(c *dbCluster) string {
	password := rand.Text()
	arn := s.keep("rds!"+*c.shown.DbClusterResourceId, map[string]string{"username": *c.shown.MasterUsername, "password": password})
	c.shown.MasterUserSecret = &types.MasterUserSecret{SecretArn: &arn, SecretStatus: ptr("active")}
	return password
}

// keep puts a secret into Secrets Manager and returns its ARN, whose end AWS makes up.
func (s *Simulator) keep(name string, values map[string]string) string {
	arn := "arn:aws:secretsmanager:" + s.options.Region + ":" + Account + ":secret:" + name + "-SiMuLa"
	s.world.secrets[arn] = values
	return arn
}

// PutSecret puts a secret into Secrets Manager, or replaces it, and returns its ARN. Values are those of the JSON document that it is.
func (s *Simulator) PutSecret(name string, values map[string]string) (arn string) {
	s.locked(func() { arn = s.keep(name, maps.Clone(values)) })
	return arn
}

func (s *Simulator) secretsManager(q *call) (answer, error) {
	return answerJSON(q, map[string]jsonAction{"GetSecretValue": jsonRequest(s.getSecretValue)})
}

func (s *Simulator) getSecretValue(in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	id := value(in.SecretId)
	for arn, values := range s.world.secrets {
		name := strings.TrimSuffix(arn[strings.LastIndex(arn, ":")+1:], "-SiMuLa")
		if id != arn && id != name {
			continue
		}
		content, err := json.Marshal(values)
		if err != nil {
			return nil, err
		}
		return &secretsmanager.GetSecretValueOutput{
			ARN: &arn, Name: &name, SecretString: ptr(string(content)), VersionId: ptr("00000000-0000-4000-8000-000000000000"),
			VersionStages: []string{"AWSCURRENT"}, CreatedDate: ptr(time.Now()),
		}, nil
	}
	return nil, refuseAs("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}
