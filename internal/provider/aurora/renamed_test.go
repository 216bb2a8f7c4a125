package aurora

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

// Where a route renames them, a process that knows nothing but the configuration finds both, at any moment, before and after it knows its upgrade.
func TestBlueAndGreenAreFoundWhateverTheyAreCalled(t *testing.T) {
	f := stage(t)
	blue := f.cluster(t, "orders")
	err := f.Adopt(simulator.Adopted{
		Cluster: "orders-pg18", Instances: []string{"orders-pg18-1"}, Address: "127.0.0.1:1",
		Tags: []types.Tag{tag(tagUpgrade, "UPGRADE1"), tag(tagBlue, *blue.DbClusterResourceId)},
	})
	if err != nil {
		t.Fatal(err)
	}
	green := f.cluster(t, "orders-pg18")
	for _, rename := range []struct{ from, to string }{
		{"", ""},
		{"orders", "orders-blue"},
		{"orders-pg18", "orders"},
		{"orders", "orders-pg18"},
		{"orders-blue", "orders"},
	} {
		if rename.from != "" {
			must(t)(f.api.ModifyDBCluster(t.Context(), &rds.ModifyDBClusterInput{
				DBClusterIdentifier: &rename.from, NewDBClusterIdentifier: &rename.to, ApplyImmediately: aws.Bool(true),
			}))
			f.becomes(t, rename.to, "available")
		}
		for _, a := range []*Aurora{f.provider(), New(f.config, password)} {
			b, g, err := a.Endpoints(t.Context())
			if err != nil || b.Cluster != *blue.DbClusterResourceId || g.Cluster != *green.DbClusterResourceId {
				t.Errorf("after %v: blue is at %+v, green at %+v, %v", rename, b, g, err)
			}
			if found, err := a.needBlue(t.Context()); err != nil || *found.DbClusterResourceId != *blue.DbClusterResourceId {
				t.Errorf("after %v: blue is %+v, %v", rename, found, err)
			}
		}
		if found, err := f.provider().needGreen(t.Context()); err != nil || *found.DbClusterResourceId != *green.DbClusterResourceId {
			t.Errorf("after %v: green is %+v, %v", rename, found, err)
		}
	}
}
