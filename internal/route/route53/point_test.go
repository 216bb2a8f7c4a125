package route53_test

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/route53/route53test"
)

func TestPointMakesWhatGreensHostNeedsAndRestorePutsBackExactlyWhatWas(t *testing.T) {
	text := route53test.Set{Name: record + ".", Type: "TXT", TTL: 300, Values: []string{`"left alone"`}}
	for name, test := range map[string]struct {
		before []route53test.Set
		host   string
		after  []route53test.Set
	}{
		"name to name":              {zone(of("CNAME", 60, "Blue.example.com")), "green.example.com", zone(of("CNAME", 60, "green.example.com."))},
		"address to address":        {[]route53test.Set{of("A", 7, "10.0.0.1"), text}, "10.0.0.2", []route53test.Set{of("A", 7, "10.0.0.2"), text}},
		"name to address":           {zone(of("CNAME", 5, "blue.example.com.")), "10.0.0.2", zone(of("A", 5, "10.0.0.2"))},
		"address to name":           {zone(of("A", 0, "10.0.0.1")), "green.example.com.", zone(of("CNAME", 0, "green.example.com."))},
		"IPv4 to IPv6":              {zone(of("A", 5, "10.0.0.1")), "2001:db8::2", zone(of("AAAA", 5, "2001:db8::2"))},
		"both to IPv4":              {zone(of("A", 5, "10.0.0.1"), of("AAAA", 9, "2001:db8::1")), "10.0.0.2", zone(of("A", 5, "10.0.0.2"))},
		"several values":            {zone(of("A", 5, "10.0.0.1", "10.0.0.3")), "green.example.com", zone(of("CNAME", 5, "green.example.com."))},
		"without a host it stays":   {zone(of("A", 5, "10.0.0.1")), "", zone(of("A", 5, "10.0.0.1"))},
		"where it leads to already": {zone(of("A", 5, "10.0.0.2")), "10.0.0.2", zone(of("A", 5, "10.0.0.2"))},
	} {
		t.Run(name, func(t *testing.T) {
			api, config := start(t, test.before...)
			api.Page(1)
			for range 2 { // each by a process of its own
				if err := open(t, config).Point(t.Context(), route.Endpoint{Host: test.host, Port: 5432}); err != nil {
					t.Fatal(err)
				}
				same(t, api, test.after)
			}
			for range 2 {
				if err := open(t, config).Restore(t.Context()); err != nil {
					t.Fatal(err)
				}
				same(t, api, test.before)
			}
		})
	}
}

func zone(sets ...route53test.Set) []route53test.Set { return sets }

// same fails the test unless the zone has exactly sets of the record.
func same(t *testing.T, api *route53test.Server, sets []route53test.Set) {
	t.Helper()
	order := func(sets []route53test.Set) []route53test.Set {
		return slices.SortedFunc(slices.Values(sets), func(a, b route53test.Set) int { return strings.Compare(a.Type, b.Type) })
	}
	if diff := cmp.Diff(order(sets), order(api.Sets(record+"."))); diff != "" {
		t.Errorf("the record is not as it should be (-want +got):\n%s", diff)
	}
}

func TestPointGivesTheTTLThatIsConfigured(t *testing.T) {
	api, config := start(t, of("CNAME", 300, "blue.example.com."))
	config.TTL = 5 * time.Second
	if err := open(t, config).Point(t.Context(), config.Green); err != nil {
		t.Fatal(err)
	}
	same(t, api, []route53test.Set{of("CNAME", 5, "green.example.com.")})
}

// In the pause there is one look and one change, however long the name servers take.
func TestPointDoesNotWaitForTheNameServersAndWhereDoes(t *testing.T) {
	api, config := start(t, of("CNAME", 5, "blue.example.com."))
	api.Pend(3)
	if err := open(t, config).Point(t.Context(), config.Green); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ListResourceRecordSets", "ChangeResourceRecordSets"}, api.Requests()); diff != "" {
		t.Errorf("Point made other requests (-want +got):\n%s", diff)
	}
	where, err := open(t, config).Where(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]route.Endpoint{config.Green}, where); diff != "" {
		t.Errorf("it leads elsewhere (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GetChange", "GetChange", "GetChange", "GetChange", "ListResourceRecordSets"}, api.Requests()); diff != "" {
		t.Errorf("Where made other requests (-want +got):\n%s", diff)
	}
}

