package local

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// spareFiles is how many files green has beside those of its databases: WAL, logs, what initdb and pg_upgrade make.
const spareFiles = 1000

// checkFiles compares the number of blue's files with how many the file system at parent, where the clone goes, still takes.
func (l *Local) checkFiles(parent string, stat syscall.Statfs_t) *finding.Finding {
	var blues syscall.Statfs_t
	blue := l.config.Blue.DataDirectory
	if blue == "" || stat.Files == 0 || syscall.Statfs(blue, &blues) != nil { // btrfs, for one, has no limit and says 0
		return nil
	}
	// Green's catalogs are never more than all that blue has. Where that is little beside what is free, nothing is counted.
	if held := blues.Files - blues.Ffree; blues.Files > 0 && 2*held+spareFiles <= stat.Ffree {
		return nil
	}
	needed := filesNeeded(blue)
	if needed <= stat.Ffree {
		return nil
	}
	return blocks("inodes", parent, fmt.Sprintf("The clone and green need some %d files, and no more than %d can be made there.", needed, stat.Ffree),
		"Name a green.data_directory on a file system with more inodes (df -i shows them), or remove files there.")
}

// filesNeeded counts the files of a data directory, as the clone has them. pg_upgrade links those of tables, and makes catalogs anew in every
// database: about as many as template1 has. Tablespaces go elsewhere.
func filesNeeded(directory string) uint64 {
	var files, databases, template uint64
	_ = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, _ error) error { // what is gone by now is not counted
		if entry == nil {
			return nil
		}
		files++
		relative := strings.TrimPrefix(path, directory+"/")
		switch {
		case relative == "pg_wal", relative == "pg_replslot":
			return fs.SkipDir // the clone has its own
		case filepath.Dir(relative) == "base":
			databases++
		case strings.HasPrefix(relative, "base/1/"): // template1 (Template1DbOid)
			template++
		}
		return nil
	})
	return files + databases*template + spareFiles
}

func readWAL(ctx context.Context, blue *postgres.Server) (r postgres.WALReading, err error) {
	database, err := blue.MaintenanceDatabase(ctx)
	if err != nil {
		return r, err
	}
	err = blue.In(ctx, database, func(conn *pgx.Conn) error {
		r, err = postgres.ReadWAL(ctx, conn)
		return err
	})
	return r, err
}

// checkWALSpace tells for how long what is free on the disk of blue's WAL lasts, at the rate since an earlier reading. Blue keeps all of its WAL
// while green is made, and stops where there is no more room.
func (l *Local) checkWALSpace(ctx context.Context, blue *postgres.Server, before postgres.WALReading) ([]finding.Finding, error) {
	directory := filepath.Join(l.config.Blue.DataDirectory, "pg_wal")
	var stat syscall.Statfs_t
	if l.config.Blue.DataDirectory == "" || l.ours() || syscall.Statfs(directory, &stat) != nil {
		return nil, nil //nolint:nilerr // it is not here; or there are slots already, and the guardrail disk looks
	}
	now, err := readWAL(ctx, blue)
	if err != nil {
		return nil, err
	}
	free := int64(stat.Bavail) * int64(stat.Bsize) //nolint:gosec,unconvert // sizes of disks fit, the types differ by system
	rate := now.Rate(before)
	stands, lasts := rate.Room(free)
	if stands == "" {
		return nil, nil
	}
	return []finding.Finding{{
		Check: "wal-space", Blocks: stands, Object: directory,
		Reason: fmt.Sprintf("Blue writes %s of WAL, and keeps all of it while green is made. The %d MB that are free there last %s at that rate, then "+
			"blue stops.", rate, free>>20, lasts),
		Fix: "Make room there, or begin when blue writes less. Where blue must not stop, max_slot_wal_keep_size lets it give the slot up instead.",
	}}, nil
}
