// Package query reads and writes the AWS Query protocol from the server's side
// (https://smithy.io/2.0/aws/protocols/aws-query-protocol.html): a form comes in, XML goes out. Both follow the SDK's own schemas, so
// what the SDK's model does not have is refused.
package query

import (
	"reflect"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
)

// wireName is the name of a member in a form and in XML.
func wireName(member *smithy.Schema) string {
	if t, ok := smithy.SchemaDirectTrait[*traits.XMLName](member); ok {
		return t.Name
	}
	return member.MemberName()
}

// itemName is the name of the elements of a list.
func itemName(list *smithy.Schema) string {
	if t, ok := smithy.SchemaTrait[*traits.XMLName](list.ListMember()); ok {
		return t.Name
	}
	return "member"
}

// fieldOf returns the SDK's field for a member. Go's spelling may differ in case.
func fieldOf(value reflect.Value, member string) reflect.Value {
	return value.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, member) })
}
