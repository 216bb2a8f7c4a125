package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

// Sequence is where a sequence stands. Its type, increment, bounds and cycle are schema, which the clone carries; this is what changes.
type Sequence struct {
	Schema, Name string
	Last         int64
	Called       bool // whether Last has been handed out (is_called)
}

// These bound the locks that statements take: each sequence read or set costs one, held to the end of the statement, and a server with
// default settings has room for some 6,400 in all (https://www.postgresql.org/docs/current/runtime-config-locks.html,
// max_locks_per_transaction). Several databases are read at a time, in several sessions each.
const (
	sequencesPerRead = 150
	sequencesPerSet  = 500
)

// sequenceSessions is how many sessions read the sequences of a database at once. Reading costs the server some 10 microseconds a sequence,
// and with clients held its processors have nothing else to do.
const sequenceSessions = 4

// SequenceReader reads all sequences of a database again and again. The statements are prepared beforehand, because planning a
// thousand relations takes longer than reading them.
type SequenceReader struct {
	names    []Sequence // all sequences; where they stand is left out
	sessions []*sequenceSession
	opened   []*pgx.Conn // sessions of its own
}

// sequenceSession is one of the sessions, with its prepared statements. Each returns the positions of sequences in names.
type sequenceSession struct {
	conn       *pgx.Conn
	statements []string
}

// ReadSequences prepares the reading of every sequence of the database behind conn. Where there are many it opens more sessions of server.
//
// The sequences themselves are read: the view pg_sequences and pg_sequence_last_value() do not tell what
// setval(..., false) left behind, and pg_get_sequence_data() came with 18.
func ReadSequences(ctx context.Context, server *Server, conn *pgx.Conn) (r *SequenceReader, err error) {
	r = &SequenceReader{sessions: []*sequenceSession{{conn: conn}}}
	rows, _ := conn.Query(ctx, `SELECT nspname, relname, 0::bigint, false FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE relkind = 'S' AND relpersistence <> 't' ORDER BY 1, 2`)
	if r.names, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Sequence]); err != nil {
		return nil, fmt.Errorf("list the sequences: %w", err)
	}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	for i := 0; i*sequencesPerRead < len(r.names); i++ {
		if i > 0 && i < sequenceSessions {
			more, err := server.Connect(ctx, conn.Config().Database)
			if err != nil {
				return nil, err
			}
			r.opened = append(r.opened, more)
			r.sessions = append(r.sessions, &sequenceSession{conn: more})
		}
		if err := r.prepare(ctx, r.sessions[i%len(r.sessions)], i*sequencesPerRead); err != nil {
			return nil, fmt.Errorf("prepare the reading of sequences: %w", err)
		}
	}
	return r, nil
}

// prepare lets a session read the sequences from first on.
func (r *SequenceReader) prepare(ctx context.Context, s *sequenceSession, first int) error {
	var selects []string
	for i := first; i < min(first+sequencesPerRead, len(r.names)); i++ {
		selects = append(selects, fmt.Sprintf("SELECT %d, last_value, is_called FROM %s", i, Ident(r.names[i].Schema, r.names[i].Name)))
	}
	statement := fmt.Sprintf("pgteal_sequences_%d", first)
	_, err := s.conn.Prepare(ctx, statement, strings.Join(selects, "\nUNION ALL "))
	s.statements = append(s.statements, statement)
	return err
}

// Close ends the sessions that the reader opened.
func (r *SequenceReader) Close() {
	for _, conn := range r.opened {
		Close(conn)
	}
}

// Read returns every sequence, in the same order each time.
func (r *SequenceReader) Read(ctx context.Context) ([]Sequence, error) {
	sequences := slices.Clone(r.names)
	var group errgroup.Group
	for _, s := range r.sessions {
		group.Go(func() error { return s.read(ctx, sequences) })
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("read the sequences: %w", err)
	}
	return sequences, nil
}

// read fills in where the session's sequences stand. The statements are sent together and run one transaction each.
func (s *sequenceSession) read(ctx context.Context, sequences []Sequence) (err error) {
	pipeline := s.conn.PgConn().StartPipeline(ctx)
	defer func() { err = errors.Join(err, pipeline.Close()) }()
	for _, statement := range s.statements {
		pipeline.SendQueryPrepared(statement, nil, nil, []int16{pgx.BinaryFormatCode})
		if err := pipeline.Sync(); err != nil {
			return err
		}
	}
	for {
		result, err := pipeline.GetResults()
		if err != nil || result == nil {
			return err
		}
		reader, ok := result.(*pgconn.ResultReader)
		if !ok {
			continue
		}
		for reader.NextRow() { // by hand: scanning ten thousand rows would cost milliseconds of the pause
			values := reader.Values() // integer, bigint and boolean in their binary formats
			at := &sequences[binary.BigEndian.Uint32(values[0])]
			at.Last, at.Called = int64(binary.BigEndian.Uint64(values[1])), values[2][0] != 0 //nolint:gosec // the sign is meant
		}
		if _, err := reader.Close(); err != nil {
			return err
		}
	}
}

// SetSequencesSQL sets any number of sequences in one statement.
const SetSequencesSQL = `SELECT count(setval(format('%I.%I', s, n)::regclass, v, c))
	FROM unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[]) AS t (s, n, v, c)`

// SetSequences makes the sequences stand where they are told to.
func SetSequences(ctx context.Context, conn *pgx.Conn, sequences []Sequence) error {
	for group := range slices.Chunk(sequences, sequencesPerSet) {
		schemas, names := make([]string, len(group)), make([]string, len(group))
		values, called := make([]int64, len(group)), make([]bool, len(group))
		for i, s := range group {
			schemas[i], names[i], values[i], called[i] = s.Schema, s.Name, s.Last, s.Called
		}
		if _, err := conn.Exec(ctx, SetSequencesSQL, schemas, names, values, called); err != nil {
			return fmt.Errorf("set the sequences: %w", err)
		}
	}
	return nil
}

// ChangedSequences returns those of now that stand elsewhere than in before, or are not in it.
func ChangedSequences(before, now []Sequence) []Sequence {
	known := make(map[Sequence]bool, len(before))
	for _, s := range before {
		known[s] = true
	}
	return slices.DeleteFunc(slices.Clone(now), func(s Sequence) bool { return known[s] })
}
