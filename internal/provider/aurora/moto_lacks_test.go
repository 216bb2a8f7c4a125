package aurora

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgtest"
)

// lacking are the actions that moto 5.1.1 does not have, or breaks on, with the end of what it writes to its log then.
var lacking = map[string]string{
	"rds:AddRoleToDBCluster":                     "The add_role_to_db_cluster action has not been implemented",
	"rds:AddSourceIdentifierToSubscription":      "The add_source_identifier_to_subscription action has not been implemented",
	"rds:DescribeAccountAttributes":              "The describe_account_attributes action has not been implemented",
	"rds:DescribeDBEngineVersions":               "The describe_db_engine_versions action has not been implemented",
	"rds:DescribeDBLogFiles":                     "describe_db_log_files() got an unexpected keyword argument 'filename_contains'", // FilenameContains is AWS's
	"rds:DescribeEngineDefaultClusterParameters": "The describe_engine_default_cluster_parameters action has not been implemented",
	"rds:DescribeEngineDefaultParameters":        "The describe_engine_default_parameters action has not been implemented",
	"rds:DownloadDBLogFilePortion":               "The download_db_log_file_portion action has not been implemented",
	"rds:ModifyDBClusterParameterGroup":          "The modify_db_cluster_parameter_group action has not been implemented",
	"rds:RemoveSourceIdentifierFromSubscription": "The remove_source_identifier_from_subscription action has not been implemented",
}

// untried are the actions for which moto gives no occasion.
var untried = map[string]string{
	"rds:ModifyDBInstance": "every DB instance has the same DbiResourceId there, by which the route rename tells them apart",
}

// compare fails the test where something of called was never carried out, or moto broke on it, and where the tables are not true any more.
func (m *moto) compare(t *testing.T, called []string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	breaks := 0
	for action, n := range m.broke {
		breaks += n
		if lacking[action] == "" {
			t.Errorf("moto broke on %s", action)
		}
	}
	log := ""
	pgtest.Eventually(t, time.Minute, "moto has written why it broke", func() bool { // it answers before it does
		log = m.said(t)
		return strings.Count(log, "Error on request:") >= breaks
	})
	for action, reason := range lacking {
		if m.taken[action] || !strings.Contains(log, reason) {
			t.Errorf("moto does not say %q about %s any more", reason, action)
		}
	}
	for action, reason := range untried {
		if m.taken[action] || m.refused[action] != nil {
			t.Errorf("%s was tried, although %s", action, reason)
		}
	}
	slices.Sort(called)
	for _, action := range slices.Compact(called) {
		if !m.taken[action] && lacking[action] == "" && untried[action] == "" {
			t.Errorf("%s was never carried out: %q", action, m.refused[action])
		}
	}
	if t.Failed() {
		t.Log(log)
	}
}
