package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Aurora says which DB cluster of Amazon Aurora PostgreSQL is blue, and what green is to be. It stands in place of Blue, Green and Clone.
type Aurora struct {
	Region        string `yaml:"region"`         // AWS region of both clusters
	Cluster       string `yaml:"cluster"`        // DB cluster identifier of blue
	Profile       string `yaml:"profile"`        // profile of the SDK's shared files; default: its standard chain
	Green         string `yaml:"green"`          // DB cluster identifier of green; default: see GreenCluster
	Version       string `yaml:"version"`        // engine version of green; default: the latest within `to` that blue's can be upgraded to
	InstanceClass string `yaml:"instance_class"` // of green's writer; default: that of blue's writer
	User          string `yaml:"user"`           // role with which pgteal comes; default: the cluster's master user
	Database      string `yaml:"database"`       // maintenance database; default: the cluster's own, else postgres
	PasswordFile  string `yaml:"password_file"`  // a file with the password alone
	Secret        string `yaml:"secret"`         // name or ARN of a secret of Secrets Manager; default: the cluster's own where it has one
	IAM           bool   `yaml:"iam"`            // IAM database authentication in place of a password
	CABundle      string `yaml:"ca_bundle"`      // certificates that the servers' are verified against; default: the system's
}

// longestIdentifier is what a DB cluster identifier may have
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html).
const longestIdentifier = 63

var (
	// clusterForm is the form of a DB cluster identifier (see longestIdentifier), which AWS keeps in lower case.
	clusterForm = regexp.MustCompile(`^[a-z](-?[a-z0-9])*$`)

	regionForm  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d+$`)
	versionForm = regexp.MustCompile(`^\d+(\.\d+)+(-[a-z0-9.-]+)?$`)
	classForm   = regexp.MustCompile(`^db\.[a-z0-9]+(-[a-z0-9]+)*\.[a-z0-9-]+$`)
)

// GreenCluster is the DB cluster identifier of green: the configured one, or blue's with "-pg" and the major version wanted behind it, cut to
// what an identifier may have.
func (c *Config) GreenCluster() string {
	if c.Aurora.Green != "" {
		return c.Aurora.Green
	}
	suffix := fmt.Sprintf("-pg%d", c.To)
	return strings.TrimRight(c.Aurora.Cluster[:min(len(c.Aurora.Cluster), longestIdentifier-len(suffix))], "-") + suffix
}

// checkAurora tells fail what is wrong with a configuration for provider aurora.
func (c *Config) checkAurora(fail func(string, ...any), absolute func(key, path string)) {
	a := c.Aurora
	for key, set := range map[string]bool{
		"blue": c.Blue != (Blue{}), "green": c.greenGiven(), "clone": c.Clone != (Clone{Method: "auto"}),
	} {
		if set {
			fail("%s: it has no place with provider aurora; see aurora", key)
		}
	}
	form := func(key, value string, form *regexp.Regexp, is string) {
		if value != "" && !form.MatchString(value) {
			fail("aurora.%s: %q is not %s", key, value, is)
		}
	}
	if a.Region == "" {
		fail("aurora.region: it is missing")
	}
	if a.Cluster == "" {
		fail("aurora.cluster: it is missing")
	}
	const identifier = "a DB cluster identifier: up to 63 letters a-z, digits and single hyphens, with a letter first"
	form("region", a.Region, regionForm, "a region, such as eu-west-1")
	form("cluster", a.Cluster, clusterForm, identifier)
	form("green", a.Green, clusterForm, identifier)
	form("version", a.Version, versionForm, "an engine version, such as 18.1")
	form("instance_class", a.InstanceClass, classForm, "a DB instance class, such as db.r6g.large")
	if len(a.Cluster) > longestIdentifier || len(a.Green) > longestIdentifier {
		fail("aurora: %s", identifier)
	}
	if a.Cluster != "" && c.GreenCluster() == a.Cluster {
		fail("aurora.green: it is blue's own, %s", a.Cluster)
	}
	if a.Version != "" && !strings.HasPrefix(a.Version, fmt.Sprintf("%d.", c.To)) {
		fail("aurora.version: %q is not of the major version wanted, %d", a.Version, c.To)
	}
	ways := 0
	for _, given := range []bool{a.PasswordFile != "", a.Secret != "", a.IAM} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		fail("aurora: only one of password_file, secret and iam can be given")
	}
	absolute("aurora.password_file", a.PasswordFile)
	absolute("aurora.ca_bundle", a.CABundle)
}

func (c *Config) greenGiven() bool {
	g := c.Green
	return g.DataDirectory != "" || g.Port != 0 || g.BinDirectory != "" || g.Host != "" || g.Service != "auto" || len(g.Tablespaces) > 0
}
