package local

import "github.com/pgteal/pgteal/internal/finding"

// Kinds are what this provider finds.
var Kinds = []finding.Kind{
	{Name: "clone", Blocks: finding.Upgrade, Why: `
Some way of cloning has to work: by reflink or a copy where blue's data directory is on this host, else by pg_basebackup. The finding has the reasons
of each that does not.`},
	{Name: "space", Blocks: finding.Upgrade, Why: `
A clone that shares no blocks with blue needs as much room as blue has; green needs some more for WAL and catalogs.`},
	{Name: "inodes", Blocks: finding.Upgrade, Why: `
File systems such as ext4 hold a number of files that was fixed when they were made. A clone has as many as blue, and green's catalogs come on top.`},
	{Name: "wal-space", Blocks: finding.Upgrade, Why: `
From the slots' creation until green has caught up, blue keeps all of its WAL. Where that would fill its disk at the rate just measured, blue itself
would stop.`},
	{Name: "port", Blocks: finding.Upgrade, Why: `
Green listens on green.port, at the addresses that blue's listen_addresses says.`},
	{Name: "green-directory", Blocks: finding.Upgrade, Why: `
Green's data directory must be missing or empty, and its parent must let it be made.`},
	{Name: "network", Blocks: finding.Upgrade, Why: `
Green's server reaches blue with the connection string of the subscription, as the operating system user that it runs as: host names, TLS, certificate
files. For the way back blue's server reaches green. Both are tried with what they will use.`},
	{Name: "blue-programs", Blocks: finding.Nothing, Why: `
Programs that were updated while blue went on running are of another minor release: a restart of blue would be an update, too.`},
	{Name: "pg-upgrade", Blocks: finding.Upgrade, Why: `
pg_upgrade --check is asked about the running blue, with an empty cluster of the new version beside it: by prepare, and by check --rehearse. It cannot
start blue, and writes nothing there.`},
	{Name: "schema-restore", Blocks: finding.Upgrade, Why: `
With check --rehearse blue's schema is restored in that empty cluster, as pg_upgrade will do it: this finds what only the new version's server knows,
such as views over columns of system views that are gone.
It runs what pg_upgrade would run, as the superuser of that empty cluster: functions of users in CHECK constraints of partitions, for example.`},
}
