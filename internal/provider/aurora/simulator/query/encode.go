package query

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// Encode writes the answer to action. output points to one of the SDK's outputs; what is not set in it is left
// out. schema is nil where the model has no output.
func Encode(action, namespace, requestID string, schema *smithy.Schema, output any) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, "<%sResponse xmlns=%q><%sResult>", action, namespace, action)
	if schema != nil {
		encodeStruct(&b, schema, reflect.ValueOf(output).Elem())
	}
	fmt.Fprintf(&b, "</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", action, requestID, action)
	return b.Bytes()
}

// EncodeError writes an error as the query protocol has it.
func EncodeError(namespace, requestID, kind, code, message string) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, "<ErrorResponse xmlns=%q><Error><Type>%s</Type><Code>%s</Code><Message>", namespace, kind, code)
	escape(&b, message)
	fmt.Fprintf(&b, "</Message></Error><RequestId>%s</RequestId></ErrorResponse>", requestID)
	return b.Bytes()
}

func encodeStruct(b *bytes.Buffer, schema *smithy.Schema, from reflect.Value) {
	for i := range from.NumField() {
		if !from.Type().Field(i).IsExported() {
			continue
		}
		name := from.Type().Field(i).Name
		for _, member := range schema.Members() {
			if strings.EqualFold(name, member.MemberName()) {
				encodeValue(b, wireName(member), member, from.Field(i))
			}
		}
	}
}

func encodeValue(b *bytes.Buffer, name string, schema *smithy.Schema, from reflect.Value) {
	if from.Kind() == reflect.Pointer {
		if !from.IsNil() {
			encodeValue(b, name, schema, from.Elem())
		}
		return
	}
	if from.Kind() == reflect.Slice && from.IsNil() || from.Kind() == reflect.String && from.Len() == 0 && from.Type() != reflect.TypeFor[string]() {
		return // an enumeration that is not set, too
	}
	fmt.Fprintf(b, "<%s>", name)
	switch v := from.Interface().(type) {
	case time.Time:
		b.WriteString(v.UTC().Format("2006-01-02T15:04:05.000Z"))
	case string:
		escape(b, v)
	default:
		switch from.Kind() {
		case reflect.Slice:
			for i := range from.Len() {
				encodeValue(b, itemName(schema), schema.ListMember(), from.Index(i))
			}
		case reflect.Struct:
			encodeStruct(b, schema, from)
		default:
			escape(b, fmt.Sprint(v))
		}
	}
	fmt.Fprintf(b, "</%s>", name)
}

func escape(b *bytes.Buffer, text string) {
	_ = xml.EscapeText(b, []byte(text)) // memory takes everything
}

// Text escapes text for XML.
func Text(text string) string {
	var b bytes.Buffer
	escape(&b, text)
	return b.String()
}
