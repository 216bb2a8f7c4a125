package aurora

import "github.com/pgteal/pgteal/internal/finding"

// Kinds are what this provider finds.
var Kinds = []finding.Kind{
	{Name: "aurora-cluster", Blocks: finding.Upgrade, Why: `
AWS clones a provisioned DB cluster that is available and has a writer. Green belongs to no global database.`},
	{Name: "aurora-version", Blocks: finding.Upgrade, Why: `
AWS upgrades along certain paths only (DescribeDBEngineVersions). Where nothing leads straight to the version wanted, the clone is upgraded to a later
minor version first.`},
	{Name: "aurora-clone-lsn", Blocks: finding.Upgrade, Why: `
Where in the WAL a clone begins is told by aurora_volume_logical_start_lsn() alone, which old minor versions lack.`},
	{Name: "aurora-parameters", Blocks: finding.Upgrade, Why: `
A parameter is in force when the instance says that its parameter groups are in-sync. Until it is rebooted it goes on with what it had.`},
	{Name: "aurora-names", Blocks: finding.Upgrade, Why: `
Green's DB cluster, its instances and its parameter groups are made under names of their own. pgteal neither changes nor removes what it did not make.`},
	{Name: "aurora-quota", Blocks: finding.Upgrade, Why: `
Green needs room in the account's quotas. And 15 clones share a volume: the next one is a full copy as of some minutes ago, which is older than the slots.`},
	{Name: "aurora-network", Blocks: finding.Upgrade, Why: `
Green gets blue's security groups and subnets. Those have to let each other through on the port, in and out: green follows blue, and blue green on the
way back.`},
	{Name: "aurora-route", Blocks: finding.Upgrade, Why: `
Clients that name both clusters go on to the next one when nobody listens. A DB cluster of Aurora always listens.`},
}
