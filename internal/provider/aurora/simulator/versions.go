package simulator

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// aurora is the engine of DB clusters.
const aurora = "aurora-postgresql"

// engineVersion is a version that a DB cluster can have.
type engineVersion struct {
	programs pgctl.Programs
	minor    int
	latest   bool // of its major
}

func (v engineVersion) String() string { return fmt.Sprintf("%d.%d", v.programs.Major, v.minor) }

func (v engineVersion) family(engine string) string {
	if engine != aurora {
		return engine + strconv.Itoa(v.programs.Major)
	}
	return aurora + strconv.Itoa(v.programs.Major)
}

// installedVersions are the versions of the programs on this machine, and one older minor of each, the oldest first.
func installedVersions(ctx context.Context) (versions []engineVersion, err error) {
	for _, major := range pgctl.Installed() {
		programs, err := pgctl.Find(major)
		if err != nil {
			return nil, err
		}
		account, err := pgctl.Unprivileged()
		if err != nil {
			return nil, err
		}
		out, err := programs.Command(ctx, account, "postgres", "--version").Output()
		if err != nil {
			return nil, fmt.Errorf("ask PostgreSQL %d for its version: %w", major, err)
		}
		fields := strings.Fields(string(out)) // postgres (PostgreSQL) 15.18 (Debian ...)
		minor := 0
		if len(fields) > 2 {
			_, digits, _ := strings.Cut(fields[2], ".")
			minor, _ = strconv.Atoi(digits) // 0 of a beta
		}
		if minor > 0 {
			versions = append(versions, engineVersion{programs: programs, minor: minor - 1})
		}
		versions = append(versions, engineVersion{programs: programs, minor: minor, latest: true})
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("find PostgreSQL on this machine: there is none")
	}
	return versions, nil
}

// targets are the versions to which v can be upgraded. From an older minor the newest major is out of reach, as a new major is on AWS until
// the next minor is out: the minor upgrade has to come first.
func (w *world) targets(v engineVersion) (targets []engineVersion) {
	newest := w.versions[len(w.versions)-1].programs.Major
	for _, to := range w.versions {
		switch {
		case to.programs.Major < v.programs.Major, to.programs.Major == v.programs.Major && to.minor <= v.minor:
		case to.programs.Major > v.programs.Major && to.programs.Major == newest && !v.latest:
		default:
			targets = append(targets, to)
		}
	}
	return targets
}

// version finds a version. A major alone is its latest minor; none is the latest of all.
func (w *world) version(wanted *string) (engineVersion, error) {
	for _, v := range slices.Backward(w.versions) {
		if wanted == nil || *wanted == v.String() || *wanted == strconv.Itoa(v.programs.Major) {
			return v, nil
		}
	}
	return engineVersion{}, refuseAs(invalidParameterCombination, "Cannot find version %s for %s", *wanted, aurora)
}

func (s *Simulator) describeDBEngineVersions(_ *call, in *rds.DescribeDBEngineVersionsInput) (*rds.DescribeDBEngineVersionsOutput, error) {
	engines := []string{aurora, "postgres"}
	if in.Engine != nil {
		if !slices.Contains(engines, *in.Engine) {
			return nil, refuseAs(invalidParameterValue, "Unrecognized engine name: %s", *in.Engine)
		}
		engines = []string{*in.Engine}
	}
	var all []types.DBEngineVersion
	for _, engine := range engines {
		for _, v := range s.world.versions {
			switch {
			case in.EngineVersion != nil && *in.EngineVersion != v.String() && *in.EngineVersion != strconv.Itoa(v.programs.Major),
				in.DBParameterGroupFamily != nil && *in.DBParameterGroupFamily != v.family(engine),
				value(in.DefaultOnly) && !v.latest:
			default:
				all = append(all, s.shownVersion(engine, v))
			}
		}
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBEngineVersionsOutput{DBEngineVersions: page, Marker: marker}, err
}

func (s *Simulator) shownVersion(engine string, v engineVersion) types.DBEngineVersion {
	shown := types.DBEngineVersion{
		Engine: ptr(engine), EngineVersion: ptr(v.String()), MajorEngineVersion: ptr(strconv.Itoa(v.programs.Major)),
		DBParameterGroupFamily: ptr(v.family(engine)), Status: ptr(available), DBEngineDescription: ptr("PostgreSQL, simulated"),
		DBEngineVersionDescription: ptr("PostgreSQL " + v.String()), SupportedEngineModes: []string{"provisioned"},
		ExportableLogTypes: []string{"postgresql"}, SupportsReadReplica: ptr(engine != aurora),
		ValidUpgradeTarget: []types.UpgradeTarget{},
	}
	for _, to := range s.world.targets(v) {
		shown.ValidUpgradeTarget = append(shown.ValidUpgradeTarget, types.UpgradeTarget{
			Engine: ptr(engine), EngineVersion: ptr(to.String()), Description: ptr("PostgreSQL " + to.String()), AutoUpgrade: ptr(false),
			IsMajorVersionUpgrade: ptr(to.programs.Major != v.programs.Major), SupportedEngineModes: []string{"provisioned"},
		})
	}
	return shown
}

// paged returns a page of a list and the marker of the next one. Pages have 100 elements, or max, which is 20 to 100
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html).
func paged[T any](all []T, marker *string, limit *int32) (page []T, next *string, err error) {
	const least, most = 20, 100
	size := int(value(or(limit, most)))
	if size < least || size > most {
		return nil, nil, refuseAs(invalidParameterValue, "Invalid value %d for MaxRecords. Must be between %d and %d", size, least, most)
	}
	from := 0
	if value(marker) != "" {
		if from, err = strconv.Atoi(*marker); err != nil || from < 0 || from > len(all) {
			return nil, nil, refuseAs(invalidParameterValue, "The request could not be processed because of an invalid marker: %s", *marker)
		}
	}
	page = append([]T{}, all[from:min(from+size, len(all))]...)
	if from+size < len(all) {
		next = ptr(strconv.Itoa(from + size))
	}
	return page, next, nil
}
