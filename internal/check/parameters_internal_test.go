package check

import (
	"slices"
	"testing"
)

// judged judges the parameter name of a blue with settings.
func judged(t *testing.T, major int, name string, settings map[string]setting) Parameter {
	t.Helper()
	s := &Session{Major: major, settings: settings}
	i := slices.IndexFunc(parameterRows, func(r parameterRow) bool { return r.name == name && s.has(r) })
	if i < 0 {
		t.Fatalf("%d does not have %s", major, name)
	}
	p := Parameter{Name: name, Value: settings[name].Value, Unit: settings[name].Unit}
	s.judge(parameterRows[i], &p)
	return p
}

func TestFrom19OnReplicaIsEnough(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		major  int
		level  string
		enough bool
	}{{18, "logical", true}, {18, "replica", false}, {19, "replica", true}, {19, "minimal", false}} {
		p := judged(t, c.major, "wal_level", map[string]setting{"wal_level": {Value: c.level}})
		if p.Enough != c.enough || (p.Finding == nil) != c.enough {
			t.Errorf("%d with %s: %+v", c.major, c.level, p)
		}
	}
}

func TestInACloudItsParameterGroupIsNamed(t *testing.T) {
	t.Parallel()
	settings := map[string]setting{"wal_level": {Value: "replica"}, cloudSetting: {Value: "off"}, "max_slot_wal_keep_size": {Value: "1024", Unit: "MB"}}
	for name, fix := range map[string]string{
		cloudSetting:             "Set rds.logical_replication = 1 in blue's parameter group, then reboot its writer.",
		"max_slot_wal_keep_size": "Set max_slot_wal_keep_size = -1 in blue's parameter group.",
	} {
		if p := judged(t, 15, name, settings); p.Finding == nil || p.Finding.Fix != fix || p.Finding.Repair != nil {
			t.Errorf("%s: %+v", name, p.Finding)
		}
	}
	for _, r := range parameterRows {
		if s := (&Session{Major: 15, settings: settings}); r.name == "wal_level" && s.has(r) {
			t.Error("wal_level follows the cloud's own setting, and is judged beside it")
		}
	}
	if p := judged(t, 15, cloudSetting, map[string]setting{cloudSetting: {Value: "on"}}); !p.Enough {
		t.Errorf("%+v", p)
	}
}

// Before 12 the server's wal_sender_timeout holds for everybody.
func TestWhoseSenderTimeoutItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		major  int
		value  string
		enough bool
	}{{11, "2000", false}, {11, "0", true}, {11, "60000", true}, {12, "2000", true}} {
		if p := judged(t, c.major, "wal_sender_timeout", map[string]setting{"wal_sender_timeout": {Value: c.value, Unit: "ms"}}); p.Enough != c.enough {
			t.Errorf("%d with %s: %+v", c.major, c.value, p)
		}
	}
}

func TestParameterChecksAreRegistered(t *testing.T) {
	t.Parallel()
	for _, r := range parameterRows {
		if r.check != "" && !slices.ContainsFunc(in(Cluster), func(c Check) bool { return c.Name == r.check }) {
			t.Errorf("nothing reports what is wrong with %s: there is no check %s", r.name, r.check)
		}
	}
}
