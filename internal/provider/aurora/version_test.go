package aurora

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func TestTargetsAreOrderedByNumbersAndWithoutOtherProducts(t *testing.T) {
	info := &types.DBEngineVersion{}
	for _, v := range []string{"16.9", "17.2", "16.10", "16.4-limitless", "16.10.1", "15.14"} {
		info.ValidUpgradeTarget = append(info.ValidUpgradeTarget, types.UpgradeTarget{EngineVersion: aws.String(v)})
	}
	if got := targets(info, 16); !slices.Equal(got, []string{"16.10.1", "16.10", "16.9"}) {
		t.Errorf("got %v", got)
	}
	if got := targets(nil, 16); got != nil {
		t.Errorf("a version that is not known leads to %v", got)
	}
}

func TestTheWantedVersionIsTakenOrNone(t *testing.T) {
	for _, c := range []struct{ wanted, got string }{{"", "18.2"}, {"18.1", "18.1"}, {"18.9", ""}} {
		if got := choose([]string{"18.2", "18.1"}, c.wanted); got != c.got {
			t.Errorf("%q: got %q", c.wanted, got)
		}
	}
}

func TestAMinorUpgradeComesFirstWhereNothingLeadsStraight(t *testing.T) {
	f := stage(t)
	a := f.provider()
	if err := a.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	latest, target := f.latest(t, from), f.latest(t, to)
	info, err := a.versionInfo(t.Context(), latest)
	if err != nil || len(targets(info, from)) != 0 {
		t.Fatalf("%s leads to %v, %v", latest, targets(info, from), err)
	}
	got, err := a.path(t.Context(), latest)
	if err != nil || !slices.Equal(got, []string{target}) {
		t.Errorf("from %s: %v, %v", latest, got, err)
	}
	older := olderThan(latest)
	got, err = a.path(t.Context(), older)
	if err != nil || !slices.Equal(got, []string{latest, target}) {
		t.Errorf("from %s: %v, %v", older, got, err)
	}
	f.config.To = 99
	if _, err := a.path(t.Context(), latest); err == nil {
		t.Error("something leads to 99")
	}
}
