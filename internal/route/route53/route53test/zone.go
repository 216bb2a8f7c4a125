package route53test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Set is a record set as the API has it.
type Set struct {
	Name          string `xml:"Name"`
	Type          string `xml:"Type"`
	SetIdentifier string `xml:"SetIdentifier,omitempty"`
	Weight        *int64 `xml:"Weight,omitempty"`
	TTL           int64  `xml:"TTL"`
	Values        Values `xml:"ResourceRecords"`
	AliasTarget   *Alias `xml:"AliasTarget,omitempty"`
}

// Values are the values of a record set, each of which has an element of its own.
type Values []string

type valuesXML struct {
	Records []struct{ Value string } `xml:"ResourceRecord"`
}

// MarshalXML writes them as the API does.
func (v Values) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	var records valuesXML
	for _, value := range v {
		records.Records = append(records.Records, struct{ Value string }{value})
	}
	return e.EncodeElement(records, start)
}

// UnmarshalXML reads them as a client writes them.
func (v *Values) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var records valuesXML
	if err := d.DecodeElement(&records, &start); err != nil {
		return err
	}
	for _, r := range records.Records {
		*v = append(*v, r.Value)
	}
	return nil
}

// Alias is where an alias leads.
type Alias struct {
	HostedZoneId         string //nolint:revive,staticcheck // the API's spelling
	DNSName              string
	EvaluateTargetHealth bool
}

// namespace is that of every answer.
const namespace = "https://route53.amazonaws.com/doc/2013-04-01/"

type changeInfo struct {
	ID          string `xml:"Id"`
	Status      string
	SubmittedAt string
}

// list answers ListResourceRecordSets.
func (s *Server) list(q *http.Request) (any, *refusal) {
	slices.SortStableFunc(s.sets, func(a, b Set) int {
		return cmp.Or(cmp.Compare(reversed(a.Name), reversed(b.Name)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.SetIdentifier, b.SetIdentifier))
	})
	type answer struct {
		XMLName     xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListResourceRecordSetsResponse"`
		Sets        []Set    `xml:"ResourceRecordSets>ResourceRecordSet"`
		IsTruncated bool
		NextName    string `xml:"NextRecordName,omitempty"`
		NextType    string `xml:"NextRecordType,omitempty"`
		NextSet     string `xml:"NextRecordIdentifier,omitempty"`
		MaxItems    int
	}
	from := q.URL.Query()
	a := answer{MaxItems: s.page}
	for _, set := range s.sets {
		if cmp.Or(cmp.Compare(reversed(set.Name), reversed(from.Get("name"))), cmp.Compare(set.Type, from.Get("type")),
			cmp.Compare(set.SetIdentifier, from.Get("identifier"))) < 0 {
			continue
		}
		if len(a.Sets) == s.page {
			a.IsTruncated, a.NextName, a.NextType, a.NextSet = true, set.Name, set.Type, set.SetIdentifier
			break
		}
		a.Sets = append(a.Sets, set)
	}
	return a, nil
}

