// Package verify compares two live clusters exactly: every row of every ordinary table on From, the publisher, with the same table
// on To, its subscriber, at one and the same point of the commit order, while clients go on writing to From.
//
// # Why the comparison is exact
//
// For a group of tables G, two sessions on From and one on To build a pair of snapshots like this:
//
//  1. To's reader takes the session advisory lock n, a random number.
//  2. From's holder begins a transaction B and locks every table of G in SHARE mode.
//  3. From's reader takes its snapshot S, in a transaction of its own (REPEATABLE READ).
//  4. B inserts row n into pgteal.barrier and commits.
//  5. On To the apply worker comes to that row. A trigger makes it wait for lock n (see postgres.SchemaSQL).
//  6. To's reader takes its snapshot S', and only then lets go of lock n.
//
// S and S' show the same state of G. Let T be any transaction that wrote to a table of G. It held ROW EXCLUSIVE on that table from
// before its first change to its very end, a prepared one too, and PostgreSQL ends a transaction in this order: it writes the commit
// record, makes it visible to new snapshots, and then releases its locks (CommitTransaction in xact.c). SHARE conflicts with
// ROW EXCLUSIVE, so T ended before step 2 or began to write after step 4.
//
//   - T ended before: its commit record precedes B's, and S, taken later, sees T. Logical decoding sends transactions in the order
//     of their commit records and the apply worker commits each before it turns to the next, so at step 5 T is committed on To: S'
//     sees T.
//   - T came after: S was taken before T wrote, and does not see it. T's commit record lies behind B's, and the apply worker, which
//     stands inside B, has not come to it: S' does not see T.
//
// Writers are held from step 2 to step 4 only: three round trips, of which the first waits for the transactions that write to G
// at that moment. The server itself ends B when that takes longer than allowed, even if this process is gone.
//
// B commits with synchronous_commit off. Its place in the commit order is that of its commit record, which exists before the locks
// go; waiting for the disk, or for standbys, would only hold writers longer. A walsender sends no record before it is on disk,
// so a second transaction, which holds no lock that a client could want, flushes the log and deletes the row again. Should
// From crash in between, the snapshots are lost with it and nothing is claimed.
//
// With streaming = parallel (16 and later) the changes of a large transaction are applied ahead of its turn by parallel apply workers, but
// the leader finishes each at its place in the commit order, so what S' sees is the same. Were B's own row ever streamed like this,
// a parallel apply worker would wait for lock n out of turn. So the row is inserted last, in the same message as the COMMIT, and
// step 6 insists on the leader: otherwise the attempt counts for nothing.
//
// What a snapshot does not protect against is a table whose file is replaced: TRUNCATE and a rewriting ALTER TABLE show an older
// snapshot an empty table. So the file number of every table is part of steps 3 and 6, and is looked at again under the lock of the
// query that has read the table; if it changed, the table starts over with a new barrier. Locks for reading are held for one table at
// a time, not for the group, so that DDL waits as little as possible.
//
// # What is compared
//
// The text of a row, ROW(columns)::text, with every setting fixed that text output depends on: NULL differs from an empty string, 1.0
// from 1.00, -0 from 0, and no type needs an equality operator. Two 64-bit hashes of that text, seeded at random for each
// run, are summed up over all rows of a table; the sums and the number of rows do not depend on order and are sensitive to duplicates.
// Two tables that differ agree in both sums by a chance of about 2^-128. The hashes are those of hash partitioning, which PostgreSQL
// cannot change between majors, under the collation C, so that no library of collations takes part. Stored generated columns are
// compared, since applications read them and To computed them by itself; virtual ones hold no data.
package verify
