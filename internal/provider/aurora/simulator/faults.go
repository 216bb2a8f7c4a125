package simulator

import (
	"net/http"
	"slices"
)

// Fault is something that shall go wrong. The zero value of what is not wanted is left out.
type Fault struct {
	Action string // such as ModifyDBCluster; "" is every action
	After  int    // as many calls of it go well first
	Times  int    // then as many are hit; 0 is one, -1 all

	// Code is the error with which the call is answered: Throttling, ExpiredToken, InsufficientDBInstanceCapacity, ... Nothing is done, unless
	// Afterwards. Status is the HTTP status, by default 400, 403 for credentials, 500 for InternalFailure and 503 for ServiceUnavailable.
	Code       string
	Status     int
	Afterwards bool // the call is carried out all the same

	// Cut breaks the connection in the middle of the answer. The call has been carried out.
	Cut bool

	// Ends is the status in which what the call begins ends, such as upgrade_failed, incompatible-parameters, cloning-failed: it is left
	// there and nothing more is done. "upgrade" makes a major version upgrade fail as AWS documents it: available again on the old version, with
	// log files.
	Ends string

	// Stuck is the status in which what the call begins stays for good.
	Stuck string
}

// Fail arms a fault. Several are tried in the order in which they were armed.
func (s *Simulator) Fail(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.locked(func() { s.world.faults = append(s.world.faults, f) })
}

// Mend disarms every fault. What is stuck goes on.
func (s *Simulator) Mend() {
	s.locked(func() {
		s.world.faults = nil
		close(s.world.mended)
		s.world.mended = make(chan struct{})
		for _, p := range s.world.proxies {
			p.stuck = false
		}
	})
}

// strike returns the fault that hits a call of action, if one does.
func (s *Simulator) strike(action string) (hit Fault) {
	for i := range s.world.faults {
		f := &s.world.faults[i]
		if f.Action != "" && f.Action != action {
			continue
		}
		if f.After > 0 {
			f.After--
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		hit = *f
		if f.Times == 0 {
			s.world.faults = slices.Delete(s.world.faults, i, i+1)
		}
		return hit
	}
	return Fault{}
}

func (f Fault) refusal() error {
	r := &refusal{status: f.Status, code: f.Code, message: "so it was asked for"}
	if r.status != 0 {
		return r
	}
	switch f.Code {
	case "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "AccessDenied", "UnrecognizedClientException":
		r.status = http.StatusForbidden
	case "InternalFailure", "InternalError":
		r.status = http.StatusInternalServerError
	case "ServiceUnavailable":
		r.status = http.StatusServiceUnavailable
	default:
		r.status = http.StatusBadRequest
	}
	return r
}

// Call is a request that was seen, refused or not.
type Call struct {
	Service string // as in the signature: rds, ec2, secretsmanager, ...
	Action  string
	Input   map[string]string // of query requests, with the names of the form; passwords are left out
	Error   string            // the code of the answer; "" where it went well
}

// Calls returns every request that was seen.
func (s *Simulator) Calls() (calls []Call) {
	s.locked(func() { calls = slices.Clone(s.world.calls) })
	return calls
}

func (s *Simulator) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}
