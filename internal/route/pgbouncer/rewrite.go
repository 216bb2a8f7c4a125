package pgbouncer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/route"
)

// edit replaces text[begin:end].
type edit struct {
	begin, end int
	to         string
}

// pointed returns the text with every entry leading to endpoint, and every other byte as it was.
func (f *include) pointed(endpoint route.Endpoint) (string, error) {
	if endpoint.Port < 1 || endpoint.Port > 65535 {
		return "", fmt.Errorf("%d is not a port", endpoint.Port)
	}
	if strings.ContainsAny(endpoint.Host+endpoint.SocketDirectory, "\t\r\n,") {
		return "", fmt.Errorf("%q is not one host", endpoint.Host+endpoint.SocketDirectory)
	}
	var edits []edit
	for _, e := range f.entries {
		these, err := e.pointed(endpoint)
		if err != nil {
			return "", fmt.Errorf("line %d: database %q: %w", e.line, e.name, err)
		}
		edits = append(edits, these...)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.begin, b.begin) })
	var out strings.Builder
	copied := 0
	for _, e := range edits {
		out.WriteString(f.text[copied:e.begin])
		out.WriteString(e.to)
		copied = e.end
	}
	out.WriteString(f.text[copied:])
	return out.String(), nil
}

func (e *entry) pointed(endpoint route.Endpoint) ([]edit, error) {
	if e.isList() {
		return nil, errors.New("it has several hosts, between which PgBouncer chooses by itself; give it one")
	}
	host, port := endpoint.Host, strconv.Itoa(endpoint.Port)
	if e.isSocket() {
		if host = endpoint.SocketDirectory; host == "" && endpoint.Host != "" {
			return nil, errors.New("it leads through a Unix socket, and the new address has no socket directory; give it a host")
		}
	}
	var edits []edit
	var added []string
	set := func(old setting, key, value string) {
		if old.given() {
			edits = append(edits, edit{old.begin, old.end, quoted(value)})
		} else {
			added = append(added, key+"="+quoted(value))
		}
	}
	if host != "" && host != e.host.value {
		set(e.host, "host", host)
	}
	if endpoint.Port != e.portNumber() {
		set(e.port, "port", port)
	}
	if added != nil {
		if e.beginning < e.end {
			added = append(added, "") // for a space before what is there
		}
		edits = append(edits, edit{e.beginning, e.beginning, strings.Join(added, " ")})
	}
	return edits, nil
}

// sameButAddresses tells whether two files differ in nothing but the addresses of their entries.
func (f *include) sameButAddresses(other *include) bool {
	return f.withoutAddresses() == other.withoutAddresses()
}

// withoutAddresses returns the text without the hosts and ports that pgteal may have written.
func (f *include) withoutAddresses() string {
	var out strings.Builder
	copied := 0
	for _, e := range f.entries {
		out.WriteString(f.text[copied:e.beginning])
		for _, word := range e.others {
			out.WriteString(f.text[word.begin:word.end])
			out.WriteByte('\n')
		}
		copied = e.end
	}
	out.WriteString(f.text[copied:])
	return out.String()
}

// quoted returns a value for a connection string, in quotes where it needs them.
func quoted(value string) string {
	if strings.ContainsAny(value, " '") {
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	}
	return value
}