func TestWhereSaysThatAChangeIsStillPending(t *testing.T) {
	api, config := start(t, of("CNAME", 5, "blue.example.com."))
	api.Pend(1 << 30)
	if err := open(t, config).Point(t.Context(), config.Green); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := open(t, config).Where(ctx)
	if err == nil || !strings.Contains(err.Error(), "to reach all name servers") || !strings.Contains(fault.HintOf(err), "get-change --id C") {
		t.Errorf("Where returned %v, hint %q", err, fault.HintOf(err))
	}
}

func TestThrottlingAndOtherChangesAreRiddenOut(t *testing.T) {
	for _, code := range []string{"Throttling", "PriorRequestNotComplete"} {
		api, config := start(t, of("CNAME", 5, "blue.example.com."))
		api.Fail("ListResourceRecordSets", code, http.StatusBadRequest, 1)
		api.Fail("ChangeResourceRecordSets", code, http.StatusBadRequest, 2)
		if err := open(t, config).Point(t.Context(), config.Green); err != nil {
			t.Errorf("%s: %v", code, err)
		}
		same(t, api, []route53test.Set{of("CNAME", 5, "green.example.com.")})
	}
}

// The SDK sends the request again, and the second one would delete what the first one has deleted.
func TestAChangeOfTypeWhoseAnswerIsLostIsMadeOnce(t *testing.T) {
	before := []route53test.Set{of("A", 5, "10.0.0.1")}
	api, config := start(t, before...)
	api.LoseAnswer("ChangeResourceRecordSets")
	r := open(t, config)
	if err := r.Point(t.Context(), config.Green); err != nil {
		t.Fatal(err)
	}
	same(t, api, []route53test.Set{of("CNAME", 5, "green.example.com.")})
	api.LoseAnswer("ChangeResourceRecordSets")
	if err := r.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, api, before)
}

// A process may die between any two of its requests and files.
func TestAPointThatWasCutOffAnywhereIsRepeatedAndRestored(t *testing.T) {
	before := []route53test.Set{of("A", 5, "10.0.0.1")}
	for _, cut := range []struct {
		what string
		let  func(*route53test.Server)
	}{
		{"before the look", func(s *route53test.Server) { s.Fail("ListResourceRecordSets", "AccessDenied", http.StatusForbidden, 1) }},
		{"before the change", func(s *route53test.Server) {
			s.Fail("ChangeResourceRecordSets", "AccessDenied", http.StatusForbidden, 1)
		}},
		{"after the change", func(s *route53test.Server) {
			s.FailAfterwards("ChangeResourceRecordSets", "AccessDenied", http.StatusForbidden)
		}},
	} {
		t.Run(cut.what, func(t *testing.T) {
			api, config := start(t, before...)
			cut.let(api)
			if err := open(t, config).Point(t.Context(), config.Green); err == nil {
				t.Fatal("it was not cut off")
			}
			if err := open(t, config).Point(t.Context(), config.Green); err != nil {
				t.Fatal(err)
			}
			same(t, api, []route53test.Set{of("CNAME", 5, "green.example.com.")})
			cut.let(api)
			if err := open(t, config).Restore(t.Context()); err == nil {
				t.Fatal("it was not cut off")
			}
			if err := open(t, config).Restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, api, before)
		})
	}
}

func TestForgetLeavesNothingBehindAndEndsTheWayBack(t *testing.T) {
	api, config := start(t, of("CNAME", 5, "blue.example.com."))
	if err := open(t, config).Point(t.Context(), config.Green); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := open(t, config).Forget(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(config.Directory); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
	if err := open(t, config).Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, api, []route53test.Set{of("CNAME", 5, "green.example.com.")})
}

func TestErrorsSayWhatToDoAndHoldNoSecret(t *testing.T) {
	for code, hint := range map[string]string{
		"AccessDenied":          "route53:ChangeResourceRecordSets on arn:aws:route53:::hostedzone/" + route53test.Zone,
		"ExpiredToken":          "have expired",
		"SignatureDoesNotMatch": "this host's clock",
		"NoSuchHostedZone":      "aws route53 list-hosted-zones",
	} {
		api, config := start(t, of("CNAME", 5, "blue.example.com."))
		api.Fail("ChangeResourceRecordSets", code, http.StatusForbidden, -1)
		err := open(t, config).Point(t.Context(), config.Green)
		if err == nil || !strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), record) || !strings.Contains(fault.HintOf(err), hint) {
			t.Errorf("%s: the error is %v, its hint %q", code, err, fault.HintOf(err))
		}
		if err != nil && strings.Contains(err.Error()+fault.HintOf(err), route53test.SecretKey) {
			t.Errorf("%s: the error shows the secret key", code)
		}
	}
}
