package aurora

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
)

func TestBlueIsReachedWithTheSecretThatRDSKeeps(t *testing.T) {
	f := stage(t)
	must(t)(f.api.CreateDBCluster(t.Context(), &rds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("billing"), Engine: aws.String(engine), EngineVersion: aws.String(f.latest(t, from)),
		MasterUsername: aws.String("owner"), ManageMasterUserPassword: aws.Bool(true),
	}))
	f.becomes(t, "billing", "available")
	must(t)(f.api.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("billing-a"), DBClusterIdentifier: aws.String("billing"), Engine: aws.String(engine),
		DBInstanceClass: aws.String("db.r6g.large"),
	}))
	f.instanceBecomes(t, "billing-a", "available")
	f.config.Aurora.Cluster = "billing"
	s, err := New(f.config, "").Blue(t.Context(), "", "")
	if err != nil || s.User() != "owner" {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(s.Conninfo("postgres"), "sslmode=verify-full") {
		t.Errorf("the server is not verified: %s", s.Conninfo("postgres"))
	}
}

func TestNobodyIsTrustedWithoutACertificate(t *testing.T) {
	f := stage(t)
	f.config.Aurora.CABundle = ""
	_, err := f.provider().Blue(t.Context(), "", "")
	if err == nil || !strings.Contains(err.Error(), "certificate") || !strings.Contains(fault.HintOf(err), "aurora.ca_bundle") {
		t.Errorf("got %v\nhint %s", err, fault.HintOf(err))
	}
	f.config.Aurora.Cluster = "nowhere"
	a := New(f.config, password)
	if _, err := a.Blue(t.Context(), "", ""); fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "aurora.cluster") {
		t.Errorf("got %v\nhint %s", err, fault.HintOf(err))
	}
}

func TestBlueAndGreenAreFoundUnderEachOthersNames(t *testing.T) {
	f := stage(t)
	ctx := t.Context()
	blue := f.blue(t, f.provider())
	if _, err := f.provider().Clone(ctx, blue, f.step()); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][2]string{{"orders", "orders-old"}, {"orders-pg18", "orders"}} {
		must(t)(f.api.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{
			DBClusterIdentifier: &names[0], NewDBClusterIdentifier: &names[1], ApplyImmediately: aws.Bool(true),
		}))
		f.becomes(t, names[1], "available")
	}
	for _, own := range []string{"UPGRADE1", ""} {
		a := f.provider()
		a.Own(own)
		found, err := a.findBlue(ctx)
		if err != nil || found == nil || *found.DBClusterIdentifier != "orders-old" {
			t.Errorf("blue is %v, %v", found, err)
		}
	}
	green, err := f.provider().green(ctx)
	if err != nil || green == nil || *green.DBClusterIdentifier != "orders" {
		t.Errorf("green is %v, %v", green, err)
	}
}

func TestATokenIsForOneAddressAndRole(t *testing.T) {
	f := stage(t)
	a := f.opened(t)
	token, err := a.token(route.Endpoint{Host: "orders.cluster-x.eu-west-1.rds.amazonaws.com", Port: 5432}, "pg teal")(t.Context())
	if err != nil || !strings.HasPrefix(token, "orders.cluster-x.eu-west-1.rds.amazonaws.com:5432?Action=connect&DBUser=pg%20teal") ||
		!strings.Contains(token, "X-Amz-Signature=") {
		t.Errorf("got %v, beginning with %.100s", err, token)
	}
}

func TestRoutesAreToldWhereBlueAndGreenAre(t *testing.T) {
	f := stage(t)
	blue, green, err := New(f.config, password).Endpoints(t.Context())
	if err != nil || blue != endpointOf(f.cluster(t, "orders")) || green.Port != blue.Port {
		t.Errorf("got %v, %v, %v", blue, green, err)
	}
	f.config.Aurora.Cluster = "gone"
	if blue, green, err := New(f.config, password).Endpoints(t.Context()); err != nil || blue.Host != "" || green.Host != "" {
		t.Errorf("got %v, %v, %v", blue, green, err)
	}
}
