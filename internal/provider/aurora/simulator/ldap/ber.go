package ldap

import (
	"bufio"
	"io"
)

// longest is how long a message may be. A token of IAM has about a thousand bytes.
const longest = 1 << 16

// readValue reads a value in the basic encoding rules (X.690): its tag, its length, its content.
func readValue(in *bufio.Reader) (tag byte, content []byte, err error) {
	if tag, err = in.ReadByte(); err != nil {
		return 0, nil, err
	}
	first, err := in.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	length := int(first)
	if first&0x80 != 0 { // the length is in so many bytes
		length = 0
		for range first & 0x7f {
			b, err := in.ReadByte()
			if err != nil {
				return 0, nil, err
			}
			if length = length<<8 | int(b); length > longest {
				return 0, nil, errForm
			}
		}
	}
	content = make([]byte, length)
	_, err = io.ReadFull(in, content)
	return tag, content, err
}

// value writes a value of less than 128 bytes.
func value(tag byte, content []byte) []byte {
	return append([]byte{tag, byte(len(content))}, content...) //nolint:gosec // answers are short
}
