package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Load is a set of writers at work in this process.
type Load struct {
	stop    context.CancelFunc
	writers sync.WaitGroup

	mu     sync.Mutex
	book   *book
	failed error
}

// Start sets writers to work. They end when ctx is over or Stop is called.
func Start(ctx context.Context, writers ...Writer) (*Load, error) {
	ctx, cancel := context.WithCancel(ctx)
	l := &Load{stop: cancel, book: newBook()}
	var runners []*runner
	names := map[string]bool{}
	for _, w := range writers {
		r, err := newRunner(w, l.seen)
		if err == nil && names[w.ID] {
			err = errors.Join(fmt.Errorf("two writers are called %s", w.ID), r.log.close())
		}
		if err != nil {
			cancel()
			for _, r := range runners {
				err = errors.Join(err, r.log.close())
			}
			return nil, err
		}
		names[w.ID] = true
		runners = append(runners, r)
	}
	for _, r := range runners {
		l.writers.Go(func() {
			if err := r.run(ctx); err != nil {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.failed = errors.Join(l.failed, fmt.Errorf("writer %s: %w", r.ID, err))
			}
		})
	}
	return l, nil
}

func (l *Load) seen(w Writer, e event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.book.add(w, e)
}

// Summary is what the writers saw until now.
func (l *Load) Summary() Summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.book.summary()
}

// Stop lets every writer end its operation and waits for them. Its error is that of a writer that could not keep its log; errors
// of the server are in the summary. It may be called again.
func (l *Load) Stop() error {
	l.stop()
	l.writers.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}
