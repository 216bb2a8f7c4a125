package rdsproxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
	"github.com/pgteal/pgteal/internal/route/rdsapi/rdstest"
)

func TestCheckFindsNothingInASoundSetUpAndChangesNothing(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	for _, green := range []string{rdstest.Green, "not-made-yet"} {
		s.config.Green = green
		findings, err := s.open(t).Check(t.Context())
		if err != nil || len(findings) > 0 {
			t.Errorf("Check found %+v, %v", findings, err)
		}
		s.leadsTo(t, s.blue)
	}
	if err := s.open(t).Point(t.Context(), s.green); err != nil {
		t.Fatal(err)
	}
	s.config.Green = rdstest.Green
	if findings, err := s.open(t).Check(t.Context()); err != nil || len(findings) > 0 {
		t.Errorf("after Point Check found %+v, %v", findings, err)
	}
	s.leadsTo(t, s.green)
}

func TestCheckFindsWhatWouldGoWrong(t *testing.T) {
	deny := func(action string) func(*testing.T, *scene) {
		return func(_ *testing.T, s *scene) { s.Fail(simulator.Fault{Action: action, Code: "AccessDenied", Times: -1}) }
	}
	modify := func(t *testing.T, s *scene, cluster string, in *rds.ModifyDBClusterInput) {
		t.Helper()
		in.DBClusterIdentifier, in.ApplyImmediately = &cluster, aws.Bool(true)
		if _, err := s.API.ModifyDBCluster(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		with   func(*rds.CreateDBProxyInput)
		change func(*testing.T, *scene)
		blocks finding.Blocks
		check  string
		reason string
		fix    string
	}{
		"no such proxy": {
			nil, func(_ *testing.T, s *scene) { s.config.Proxy = "none" },
			finding.Switchover, "proxy", "none of that name", "describe-db-proxies",
		},
		"another engine": {
			func(in *rds.CreateDBProxyInput) { in.EngineFamily = types.EngineFamilyMysql }, nil,
			finding.Switchover, "proxy", "MYSQL", "Name the proxy",
		},
		"no such target group": {
			nil, func(_ *testing.T, s *scene) { s.config.TargetGroup = "other" },
			finding.Switchover, "target-group", `"other"`, "default",
		},
		"no target": {
			nil, func(t *testing.T, s *scene) { t.Helper(); s.deregister(t, rdstest.Blue) },
			finding.Switchover, "target", "Nothing is registered", "register-db-proxy-targets --db-proxy-name pool --db-cluster-identifiers orders",
		},
		"green already": {
			nil, func(t *testing.T, s *scene) {
				t.Helper()
				s.deregister(t, rdstest.Blue)
				s.register(t, proxy, rdstest.Green)
			},
			finding.Switchover, "target", "green already", "Register blue",
		},
		"another cluster": {
			nil, func(_ *testing.T, s *scene) {
				s.config.Green = "another"
				s.deregister(t, rdstest.Blue)
				s.register(t, proxy, rdstest.Green)
			},
			finding.Switchover, "target", "neither blue nor green", "Name the proxy",
		},
		"end-to-end IAM": {
			func(in *rds.CreateDBProxyInput) { in.DefaultAuthScheme = types.DefaultAuthSchemeIamAuth }, nil,
			finding.Switchover, "iam", "IAM database authentication", "--enable-iam-database-authentication",
		},
		"security groups": {
			nil, func(t *testing.T, s *scene) {
				t.Helper()
				s.Rules("sg-2", simulator.Rule{Protocol: "-1", From: -1, To: -1, CIDR: "127.0.0.0/8"})
				modify(t, s, rdstest.Green, &rds.ModifyDBClusterInput{VpcSecurityGroupIds: []string{"sg-2"}})
			},
			finding.Nothing, "security-group", "lacks blue's security groups", "--vpc-security-group-ids",
		},
		"no right to take out": {nil, deny("DeregisterDBProxyTargets"), finding.Switchover, "api", "AccessDenied", "rds:DeregisterDBProxyTargets"},
		"no right to put in":   {nil, deny("RegisterDBProxyTargets"), finding.Switchover, "api", "AccessDenied", "rds:RegisterDBProxyTargets"},
		"no right to look":     {nil, deny("DescribeDBProxyTargets"), finding.Switchover, "api", "AccessDenied", "rds:DescribeDBProxyTargets"},
	} {
		t.Run(name, func(t *testing.T) {
			with := test.with
			if with == nil {
				with = func(*rds.CreateDBProxyInput) {}
			}
			s := start(t, time.Millisecond, nowhere, nowhere, with)
			if test.change != nil {
				test.change(t, s)
			}
			findings, err := s.open(t).Check(t.Context())
			if err != nil || len(findings) != 1 {
				t.Fatalf("Check found %+v, %v", findings, err)
			}
			f := findings[0]
			if f.Check != "rdsproxy-"+test.check || f.Blocks != test.blocks || !strings.Contains(f.Reason, test.reason) || !strings.Contains(f.Fix, test.fix) {
				t.Errorf("Check found %+v", f)
			}
		})
	}
}

// TestASecretThatRDSChangesOnBlueAloneForbidsTheSwitchover has a proxy that logs in as the console of RDS sets it up.
func TestASecretThatRDSChangesOnBlueAloneForbidsTheSwitchover(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	answer, err := s.API.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String(rdstest.Blue)})
	if err != nil {
		t.Fatal(err)
	}
	s.makeProxy(t, "managed", func(in *rds.CreateDBProxyInput) {
		in.Auth = []types.UserAuthConfig{{AuthScheme: types.AuthSchemeSecrets, SecretArn: answer.DBClusters[0].MasterUserSecret.SecretArn}}
	})
	s.config.Proxy = "managed"
	findings, err := s.open(t).Check(t.Context())
	if err != nil || len(findings) != 1 || findings[0].Check != "rdsproxy-secret" || !strings.Contains(findings[0].Fix, "modify-db-proxy --auth") {
		t.Errorf("Check found %+v, %v", findings, err)
	}
}
