package simulator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

func code(err error) string {
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return refused.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestWhatAWSRefuses(t *testing.T) {
	f := start(t)
	f.cluster(t, "orders", "15", func(in *rds.CreateDBClusterInput) { in.DeletionProtection = aws.Bool(true) })
	f.logical(t, "15")
	f.logical(t, "18")
	older := strings.ReplaceAll(f.latest(t, "13"), "13.", "13.0")
	modify := func(change func(*rds.ModifyDBClusterInput)) func(context.Context) error {
		return func(ctx context.Context) error {
			in := &rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("orders"), ApplyImmediately: aws.Bool(true)}
			change(in)
			_, err := f.api.ModifyDBCluster(ctx, in)
			return err
		}
	}
	parameter := func(group, name, value string, method types.ApplyMethod) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := f.api.ModifyDBClusterParameterGroup(ctx, &rds.ModifyDBClusterParameterGroupInput{
				DBClusterParameterGroupName: &group,
				Parameters:                  []types.Parameter{{ParameterName: &name, ParameterValue: &value, ApplyMethod: method}},
			})
			return err
		}
	}
	latest := f.latest(t, "18")
	for _, test := range []struct {
		name, code string
		do         func(context.Context) error
	}{
		{"a DB cluster that is not there", "DBClusterNotFoundFault", func(ctx context.Context) error {
			_, err := f.api.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("none")})
			return err
		}},
		{"a DB instance that is not there", "DBInstanceNotFound", func(ctx context.Context) error {
			_, err := f.api.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("none")})
			return err
		}},
		{"a name that is taken", "DBClusterAlreadyExistsFault", func(ctx context.Context) error {
			_, err := f.api.RestoreDBClusterToPointInTime(ctx, &rds.RestoreDBClusterToPointInTimeInput{
				DBClusterIdentifier: aws.String("orders"), SourceDBClusterIdentifier: aws.String("Orders"), UseLatestRestorableTime: aws.Bool(true),
			})
			return err
		}},
		{"a name that is none", "InvalidParameterValue", modify(func(in *rds.ModifyDBClusterInput) { in.NewDBClusterIdentifier = aws.String("or--ders") })},
		{"a major upgrade without the flag", "InvalidParameterCombination", modify(func(in *rds.ModifyDBClusterInput) { in.EngineVersion = &latest })},
		{"a version that is no target", "InvalidParameterCombination", modify(func(in *rds.ModifyDBClusterInput) {
			in.EngineVersion, in.AllowMajorVersionUpgrade = &older, aws.Bool(true)
		})},
		{"a group of another family", "InvalidParameterCombination", modify(func(in *rds.ModifyDBClusterInput) {
			in.DBClusterParameterGroupName = aws.String("logical18")
		})},
		{"a security group that is not there", "InvalidParameterValue", modify(func(in *rds.ModifyDBClusterInput) {
			in.VpcSecurityGroupIds = []string{"sg-none"}
		})},
		{"an unknown parameter", "InvalidParameterValue", parameter("logical15", "no_such_parameter", "1", types.ApplyMethodImmediate)},
		{"a parameter that is the cloud's", "InvalidParameterValue", parameter("logical15", "wal_level", "logical", types.ApplyMethodPendingReboot)},
		{"a value that is too large", "InvalidParameterValue", parameter("logical15", "max_wal_senders", "99999999", types.ApplyMethodPendingReboot)},
		{"a static parameter at once", "InvalidParameterCombination", parameter("logical15", "max_wal_senders", "10", types.ApplyMethodImmediate)},
		{
			"a group that a family comes with", "InvalidDBParameterGroupState",
			parameter("default.aurora-postgresql15", "work_mem", "64", types.ApplyMethodImmediate),
		},
		{"deletion of a protected DB cluster", "InvalidParameterCombination", func(ctx context.Context) error {
			_, err := f.api.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("orders"), SkipFinalSnapshot: aws.Bool(true)})
			return err
		}},
		{"a failover without a reader", "InvalidDBClusterStateFault", func(ctx context.Context) error {
			_, err := f.api.FailoverDBCluster(ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("orders")})
			return err
		}},
		{"tags on what is not there", "DBClusterNotFoundFault", func(ctx context.Context) error {
			_, err := f.api.ListTagsForResource(ctx, &rds.ListTagsForResourceInput{ResourceName: aws.String("arn:aws:rds:eu-west-1:123456789012:cluster:none")})
			return err
		}},
		{"unsigned", "MissingAuthenticationToken", func(ctx context.Context) error { return f.raw(ctx, "", "DescribeDBClusters") }},
		{"signed with another key", "SignatureDoesNotMatch", func(ctx context.Context) error { return f.raw(ctx, "another", "DescribeDBClusters") }},
		{"a member that the model does not have", "MalformedInput", func(ctx context.Context) error {
			return f.raw(ctx, simulator.SecretKey, "DescribeDBClusters", "DBClusterIdentifer", "orders")
		}},
		{"a member of the wrong type", "MalformedInput", func(ctx context.Context) error {
			return f.raw(ctx, simulator.SecretKey, "DescribeDBClusters", "MaxRecords", "all")
		}},
		{"a member that is missing", "MissingParameter", func(ctx context.Context) error {
			return f.raw(ctx, simulator.SecretKey, "CreateDBCluster", "DBClusterIdentifier", "more")
		}},
		{"an action that is not there", "InvalidAction", func(ctx context.Context) error { return f.raw(ctx, simulator.SecretKey, "DescribeAll") }},
	} {
		if got := code(test.do(t.Context())); got != test.code {
			t.Errorf("%s: %q, wanted %s", test.name, got, test.code)
		}
	}
	if err := modify(func(in *rds.ModifyDBClusterInput) { in.DeletionProtection = aws.Bool(false) })(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := code(modify(func(in *rds.ModifyDBClusterInput) { in.BackupRetentionPeriod = aws.Int32(2) })(t.Context())); got != "InvalidDBClusterStateFault" {
		t.Errorf("a second modification: %q", got)
	}
}

// raw sends a form, signed with a secret key if that is not "", and returns the code of the answer as an error.
func (f *fixture) raw(ctx context.Context, secret, action string, members ...string) error {
	form := url.Values{"Action": {action}, "Version": {"2014-10-31"}}
	for i := 0; i < len(members); i += 2 {
		form.Set(members[i], members[i+1])
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secret != "" {
		hash := sha256.Sum256([]byte(form.Encode()))
		credentials := aws.Credentials{AccessKeyID: simulator.AccessKey, SecretAccessKey: secret}
		if err := v4.NewSigner().SignHTTP(ctx, credentials, q, hex.EncodeToString(hash[:]), "rds", "eu-west-1", time.Now()); err != nil {
			return err
		}
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return err
	}
	_, after, _ := strings.Cut(string(body), "<Code>")
	found, _, _ := strings.Cut(after, "</Code>")
	return errors.New(found)
}
