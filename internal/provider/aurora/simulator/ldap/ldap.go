// Package ldap answers simple bind requests of LDAP (RFC 4511), and nothing else. PostgreSQL's own method ldap asks it whether a password is
// right, where on RDS a PAM module does.
package ldap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Server listens for bind requests.
type Server struct {
	listener net.Listener
	check    func(name, password string) bool
	ended    sync.WaitGroup
}

// sessionLimit bounds a connection: PostgreSQL opens one for each login.
const sessionLimit = 10 * time.Second

// Listen starts a server. check tells whether a password is right.
func Listen(ctx context.Context, address string, check func(name, password string) bool) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open the LDAP server: %w", err)
	}
	s := &Server{listener: listener, check: check}
	s.ended.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.ended.Go(func() {
				defer conn.Close()                                 //nolint:errcheck // the client has its answers
				_ = conn.SetDeadline(time.Now().Add(sessionLimit)) // a TCP connection takes it
				_ = s.serve(conn)                                  // whoever asks badly is not answered
			})
		}
	})
	return s, nil
}

// Close ends the server when the last session has ended.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.ended.Wait()
	return err
}

// The tags of RFC 4511 that are met.
const (
	sequence     = 0x30
	integer      = 0x02
	octets       = 0x04
	enumerated   = 0x0a
	bindRequest  = 0x60
	bindResponse = 0x61
	simple       = 0x80
)

// The results of RFC 4511 that are given.
const (
	success            = 0
	invalidCredentials = 49
)

var errForm = errors.New("it is no LDAP message that is known here")

func (s *Server) serve(conn net.Conn) error {
	in := bufio.NewReader(conn)
	for {
		tag, message, err := readValue(in)
		if err != nil || tag != sequence {
			return errors.Join(errForm, err)
		}
		rest := bufio.NewReader(bytes.NewReader(message))
		_, id, err1 := readValue(rest)
		operation, content, err2 := readValue(rest)
		if err := errors.Join(err1, err2); err != nil || operation != bindRequest {
			return errors.Join(errForm, err) // an unbind, most likely
		}
		fields := bufio.NewReader(bytes.NewReader(content))
		_, _, err1 = readValue(fields) // the version
		_, name, err2 := readValue(fields)
		method, password, err3 := readValue(fields)
		if err := errors.Join(err1, err2, err3); err != nil || method != simple {
			return errors.Join(errForm, err)
		}
		result := byte(invalidCredentials)
		if s.check(string(name), string(password)) {
			result = success
		}
		response := value(bindResponse, append(value(enumerated, []byte{result}), append(value(octets, nil), value(octets, nil)...)...))
		if _, err := conn.Write(value(sequence, append(value(integer, id), response...))); err != nil {
			return err
		}
	}
}
