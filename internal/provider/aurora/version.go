package aurora

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
)

// versionInfo is what RDS says about an engine version, nil where it does not know it.
func (a *Aurora) versionInfo(ctx context.Context, version string) (*types.DBEngineVersion, error) {
	answer, err := a.rds.DescribeDBEngineVersions(ctx, &rds.DescribeDBEngineVersionsInput{
		Engine: aws.String(engine), EngineVersion: &version, IncludeAll: aws.Bool(true), // also one that nobody can choose any more
	})
	if err != nil {
		return nil, failed("look at engine version", version, err)
	}
	if len(answer.DBEngineVersions) == 0 {
		return nil, nil //nolint:nilnil // none is an answer
	}
	return &answer.DBEngineVersions[0], nil
}

// targets are the versions of a major version that info can be upgraded to, the latest first.
func targets(info *types.DBEngineVersion, major int) (versions []string) {
	if info == nil {
		return nil
	}
	for _, t := range info.ValidUpgradeTarget {
		if v := aws.ToString(t.EngineVersion); majorOf(v) == major && !strings.Contains(v, "-") { // 16.4-limitless is another product
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, func(x, y string) int { return compareVersions(y, x) })
	return versions
}

// path returns the engine versions through which a cluster of version from comes to the wanted one, that one last. There are two where a minor
// upgrade has to come first. It is empty where from is the wanted one.
func (a *Aurora) path(ctx context.Context, from string) ([]string, error) {
	wanted := a.config.Aurora.Version
	if from == wanted || wanted == "" && majorOf(from) == a.config.To {
		return nil, nil
	}
	info, err := a.versionInfo(ctx, from)
	if err != nil {
		return nil, err
	}
	if target := choose(targets(info, a.config.To), wanted); target != "" {
		return []string{target}, nil
	}
	for _, minor := range targets(info, majorOf(from)) {
		info, err := a.versionInfo(ctx, minor)
		if err != nil {
			return nil, err
		}
		if target := choose(targets(info, a.config.To), wanted); target != "" {
			return []string{minor, target}, nil
		}
	}
	if wanted == "" {
		wanted = strconv.Itoa(a.config.To)
	}
	return nil, fault.New(fault.Usage, fmt.Errorf("nothing leads from Aurora PostgreSQL %s to %s in region %s", from, wanted, a.config.Aurora.Region),
		"See what does: aws rds describe-db-engine-versions --engine "+engine+" --engine-version "+from+
			" --query 'DBEngineVersions[].ValidUpgradeTarget[].EngineVersion'")
}

// choose returns wanted where it is among versions, or the first of them where nothing is wanted.
func choose(versions []string, wanted string) string {
	switch {
	case len(versions) > 0 && wanted == "":
		return versions[0]
	case slices.Contains(versions, wanted):
		return wanted
	default:
		return ""
	}
}

// family is the parameter group family of an engine version.
func (a *Aurora) family(ctx context.Context, version string) (string, error) {
	info, err := a.versionInfo(ctx, version)
	if err == nil && info == nil {
		err = fault.New(fault.Usage, fmt.Errorf("RDS does not know Aurora PostgreSQL %s in region %s", version, a.config.Aurora.Region),
			"Correct aurora.version.")
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(info.DBParameterGroupFamily), nil
}

// majorOf is the major version of an engine version: 15 of 15.8. Before 10 it was two numbers, which Aurora no longer has.
func majorOf(version string) int {
	major, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(major) // 0 where it is no number, which is no version
	return n
}

// compareVersions orders engine versions number by number.
func compareVersions(x, y string) int {
	number := func(s string) int {
		digits, _, _ := strings.Cut(s, "-")
		n, _ := strconv.Atoi(digits) // what is no number comes first
		return n
	}
	return cmp.Or(slices.CompareFunc(strings.Split(x, "."), strings.Split(y, "."), func(a, b string) int {
		return cmp.Compare(number(a), number(b))
	}), cmp.Compare(x, y))
}
