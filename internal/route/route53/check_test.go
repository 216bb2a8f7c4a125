package route53_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/route/route53"
	"github.com/pgteal/pgteal/internal/route/route53/route53test"
)

func TestCheckFindsNothingInASoundSetUpAndChangesNothing(t *testing.T) {
	for _, before := range [][]route53test.Set{
		{of("CNAME", 5, "blue.example.com.")},
		{of("A", 5, "127.0.0.2")},
	} {
		api, config := start(t, before...)
		if before[0].Type == "A" {
			config.Blue.Host = "127.0.0.2"
		}
		findings, err := open(t, config).Check(t.Context())
		if err != nil || len(findings) > 0 {
			t.Errorf("Check found %+v, %v", findings, err)
		}
		same(t, api, before)
	}
}

func TestCheckFindsWhatWouldGoWrong(t *testing.T) {
	weight := int64(10)
	cname := of("CNAME", 5, "blue.example.com.")
	weighted := route53test.Set{Name: record + ".", Type: "CNAME", TTL: 5, Values: cname.Values, SetIdentifier: "one", Weight: &weight}
	alias := route53test.Set{Name: record + ".", Type: "A", AliasTarget: &route53test.Alias{HostedZoneId: "Z2", DNSName: "lb.example.com."}}
	txt := route53test.Set{Name: record + ".", Type: "TXT", TTL: 5, Values: []string{`"x"`}}
	deny := func(action, code string) func(*testing.T, *route53test.Server, *route53.Config) {
		return func(_ *testing.T, s *route53test.Server, _ *route53.Config) {
			s.Fail(action, code, http.StatusForbidden, -1)
		}
	}
	configure := func(do func(*route53.Config)) func(*testing.T, *route53test.Server, *route53.Config) {
		return func(_ *testing.T, _ *route53test.Server, c *route53.Config) { do(c) }
	}
	for name, test := range map[string]struct {
		sets   []route53test.Set
		change func(*testing.T, *route53test.Server, *route53.Config)
		blocks finding.Blocks
		check  string
		reason string
		fix    string
	}{
		"no green.host": {
			[]route53test.Set{cname},
			configure(func(c *route53.Config) { c.Green.Host = "" }),
			finding.Switchover, "host", "green.host is not set", "Set green.host",
		},
		"itself": {
			[]route53test.Set{cname},
			configure(func(c *route53.Config) { c.Green.Host = "DB.example.com." }),
			finding.Switchover, "host", "itself", "Set green.host",
		},
		"another port": {
			[]route53test.Set{cname},
			configure(func(c *route53.Config) { c.Green.Port = 5433 }),
			finding.Switchover, "port", "DNS carries no port", "green.port in pgteal.yaml to 5432",
		},
		"no record": {
			nil, nil,
			finding.Switchover, "record", "has no record", "simple routing",
		},
		"outside the zone": {
			[]route53test.Set{cname},
			configure(func(c *route53.Config) { c.Record = "db.elsewhere.org" }),
			finding.Switchover, "record", "has no record", "simple routing",
		},
		"weighted": {
			[]route53test.Set{weighted},
			nil,
			finding.Switchover, "record", "a weight", "simple routing",
		},
		"alias": {
			[]route53test.Set{alias},
			nil,
			finding.Switchover, "record", "an alias", "simple routing",
		},
		"several values": {
			[]route53test.Set{of("A", 5, "127.0.0.2", "127.0.0.4")},
			nil,
			finding.Switchover, "record", "2 values", "Leave only",
		},
		"a long TTL": {
			[]route53test.Set{of("CNAME", 300, "blue.example.com.")},
			nil,
			finding.Nothing, "ttl", "300 s", `wait 300 s before the switchover: aws route53`,
		},
		"at green": {
			[]route53test.Set{of("CNAME", 5, "green.example.com.")},
			nil,
			finding.Switchover, "blue", "green already", "lead to blue",
		},
		"not at blue": {
			[]route53test.Set{of("A", 5, "192.0.2.7")},
			nil,
			finding.Nothing, "blue", "none of blue's", "leads to blue",
		},
		"not at this host": {
			[]route53test.Set{of("A", 5, "192.0.2.7")},
			configure(func(c *route53.Config) { c.Blue.Host = "" }),
			finding.Nothing, "blue", "this host", "leads to blue",
		},
		"CNAME beside TXT": {
			[]route53test.Set{of("A", 5, "127.0.0.2"), txt},
			nil,
			finding.Switchover, "cname", "type TXT", "green's address",
		},
		"CNAME at the apex": {
			[]route53test.Set{{Name: route53test.Apex, Type: "A", TTL: 5, Values: []string{"127.0.0.2"}}},
			configure(func(c *route53.Config) { c.Record = "example.com" }),
			finding.Switchover, "cname", "next to its record", "green's address",
		},
		"an unknown zone": {
			[]route53test.Set{cname},
			configure(func(c *route53.Config) { c.Zone = "ZUNKNOWN" }),
			finding.Switchover, "api", "NoSuchHostedZone", "list-hosted-zones",
		},
		"may not look": {
			[]route53test.Set{cname},
			deny("ListResourceRecordSets", "AccessDenied"),
			finding.Switchover, "api", "AccessDenied", "route53:ListResourceRecordSets on arn:aws:route53:::hostedzone/" + route53test.Zone,
		},
		"may not change": {
			[]route53test.Set{cname},
			deny("ChangeResourceRecordSets", "AccessDenied"),
			finding.Switchover, "api", "AccessDenied", "route53:ChangeResourceRecordSets",
		},
		"may not wait": {
			[]route53test.Set{cname},
			deny("GetChange", "AccessDenied"),
			finding.Switchover, "api", "AccessDenied", "route53:GetChange on arn:aws:route53:::change/*",
		},
		"expired": {
			[]route53test.Set{cname},
			deny("ListResourceRecordSets", "ExpiredToken"),
			finding.Switchover, "api", "ExpiredToken", "aws sso login",
		},
		"a wrong secret": {
			[]route53test.Set{cname},
			func(t *testing.T, _ *route53test.Server, _ *route53.Config) {
				t.Helper()
				t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
			},
			finding.Switchover, "api", "SignatureDoesNotMatch", "credentials",
		},
		"no credentials": {
			[]route53test.Set{cname},
			func(t *testing.T, _ *route53test.Server, _ *route53.Config) {
				t.Helper()
				t.Setenv("AWS_ACCESS_KEY_ID", "")
			},
			finding.Switchover, "api", "credentials", "`profile` in pgteal.yaml",
		},
		"no such profile": {
			[]route53test.Set{cname},
			configure(func(c *route53.Config) { c.Profile = "nobody" }),
			finding.Switchover, "api", "nobody", "~/.aws/config",
		},
		"another resolver": {
			[]route53test.Set{cname},
			func(t *testing.T, _ *route53test.Server, c *route53.Config) {
				t.Helper()
				c.Resolver = route53test.Empty(t)
			},
			finding.Nothing, "resolver", "finds nothing", "delegated",
		},
	} {
		t.Run(name, func(t *testing.T) {
			api, config := start(t, test.sets...)
			if test.change != nil {
				test.change(t, api, &config)
			}
			findings, err := open(t, config).Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if f.Check == "route53-"+test.check && f.Blocks == test.blocks && strings.Contains(f.Reason, test.reason) && strings.Contains(f.Fix, test.fix) {
					return
				}
			}
			t.Errorf("Check found %+v", findings)
		})
	}
}

func TestCheckKnowsTheRecordAfterPointAndFindsWhatSomebodyElseHasMadeOfIt(t *testing.T) {
	api, config := start(t, of("CNAME", 5, "blue.example.com."))
	r := open(t, config)
	if err := r.Point(t.Context(), config.Green); err != nil {
		t.Fatal(err)
	}
	if findings, err := r.Check(t.Context()); err != nil || len(findings) > 0 {
		t.Errorf("after Point Check found %+v, %v", findings, err)
	}
	api.Put(record+".", of("CNAME", 5, "third.example.com."))
	findings, err := r.Check(t.Context())
	if err != nil || len(findings) == 0 || findings[0].Check != "route53-original" || findings[0].Blocks != finding.Switchover {
		t.Errorf("Check found %+v, %v", findings, err)
	}
}
