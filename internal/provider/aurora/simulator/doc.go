// Package simulator is a stand-in for the part of AWS that pgteal uses, on loopback, without an account and without cost. It serves
// tests and `pgteal demo --provider aurora`.
//
// What is real: a DB cluster is a PostgreSQL server on this machine, and its endpoint takes connections, with TLS. A clone
// (RestoreDBClusterToPointInTime) is an exact clone of the running server, a major version upgrade (ModifyDBCluster) is a run of pg_upgrade, which
// may well fail and then leaves its reports in the log files. Parameters are written to the server's configuration and take effect as PostgreSQL lets
// them. Superuser is not to be had (package rights). Tokens of IAM are checked, for roles that have been granted rds_iam themselves. Requests are read
// by the SDK's own model, with its required members, and have to be signed.
//
// What is imitated: statuses and what they pass through, which take Options.Delay each instead of minutes, and that the status stays available for a
// while after a modification was taken; what AWS refuses, with its error codes; parameter groups, tags, snapshots, roles, event
// subscriptions, proxies, security groups and scaling policies, which are entries that are kept and shown.
//
// What is not:
//   - A proxy takes Options.Delay to register a target, and neither pools nor holds sessions.
//   - Storage is not shared. A reader is an entry with an endpoint that leads to the writer's server; so does the reader endpoint. Writes
//     through it are not refused. A failover kills the server and starts it again, and moves the writer's role to another entry.
//   - Endpoints are loopback addresses, computed from the identifier, where AWS has host names: a rename moves them at once, without a DNS
//     cache in between. All have one port, the API's; a port that is asked for is not given. Only Linux answers on all of 127.0.0.0/8 unasked.
//   - A security group refuses by a reset instead of silence, and new connections only. Its rules are read for inbound traffic on the port; a rule with
//     a CIDR that holds 127.0.0.1, or with a group, lets everybody in.
//   - Slots that a clone inherits begin where the clone does. The clone has them once it starts with logical replication.
//   - A major version upgrade is refused for every logical slot. From 17 on AWS may keep slots whose changes are consumed
//     (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Appendix.PostgreSQL.CommonDBATasks.pglogical.handle-slots.html).
//   - aurora_volume_logical_start_lsn() is 0/0 on what is no clone, and again after a major version upgrade.
//   - rds.logical_replication and the like can be shown, and are not in pg_settings.
//   - Snapshots hold no data. There are no maintenance windows: what is to be applied in one stays pending.
//   - The engine versions are those of the PostgreSQL programs on this machine, and one older minor of each that cannot be told from the newer
//     one by its behavior. A minor version upgrade changes the number and restarts the server.
//   - A member of a request that the SDK's model does not have is refused, although AWS may let it pass. What the simulator does not use it ignores.
//   - fsync is off. IAM policies are not asked: every signed call is allowed.
//   - DB instances outside DB clusters, such as RDS for PostgreSQL, can be looked up as engine versions and not made.
package simulator
