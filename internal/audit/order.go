package audit

import (
	"errors"
	"io"
	"slices"
)

// stream is a log and its next event.
type stream struct {
	*logReader
	head event
}

// inOrder reads all logs in directory and hands their events on in the order of their times, with the writer of each.
func inOrder(directory string, do func(Writer, event)) error {
	names, err := logs(directory)
	if err != nil {
		return err
	}
	var streams []*stream
	defer func() {
		for _, s := range streams {
			s.close()
		}
	}()
	for _, name := range names {
		r, err := openReader(name)
		if err != nil {
			return err
		}
		streams = append(streams, &stream{logReader: r})
	}
	open := slices.Clone(streams)
	for i := 0; i < len(open); {
		over, err := open[i].advance()
		if err != nil {
			return err
		}
		if over {
			open = slices.Delete(open, i, i+1)
		} else {
			i++
		}
	}
	for len(open) > 0 {
		first := 0
		for i, s := range open {
			if s.head.at.Before(open[first].head.at) {
				first = i
			}
		}
		do(open[first].writer, open[first].head)
		over, err := open[first].advance()
		if err != nil {
			return err
		}
		if over {
			open = slices.Delete(open, first, first+1)
		}
	}
	return nil
}

// advance reads the next event of s, and says whether there was none.
func (s *stream) advance() (over bool, err error) {
	s.head, err = s.next()
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}
