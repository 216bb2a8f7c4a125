package pgbouncer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// fallback is the name of the entry that serves every database which has none of its own.
const fallback = "*"

// defaultPort is PgBouncer's for an entry without one.
const defaultPort = 5432

// include is the included file: its bytes as they are, and where in them the addresses stand. It follows PgBouncer's own reader
// (lib/usual/cfparser.c, src/loader.c), and refuses what that reads in a way that a person would not expect.
type include struct {
	text    string
	entries []entry
}

// entry is one line of [databases].
type entry struct {
	name      string
	line      int
	host      setting   // of zero length where the entry has no host
	port      setting   // of zero length where the entry has no port
	others    []setting // all other settings, each with its key
	beginning int       // where the connection string begins
	end       int       // where it ends
}

// setting is a value and where it stands in the text, with its quotes.
type setting struct {
	value      string
	begin, end int
}

func (s setting) given() bool { return s.end > s.begin }

// parseInclude reads the text of an included file. Its errors name a line and never quote it: lines hold passwords.
func parseInclude(text string) (*include, error) {
	f := &include{text: text}
	inDatabases := false
	offset, number := 0, 0
	for line := range strings.Lines(text) {
		number++
		begin := offset
		offset += len(line)
		trimmed := strings.TrimLeft(line, spaces)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case trimmed[0] == '%':
			return nil, fmt.Errorf("line %d: it includes another file; write its entries here", number)
		case trimmed[0] == '[':
			if strings.TrimRight(trimmed, spaces) != "[databases]" {
				return nil, fmt.Errorf("line %d: only a line [databases] may begin a section here", number)
			}
			inDatabases = true
			continue
		case !inDatabases:
			return nil, fmt.Errorf("line %d: an entry stands before the line [databases]", number)
		}
		e, err := parseEntry(text, begin+len(line)-len(trimmed), begin+len(strings.TrimRight(line, spaces)))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		e.line = number
		if i := slices.IndexFunc(f.entries, func(other entry) bool { return other.name == e.name }); i >= 0 {
			return nil, fmt.Errorf("line %d: database %q has an entry in line %d already", number, e.name, f.entries[i].line)
		}
		f.entries = append(f.entries, e)
	}
	if len(f.entries) == 0 {
		return nil, errors.New("it has no entry in a section [databases]")
	}
	return f, nil
}

// parseEntry reads the line text[p:end], `name = key=value ...`.
func parseEntry(text string, p, end int) (entry, error) {
	var e entry
	switch quoted := text[p] == '\''; {
	case text[p] == '"':
		return e, errors.New(`the name is in double quotes, which PgBouncer's own documentation describes but PgBouncer refuses; ` +
			`give it a plain name and add dbname='...'`)
	case quoted:
		length := strings.IndexByte(text[p+1:end], '\'')
		if length < 1 {
			return e, errors.New("the quoted name is empty or does not end")
		}
		e.name = text[p+1 : p+1+length]
		p += length + 2
	default:
		begin := p
		for p < end && isNameByte(text[p]) {
			p++
		}
		e.name = text[begin:p]
	}
	for p < end && (text[p] == ' ' || text[p] == '\t') {
		p++
	}
	if e.name == "" || p == end || text[p] != '=' {
		return e, errors.New("it does not begin with a name of letters, digits, _ . - and an equals sign")
	}
	for p++; p < end && (text[p] == ' ' || text[p] == '\t'); {
		p++
	}
	e.beginning, e.end = p, end
	return e, e.readSettings(text, p, end)
}

// readSettings reads the connection string text[p:end].
func (e *entry) readSettings(text string, p, end int) error {
	seen := map[string]bool{}
	for p = skipSpaces(text, p, end); p < end; p = skipSpaces(text, p, end) {
		begin := p
		for p < end && text[p] != '=' && text[p] != ' ' {
			p++
		}
		key := text[begin:p]
		p = skipSpaces(text, p, end)
		if key == "" || p == end || text[p] != '=' || strings.ContainsAny(key, "\t;#'") {
			return fmt.Errorf("database %q: its connection string is not a list of key=value (a comment needs a line of its own)", e.name)
		}
		p = skipSpaces(text, p+1, end)
		value, after, err := readValue(text, p, end)
		if err != nil {
			return fmt.Errorf("database %q: %s: %w", e.name, key, err)
		}
		if seen[key] {
			return fmt.Errorf("database %q: %s is there twice", e.name, key)
		}
		seen[key] = true
		switch key {
		case "host":
			e.host = setting{value: value, begin: p, end: after}
		case "port":
			if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 65535 {
				return fmt.Errorf("database %q: its port is not a number from 1 to 65535", e.name)
			}
			e.port = setting{value: value, begin: p, end: after}
		default:
			e.others = append(e.others, setting{begin: begin, end: after})
		}
		p = after
	}
	return nil
}

// readValue reads the value at text[p:end], and returns it with the place behind it.
func readValue(text string, p, end int) (value string, after int, err error) {
	if p < end && text[p] == '\'' {
		for i := p + 1; i < end; i++ {
			if text[i] != '\'' {
				continue
			}
			if i+1 < end && text[i+1] == '\'' {
				i++
				continue
			}
			if i+1 < end && text[i+1] != ' ' {
				return "", 0, errors.New("behind the closing quote there must be a space") // PgBouncer swallows what stands there
			}
			if i == p+1 {
				return "", 0, errors.New("the value is empty")
			}
			return strings.ReplaceAll(text[p+1:i], "''", "'"), i + 1, nil
		}
		return "", 0, errors.New("the quoted value does not end")
	}
	for after = p; after < end && text[after] != ' '; after++ {
		if text[after] == '\t' {
			return "", 0, errors.New("there is a tab, which PgBouncer takes for a part of the value; use spaces")
		}
	}
	if after == p {
		return "", 0, errors.New("the value is empty")
	}
	return text[p:after], after, nil
}

const spaces = " \t\n\v\f\r" // C's isspace

func isNameByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("_.-*", b) >= 0
}

func skipSpaces(text string, p, end int) int {
	for p < end && text[p] == ' ' {
		p++
	}
	return p
}

func (f *include) has(name string) bool {
	return slices.ContainsFunc(f.entries, func(e entry) bool { return e.name == name })
}

// portNumber is the port that the entry leads to.
func (e *entry) portNumber() int {
	if n, err := strconv.Atoi(e.port.value); err == nil {
		return n
	}
	return defaultPort
}

// isSocket tells whether the entry leads through a Unix socket.
func (e *entry) isSocket() bool { return isSocket(e.host.value) }

// isList tells whether the entry leads to several hosts, between which PgBouncer chooses by itself.
func (e *entry) isList() bool { return !e.isSocket() && strings.Contains(e.host.value, ",") }