// reversed is a name in the order of the API: by its labels from the right.
func reversed(name string) string {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

// change answers ChangeResourceRecordSets: all of a batch or nothing.
func (s *Server) change(q *http.Request) (any, *refusal) {
	body, refused := bodyOf(q)
	if refused != nil {
		return nil, refused
	}
	var batch struct {
		XMLName xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ChangeResourceRecordSetsRequest"`
		Changes []struct {
			Action string
			Set    Set `xml:"ResourceRecordSet"`
		} `xml:"ChangeBatch>Changes>Change"`
	}
	if err := xml.Unmarshal(body, &batch); err != nil || len(batch.Changes) == 0 {
		return nil, refuse(http.StatusBadRequest, "MalformedXML", fmt.Sprint("The XML you provided was not well-formed: ", err))
	}
	after := slices.Clone(s.sets)
	var wrong []string
	for _, c := range batch.Changes {
		if message := apply(&after, c.Action, c.Set); message != "" {
			wrong = append(wrong, message)
		}
	}
	wrong = append(wrong, conflicts(after)...)
	if wrong != nil {
		return nil, &refusal{status: http.StatusBadRequest, code: "InvalidChangeBatch", messages: wrong}
	}
	s.sets = after
	id := fmt.Sprintf("C%013d", len(s.changes)+1)
	s.changes[id] = s.pending
	return struct {
		XMLName xml.Name   `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ChangeResourceRecordSetsResponse"`
		Info    changeInfo `xml:"ChangeInfo"`
	}{Info: changeInfo{"/change/" + id, "PENDING", "2026-11-22T18:00:00.000Z"}}, nil
}

// faulty says what is wrong with a record set by itself.
func faulty(set Set) string {
	if set.Name != Apex && !strings.HasSuffix(set.Name, "."+Apex) {
		return fmt.Sprintf("RRSet with DNS name %s is not permitted in zone %s", set.Name, Apex)
	}
	if set.TTL < 0 || set.TTL > 1<<31-1 {
		return fmt.Sprintf("Value '%d' at 'ttl' failed to satisfy constraint", set.TTL)
	}
	for _, value := range set.Values {
		address, err := netip.ParseAddr(value)
		if set.Type == "A" && (err != nil || !address.Is4()) || set.Type == "AAAA" && (err != nil || !address.Is6()) {
			return fmt.Sprintf("Invalid Resource Record: FATAL problem: %sInvalid (Value is not a valid address) encountered with '%s'", set.Type, value)
		}
	}
	if len(set.Values) == 0 || set.Type == "CNAME" && len(set.Values) > 1 {
		return fmt.Sprintf("Invalid number of values for record set [name='%s', type='%s']", set.Name, set.Type)
	}
	return ""
}

// apply carries out one change, and says what is wrong with it.
func apply(sets *[]Set, action string, set Set) string {
	set.Name = strings.ToLower(set.Name)
	if message := faulty(set); message != "" {
		return message
	}
	at := slices.IndexFunc(*sets, func(other Set) bool {
		return other.Name == set.Name && other.Type == set.Type && other.SetIdentifier == set.SetIdentifier
	})
	switch {
	case action == "UPSERT" && at >= 0:
		(*sets)[at] = set
	case action == "UPSERT" || action == "CREATE" && at < 0:
		*sets = append(*sets, set)
	case action == "CREATE":
		return fmt.Sprintf("Tried to create resource record set [name='%s', type='%s'] but it already exists", set.Name, set.Type)
	case action == "DELETE" && at < 0:
		return fmt.Sprintf("Tried to delete resource record set [name='%s', type='%s'] but it was not found", set.Name, set.Type)
	case action == "DELETE" && ((*sets)[at].TTL != set.TTL || !slices.Equal((*sets)[at].Values, set.Values)):
		return fmt.Sprintf("Tried to delete resource record set [name='%s', type='%s'] but the values provided do not match the current values",
			set.Name, set.Type)
	case action == "DELETE":
		*sets = slices.Delete(*sets, at, at+1)
	default:
		return "unknown action " + action
	}
	return ""
}

// conflicts says which CNAMEs may not stand where they do.
func conflicts(sets []Set) (wrong []string) {
	for i, set := range sets {
		if set.Type != "CNAME" {
			continue
		}
		for j, other := range sets {
			switch {
			case i == j || other.Name != set.Name:
			case set.Name == Apex:
				wrong = append(wrong, fmt.Sprintf("RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", set.Name, Apex))
			case other.Type != "CNAME":
				wrong = append(wrong, fmt.Sprintf("RRSet of type CNAME with DNS name %s is not permitted as it conflicts with other records "+
					"with the same DNS name in zone %s", set.Name, Apex))
			}
		}
	}
	return wrong
}

// getChange answers GetChange.
func (s *Server) getChange(q *http.Request) (any, *refusal) {
	id := q.PathValue("id")
	left, known := s.changes[id]
	if !known {
		return nil, refuse(http.StatusNotFound, "NoSuchChange", "Could not find resource with ID: "+id)
	}
	status := "INSYNC"
	if left > 0 {
		status = "PENDING"
		s.changes[id]--
	}
	return struct {
		XMLName xml.Name   `xml:"https://route53.amazonaws.com/doc/2013-04-01/ GetChangeResponse"`
		Info    changeInfo `xml:"ChangeInfo"`
	}{Info: changeInfo{"/change/" + id, status, "2026-11-22T18:00:00.000Z"}}, nil
}

// refusal is an error as the API answers it.
type refusal struct {
	status   int
	code     string
	messages []string
}

func refuse(status int, code, message string) *refusal {
	return &refusal{status, code, []string{message}}
}

func (r *refusal) write(w http.ResponseWriter) {
	var text bytes.Buffer
	escaped := func(s string) string {
		var b bytes.Buffer
		_ = xml.EscapeText(&b, []byte(s)) // memory takes everything
		return b.String()
	}
	if r.code == "InvalidChangeBatch" { // the only one with a form of its own
		fmt.Fprintf(&text, "<InvalidChangeBatch xmlns=%q><Messages>", namespace)
		for _, m := range r.messages {
			fmt.Fprintf(&text, "<Message>%s</Message>", escaped(m))
		}
		text.WriteString("</Messages><RequestId>7f8e</RequestId></InvalidChangeBatch>")
	} else {
		fmt.Fprintf(&text, "<ErrorResponse xmlns=%q><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error>"+
			"<RequestId>7f8e</RequestId></ErrorResponse>", namespace, r.code, escaped(strings.Join(r.messages, " ")))
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(r.status)
	_, _ = w.Write(text.Bytes())
}

// bodyOf reads the body, and leaves it to be read again.
func bodyOf(q *http.Request) ([]byte, *refusal) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "IncompleteBody", err.Error())
	}
	q.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// sum is the hash of a body that a signature covers.
func sum(body []byte) string {
	hash := sha256.Sum256(body)
	return hex.EncodeToString(hash[:])
}
