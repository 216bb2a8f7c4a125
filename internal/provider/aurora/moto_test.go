package aurora

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/progress"
)

// stand is a blue in moto, and the provider for it.
type stand struct {
	*Aurora
	subnets []string // ids of the subnets that blue is in
	group   string   // id of its security group
	zone    string   // id of the hosted zone of leadByRecord
	told    *progress.Step
}

// TestAnEmulatorThatWeDidNotWriteTakesTheCalls makes every call that this package and the routes through AWS make to moto. That starts no
// databases: what asks one is left out, and the calls around it are made.
func TestAnEmulatorThatWeDidNotWriteTakesTheCalls(t *testing.T) {
	m := startMoto(t)
	c, err := config.Parse([]byte("upgrade: orders\nto: 16\nprovider: aurora\naurora: {region: eu-west-1, cluster: orders}\nfinish: {blue: delete}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{Aurora: New(c, ""), told: progress.Reporter(func(e progress.Event) { t.Log(e.Message + e.Doing) }).Step("test")}
	s.Own("UPGRADE1")
	if err := s.begin(t.Context(), s.told); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.http.CloseIdleConnections)
	s.stopBare(t)
	s.makeBlue(t)
	s.check(t)
	s.makeClone(t)
	s.abort(t)
	c.Aurora.Green = "green" // a clone of the same name would need a snapshot of the same name, which moto has made before
	s.makeClone(t)
	s.makeGreen(t)
	s.makeWhole(t)
	s.leadByProxy(t)
	s.leadByRecord(t)
	s.retire(t)
	s.tidy(t)
	s.leadByNames(t)
	s.differ(t)
	m.compare(t, append(calledActions(t), calledByRoutes(t)...))
}

// try fails the test where an error is not one of moto's own.
func (s *stand) try(t *testing.T, err error) {
	t.Helper()
	if err != nil && !is(err, broken) {
		t.Error(err)
	}
}

// both returns blue and green.
func (s *stand) both(t *testing.T) (blue, green *types.DBCluster) {
	t.Helper()
	blue, err := s.needBlue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if green, err = s.needGreen(t.Context()); err != nil {
		t.Fatal(err)
	}
	return blue, green
}

// check makes the calls of Check that need no database.
func (s *stand) check(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	blue, err := s.needBlue(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range []func() error{
		func() error { _, err := s.checkCluster(ctx, blue, nil); return err },
		func() error { _, err := s.checkVersion(ctx, blue, nil); return err },
		func() error { _, err := s.checkParameters(ctx, blue, nil); return err },
		func() error { _, err := s.checkNames(ctx, blue, nil); return err },
		func() error { _, err := s.checkQuotas(ctx, blue, nil); return err },
		func() error { _, err := s.checkNetwork(ctx, blue, nil); return err },
	} {
		s.try(t, check())
	}
	if got, err := s.fromSecret("orders")(ctx); err != nil || got != password {
		t.Errorf("the secret is %q, %v", got, err)
	}
}

// makeClone makes the calls of Clone. The parameters that a family has are beyond moto, so blue's are set as they are.
func (s *stand) makeClone(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	blue, err := s.needBlue(ctx)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := s.groupPairs(ctx, blue)
	if err != nil || len(pairs) != 2 {
		t.Fatalf("blue's groups are %v, %v", pairs, err)
	}
	for _, pair := range pairs {
		if err := s.createGroup(ctx, pair.green, "aurora-postgresql16", s.tagsLike(blue.TagList)); err != nil {
			t.Fatal(err)
		}
		_, err := s.knownIn(ctx, pair.green, "aurora-postgresql16")
		s.try(t, err)
		_, err = s.setIn(ctx, pair.blue)
		s.try(t, err)
		s.try(t, s.fill(ctx, content{pair.green, []types.Parameter{parameter("work_mem", "8192")}, nil}, s.told))
	}
	silenced, err := s.silence(ctx, blue)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.restore(ctx, blue, silenced); err != nil {
		t.Fatal(err)
	}
	if err := s.awaitCluster(ctx, s.told, s.config.GreenCluster(), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.makeWriter(ctx, blue, silenced, s.told); err != nil {
		t.Fatal(err)
	}
}

// abort removes a clone that is in an event subscription, as only somebody else can have put it in moto.
func (s *stand) abort(t *testing.T) {
	t.Helper()
	blue, green := s.both(t)
	if err := s.carryScaling(t.Context(), *blue.DBClusterIdentifier, *green.DBClusterIdentifier, s.told); err != nil {
		t.Error(err)
	}
	s.subscribe(t, *green.DBClusterIdentifier)
	s.try(t, s.Discard(t.Context()))
	s.unsubscribe(t)
	s.try(t, s.Discard(t.Context()))
	if err := s.dropGroup(t.Context(), s.greenGroup(false)); err != nil { // whose is not to be seen in moto
		t.Error(err)
	}
	if left, err := s.cluster(t.Context(), s.config.GreenCluster()); err != nil || left != nil {
		t.Errorf("the clone is %v, %v after it was discarded", left, err)
	}
}

// makeGreen makes the calls of Upgrade and StartGreen.
func (s *stand) makeGreen(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	blue, green := s.both(t)
	_, err := s.path(ctx, *green.EngineVersion)
	s.try(t, err)
	if err := s.hop(ctx, green, "16.1", s.told); err != nil {
		t.Fatal(err)
	}
	_, green = s.both(t)
	instances, err := s.instances(ctx, green)
	if err != nil || len(instances) != 1 {
		t.Fatalf("green has the instances %v, %v", instances, err)
	}
	i := instances[0] // as it is where its parameters wait for a reboot, which they never do in moto
	i.EngineVersion = green.EngineVersion
	i.DBParameterGroups = []types.DBParameterGroupStatus{{ParameterApplyStatus: aws.String("pending-reboot")}}
	s.try(t, s.settleInstance(ctx, green, &i, *green.EngineVersion, map[string]time.Time{}, &look{}, s.told))
	s.logFiles(ctx, green, "pg_upgrade", time.Time{})
	s.lastLines(ctx, *i.DBInstanceIdentifier, "error/postgresql.log")
	_, err = s.carried(ctx, blue)
	s.try(t, err)
}

// makeWhole makes the calls of Complete.
func (s *stand) makeWhole(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	s.try(t, s.Complete(ctx, s.told))
	blue, green := s.both(t)
	if valueOf(green.TagList, tagWhole) == "" {
		t.Error("green is not complete")
	}
	blue.AssociatedRoles = []types.DBClusterRole{{RoleArn: aws.String("arn:aws:iam::123456789012:role/orders"), FeatureName: aws.String("s3Import")}}
	s.try(t, s.carryRoles(ctx, blue, green))
	s.subscribe(t, *blue.DBClusterIdentifier)
	s.try(t, s.joinSubscriptions(ctx, blue, green))
	s.unsubscribe(t)
}

// stopBare stops a DB cluster while there is no network: moto cannot copy it later, and would break.
func (s *stand) stopBare(t *testing.T) {
	t.Helper()
	must(t)(s.rds.CreateDBCluster(t.Context(), &rds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("bare"), Engine: aws.String(engine), MasterUsername: aws.String("postgres"), MasterUserPassword: aws.String(password),
	}))
	if err := s.stop(t.Context(), "bare", s.told); err != nil {
		t.Error(err)
	}
}

// retire makes the calls of Retire.
func (s *stand) retire(t *testing.T) {
	t.Helper()
	if _, err := s.Retire(t.Context(), s.told); err != nil {
		t.Error(err)
	}
}

// tidy makes the calls of Tidy.
func (s *stand) tidy(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	green, err := s.needGreen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.try(t, s.Tidy(ctx))
	if err := s.untag(ctx, *green.DBClusterArn); err != nil { // Tidy does not come so far
		t.Error(err)
	}
	if green, err = s.cluster(ctx, *green.DBClusterIdentifier); err != nil || s.ours(green.TagList) {
		t.Errorf("green bears the tags %v, %v", green.TagList, err)
	}
}

// subscribe makes an event subscription about DB clusters.
func (s *stand) subscribe(t *testing.T, sources ...string) {
	t.Helper()
	must(t)(s.rds.CreateEventSubscription(t.Context(), &rds.CreateEventSubscriptionInput{
		SubscriptionName: aws.String("alarms"), SnsTopicArn: aws.String("arn:aws:sns:eu-west-1:123456789012:alarms"), SourceType: aws.String(sourceCluster),
		SourceIds: sources, Enabled: aws.Bool(true),
	}))
}

func (s *stand) unsubscribe(t *testing.T) {
	t.Helper()
	must(t)(s.rds.DeleteEventSubscription(t.Context(), &rds.DeleteEventSubscriptionInput{SubscriptionName: aws.String("alarms")}))
}
