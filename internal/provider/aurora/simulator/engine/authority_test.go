package engine

import (
	"crypto/tls"
	"testing"
)

// A server may read the key before a new certificate is written, and the certificate after.
func TestEveryKeyBelongsToEveryCertificate(t *testing.T) {
	a, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	before, key, err := a.issue([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	after, another, err := a.issue([]string{"127.0.0.1", "127.0.0.2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2][]byte{{before, another}, {after, key}} {
		if _, err := tls.X509KeyPair(pair[0], pair[1]); err != nil {
			t.Error(err)
		}
	}
}
