package check

import "github.com/pgteal/pgteal/internal/finding"

// Group is a part of All, under a heading of the documentation.
type Group struct {
	Title  string
	Checks []Check
}

// All is every check. Their order is that of the documentation; findings have an order of their own.
var All = []Group{
	{"What pgteal needs to work at all", []Check{
		{"version", finding.Upgrade, versionWhy, Cluster, version},
		{"releases", finding.Nothing, releasesWhy, Cluster, releases},
		{"programs", finding.Upgrade, programsWhy, Cluster, programs},
		{"recovery", finding.Upgrade, recoveryWhy, Cluster, recovery},
		{"rights", finding.Upgrade, rightsWhy, Cluster, rights},
		{"table-owners", finding.Upgrade, tableOwnersWhy, Replicated, tableOwners},
		{"own-objects", finding.Upgrade, ownObjectsWhy, Replicated, ownObjects},
		{"own-role", finding.Upgrade, ownRoleWhy, Cluster, ownRole},
		{"own-names", finding.Upgrade, ownNamesWhy, Replicated, ownNames},
		{"plpgsql", finding.Upgrade, plpgsqlWhy, Replicated, plpgsql},
	}},
	{"Settings of blue", []Check{
		{"wal-level", finding.Upgrade, walLevelWhy, Cluster, parameterCheck("wal-level")},
		{"replication-slots", finding.Upgrade, replicationSlotsWhy, Cluster, parameterCheck("replication-slots")},
		{"wal-senders", finding.Upgrade, walSendersWhy, Cluster, parameterCheck("wal-senders")},
		{"slot-retention", finding.Nothing, slotRetentionWhy, Cluster, parameterCheck("slot-retention")},
		{"wal-space", finding.Upgrade, walSpaceWhy, Last, walSpace},
		{"connections", finding.Switchover, connectionsWhy, Cluster, parameterCheck("connections")},
		{"replication-timeouts", finding.Nothing, replicationTimeoutsWhy, Cluster, parameterCheck("replication-timeouts")},
		{"logical-replication-workers", finding.Switchover, applyWorkersWhy, Cluster, parameterCheck("logical-replication-workers")},
		{"worker-processes", finding.Switchover, workerProcessesWhy, Cluster, parameterCheck("worker-processes")},
		{"replication-origins", finding.Switchover, replicationOriginsWhy, Cluster, parameterCheck("replication-origins")},
		{"settings", finding.Nothing, settingsWhy, Cluster, settings},
		{"setting-defaults", finding.Nothing, settingDefaultsWhy, Cluster, settingDefaults},
	}},
	{"What runs on blue right now", []Check{
		{"prepared-transactions", finding.Upgrade, preparedTransactionsWhy, Cluster, preparedTransactions},
		{"long-transactions", finding.Nothing, longTransactionsWhy, Cluster, longTransactions},
	}},
	{"What logical replication cannot do, or does not carry", []Check{
		{"replica-identity", finding.Upgrade, replicaIdentityWhy, Replicated, replicaIdentity},
		{"generated-identity", finding.Upgrade, generatedIdentityWhy, Replicated, generatedIdentity},
		{"generated-tableoid", finding.Upgrade, generatedTableoidWhy, Replicated, generatedTableoid},
		{"replica-triggers", finding.Upgrade, replicaTriggersWhy, Replicated, replicaTriggers},
		{"row-security", finding.Upgrade, rowSecurityWhy, Replicated, rowSecurity},
		{"event-triggers", finding.Upgrade, eventTriggersWhy, Replicated, eventTriggers},
		{"large-objects", finding.Switchover, largeObjectsWhy, Replicated, largeObjects},
		{"unlogged-tables", finding.Nothing, unloggedTablesWhy, Replicated, unloggedTables},
		{"sequence-room", finding.Nothing, sequenceRoomWhy, Replicated, sequenceRoom},
		{"materialized-views", finding.Nothing, materializedViewsWhy, Replicated, materializedViews},
		{"foreign-tables", finding.Nothing, foreignTablesWhy, Replicated, foreignTables},
		{"unvalidated-domains", finding.Upgrade, unvalidatedDomainsWhy, Replicated, unvalidatedDomains},
		{"apply-search-path", finding.Nothing, applySearchPathWhy, Replicated, applySearchPath},
		{"background-jobs", finding.Nothing, backgroundJobsWhy, Replicated, backgroundJobs},
		{"background-workers", finding.Nothing, backgroundWorkersWhy, Cluster, backgroundWorkers},
	}},
	{"How text sorts", []Check{
		{"locales", finding.Upgrade, localesWhy, Cluster, locales},
		{"collations", finding.Upgrade, collationsWhy, Upgraded, collations},
		{"unicode-update", finding.Nothing, unicodeWhy, Replicated, unicodeUpdate},
	}},
	{"Who else replicates", []Check{
		{"subscriptions", finding.Switchover, subscriptionsWhy, Cluster, subscriptions},
		{"replication-consumers", finding.Nothing, replicationConsumersWhy, Cluster, replicationConsumers},
		{"synchronous-names", finding.Nothing, synchronousNamesWhy, Cluster, synchronousNames},
		{"publications", finding.Nothing, publicationsWhy, Replicated, publications},
	}},
	{"What pg_upgrade refuses", []Check{
		{"databases", finding.Upgrade, databasesWhy, Cluster, databases},
		{"names", finding.Upgrade, namesWhy, Cluster, names},
		{"encodings", finding.Upgrade, encodingsWhy, Cluster, encodings},
		{"stored-settings", finding.Upgrade, storedSettingsWhy, Cluster, storedSettings},
		{"function-settings", finding.Upgrade, functionSettingsWhy, Upgraded, functionSettings},
		{"preload-libraries", finding.Nothing, preloadLibrariesWhy, Cluster, preloadLibraries},
		{"extensions", finding.Upgrade, extensionsWhy, Upgraded, extensions},
		{"libraries", finding.Upgrade, librariesWhy, Upgraded, libraries},
		{"data-types", finding.Upgrade, dataTypesWhy, Upgraded, dataTypes},
		{"column-options", finding.Upgrade, columnOptionsWhy, Upgraded, columnOptions},
		{"with-oids", finding.Upgrade, withOIDsWhy, Upgraded, withOIDs},
		{"postfix-operators", finding.Upgrade, postfixOperatorsWhy, Upgraded, postfixOperators},
		{"polymorphic-functions", finding.Upgrade, polymorphicFunctionsWhy, Upgraded, polymorphicFunctions},
		{"encoding-conversions", finding.Upgrade, encodingConversionsWhy, Upgraded, encodingConversions},
		{"not-null-inheritance", finding.Upgrade, notNullInheritanceWhy, Upgraded, notNullInheritance},
		{"generated-inheritance", finding.Upgrade, generatedInheritanceWhy, Upgraded, generatedInheritance},
		{"gist-inet", finding.Upgrade, gistInetWhy, Upgraded, gistInet},
	}},
}
