package config_test

import (
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/config"
)

const aurora = `
upgrade: orders
to: 18
provider: aurora
aurora: {region: eu-west-1, cluster: orders}
`

func TestAuroraNeedsARegionAndAClusterOnly(t *testing.T) {
	c, err := config.Parse([]byte(aurora))
	if err != nil {
		t.Fatal(err)
	}
	if c.Finish.Blue != "keep" || c.GreenCluster() != "orders-pg18" {
		t.Errorf("finish.blue is %q and green %q", c.Finish.Blue, c.GreenCluster())
	}
	c.Aurora.Cluster = strings.Repeat("a", 57) + "-aaaa"
	if g := c.GreenCluster(); g != strings.Repeat("a", 57)+"-pg18" {
		t.Errorf("green is %q", g)
	}
}

func TestFaultsOfAuroraAreNamedWithTheirKey(t *testing.T) {
	for change, wanted := range map[string]string{
		"region: Ireland":                           "aurora.region",
		"cluster: Orders":                           "aurora.cluster",
		"cluster: or--ders":                         "aurora.cluster",
		"green: orders":                             "aurora.green",
		"green: -orders":                            "aurora.green",
		"version: '17.4'":                           "aurora.version",
		"version: latest":                           "aurora.version",
		"instance_class: large":                     "aurora.instance_class",
		"password_file: here":                       "aurora.password_file",
		"ca_bundle: here":                           "aurora.ca_bundle",
		"iam: true, secret: x":                      "only one of",
		"clustre: x":                                "clustre",
		"region: eu-west-1}\ngreen: {port: 5433":    "green: it has no place",
		"region: eu-west-1}\nblue: {connection: x":  "blue: it has no place",
		"region: eu-west-1}\nclone: {jobs: 2":       "clone: it has no place",
		"region: eu-west-1}\nfinish: {blue: remove": "finish.blue",
	} {
		key, _, _ := strings.Cut(change, ":")
		kept := "cluster: orders, "
		if key == "cluster" {
			kept = ""
		}
		if key != "region" {
			kept += "region: eu-west-1, "
		}
		_, err := config.Parse([]byte(strings.Replace(aurora, "region: eu-west-1, cluster: orders", kept+change, 1)))
		if err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%s: got %v, wanted %s named", change, err, wanted)
		}
	}
	_, err := config.Parse([]byte(simple + "aurora: {region: eu-west-1}"))
	if err == nil || !strings.Contains(err.Error(), "aurora: it needs") {
		t.Errorf("got %v", err)
	}
}
