package postgres

import (
	"bytes"
	"strings"
)

// HBA says whom pgteal's block at the head of pg_hba.conf lets in. The first line that fits a connection decides
// (https://www.postgresql.org/docs/current/auth-pg-hba-conf.html), so the lines below the block stay as they are.
type HBA string

// The blocks.
const (
	HBANone   HBA = ""       // no block: the file is the operator's alone
	HBAOpen   HBA = "open"   // Role may connect; everybody else as the operator says
	HBAClosed HBA = "closed" // Role may connect; nobody else. Physical standbys still may
)

const (
	hbaBegin = "# pgteal begin: removed by \"pgteal finish\" and \"pgteal abort\""
	hbaEnd   = "# pgteal end"
)

// Block returns the lines of the block, "" for HBANone.
func (h HBA) Block() string {
	if h == HBANone {
		return ""
	}
	lines := []string{
		hbaBegin,
		"local all,replication " + Ident(Role) + " scram-sha-256", // all does not mean replication
		"host all,replication " + Ident(Role) + " all scram-sha-256",
	}
	if h == HBAClosed {
		lines = append(lines, "local all all reject", "host all all all reject")
	}
	return strings.Join(append(lines, hbaEnd), "\n") + "\n"
}

// With returns the content of a pg_hba.conf with this block instead of the one that it has. Every other byte stays.
func (h HBA) With(content []byte) []byte {
	return append([]byte(h.Block()), withoutBlock(content)...)
}

func withoutBlock(content []byte) []byte {
	begin := bytes.Index(content, []byte(hbaBegin+"\n"))
	if begin < 0 {
		return content
	}
	length := bytes.Index(content[begin:], []byte(hbaEnd+"\n"))
	if length < 0 {
		return content
	}
	return append(bytes.Clone(content[:begin]), content[begin+length+len(hbaEnd)+1:]...)
}
