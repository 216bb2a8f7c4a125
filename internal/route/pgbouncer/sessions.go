package pgbouncer

import (
	"context"
	"fmt"
	"strings"
)

// maxSessions bounds the sessions in which databases are paused at a time.
const maxSessions = 16

// sessions are open sessions of the console, kept so that nothing has to be opened while clients wait.
type sessions struct {
	open func(context.Context) (*console, error)
	idle chan *console
}

func newSessions(open func(context.Context) (*console, error)) *sessions {
	return &sessions{open: open, idle: make(chan *console, maxSessions+1)}
}

// take returns an idle session, or a new one where there is none.
func (s *sessions) take(ctx context.Context) (c *console, fresh bool, err error) {
	select {
	case c := <-s.idle:
		return c, false, nil
	default:
		c, err := s.open(ctx)
		return c, true, err
	}
}

// give takes a session back, and ends it where it is broken or there are enough.
func (s *sessions) give(c *console) {
	if c.broken {
		c.close()
		return
	}
	select {
	case s.idle <- c:
	default:
		c.close()
	}
}

// query runs one command in any session. A kept session may have died with an earlier PgBouncer: then the command is run again
// in the next one, which all commands that pgteal uses allow.
func (s *sessions) query(ctx context.Context, command string) ([]row, error) {
	for {
		c, fresh, err := s.take(ctx)
		if err != nil {
			return nil, fmt.Errorf("connect to the admin console: %w", err)
		}
		rows, err := c.query(ctx, command)
		s.give(c)
		if err == nil || fresh || isRefusal(err) || ctx.Err() != nil {
			return rows, err
		}
	}
}

// version is PgBouncer's, such as 1.24.1.
func (s *sessions) version(ctx context.Context) (string, error) {
	c, _, err := s.take(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to the admin console: %w", err)
	}
	defer s.give(c)
	version, _, _ := strings.Cut(c.version, "/")
	return version, nil
}

// warm makes sure that n sessions are open and answer.
func (s *sessions) warm(ctx context.Context, n int) error {
	var kept []*console
	defer func() {
		for _, c := range kept {
			s.give(c)
		}
	}()
	for len(kept) < min(n, cap(s.idle)) {
		c, fresh, err := s.take(ctx)
		if err != nil {
			return fmt.Errorf("connect to the admin console: %w", err)
		}
		_, err = c.query(ctx, "SHOW VERSION")
		if err == nil || isRefusal(err) {
			kept = append(kept, c)
			continue
		}
		c.close()
		if fresh || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// close ends all idle sessions.
func (s *sessions) close() error {
	for {
		select {
		case c := <-s.idle:
			c.close()
		default:
			return nil
		}
	}
}
