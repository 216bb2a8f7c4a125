package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/query"
)

// answer is what a call returns: the body and its type.
type answer struct {
	content     []byte
	contentType string
}

// call is a request on its way to what answers it.
type call struct {
	id      string
	service string
	action  string
	form    url.Values // of the query protocols
	body    []byte     // of JSON
	fault   Fault
}

const bodyLimit = 1 << 20

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	if err != nil {
		return // the client is gone
	}
	s.mu.Lock()
	s.world.requests++
	q := &call{id: fmt.Sprintf("00000000-0000-4000-8000-%012d", s.world.requests), body: body}
	a, err := s.answer(q, r)
	s.note(q, err)
	s.mu.Unlock()
	if q.fault.Cut {
		s.cut(w, a)
		return
	}
	w.Header().Set("X-Amzn-Requestid", q.id)
	if err != nil {
		s.writeError(w, q, err)
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	_, _ = w.Write(a.content) // the client sees what is missing
}

func (s *Simulator) answer(q *call, r *http.Request) (answer, error) {
	target := r.Header.Get("X-Amz-Target")
	if target != "" {
		_, q.action, _ = strings.Cut(target, ".")
	} else {
		form, err := url.ParseQuery(string(q.body))
		if err != nil {
			return answer{}, refuseAs("MalformedQueryString", "The query string contains a syntax error.")
		}
		q.form, q.action = form, form.Get("Action")
	}
	var err error
	if q.service, err = s.signed(r, q.body); err != nil {
		return answer{}, err
	}
	q.fault = s.strike(q.action)
	if q.fault.Code != "" && !q.fault.Afterwards {
		return answer{}, q.fault.refusal()
	}
	do, known := s.services()[q.service]
	if !known {
		return answer{}, refuseAs("InvalidAction", "The simulator has no service %s.", q.service)
	}
	a, err := do(q)
	if err == nil && q.fault.Code != "" {
		err = q.fault.refusal()
	}
	return a, err
}

// services are what answers, by the service's name in the signature.
func (s *Simulator) services() map[string]func(*call) (answer, error) {
	return map[string]func(*call) (answer, error){
		"rds": s.rds, "ec2": s.ec2, "sts": s.sts, "secretsmanager": s.secretsManager, "application-autoscaling": s.autoscaling,
	}
}

// cut sends the beginning of an answer and breaks the connection.
func (s *Simulator) cut(w http.ResponseWriter, a answer) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, stream, err := hijacker.Hijack()
	if err != nil {
		return
	}
	fmt.Fprintf(stream, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", a.contentType, len(a.content)+1)
	_, _ = stream.Write(a.content[:len(a.content)/2]) // it is broken in any case
	_ = stream.Flush()
	_ = conn.Close()
}

// note remembers a call.
func (s *Simulator) note(q *call, err error) {
	c := Call{Service: q.service, Action: q.action, Input: map[string]string{}}
	for name, values := range q.form {
		if name != "Action" && name != "Version" && !strings.Contains(name, "Password") {
			c.Input[name] = values[0]
		}
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		c.Error = refused.code
	}
	s.world.calls = append(s.world.calls, c)
}

func (s *Simulator) writeError(w http.ResponseWriter, q *call, err error) {
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		s.logf("%s: %v", q.action, err)
		refused = &refusal{http.StatusInternalServerError, "InternalFailure", err.Error()}
	}
	kind := "Sender"
	if refused.status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	switch {
	case q.form == nil:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(refused.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": refused.code, "message": refused.message}) // the client sees what is missing
	case q.service == "ec2":
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(refused.status)
		_, _ = w.Write(ec2Error(q, refused))
	default:
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(refused.status)
		_, _ = w.Write(query.EncodeError(rdsNamespace, q.id, kind, refused.code, refused.message)) //nolint:gosec // it is escaped
	}
}
