package query

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// MemberError says which member of a request is wrong, and how.
type MemberError struct {
	Member string // as the form has it, such as Tags.Tag.1.Key
	Reason string
}

func (e *MemberError) Error() string { return e.Member + ": " + e.Reason }

// node is a part of a form, whose names are paths with dots.
type node struct {
	value    string
	children map[string]*node
}

// Decode reads form, without Action and Version, into the struct that into points to. An error is a *MemberError.
func Decode(form url.Values, schema *smithy.Schema, into any) error {
	root := &node{}
	for name, values := range form {
		if name == "Action" || name == "Version" {
			continue
		}
		at := root
		for part := range strings.SplitSeq(name, ".") {
			if at.children == nil {
				at.children = map[string]*node{}
			}
			if at.children[part] == nil {
				at.children[part] = &node{}
			}
			at = at.children[part]
		}
		at.value = values[0]
	}
	return decodeStruct(root, schema, reflect.ValueOf(into).Elem(), "")
}

func decodeStruct(n *node, schema *smithy.Schema, into reflect.Value, path string) error {
	for name, child := range n.children {
		var member *smithy.Schema
		for _, m := range schema.Members() {
			if wireName(m) == name {
				member = m
			}
		}
		if member == nil {
			return &MemberError{path + name, "the model has no such member"}
		}
		field := fieldOf(into, member.MemberName())
		if !field.IsValid() {
			return &MemberError{path + name, "the SDK has no such field"}
		}
		if err := decodeValue(child, member, field, path+name); err != nil {
			return err
		}
	}
	return nil
}

func decodeValue(n *node, schema *smithy.Schema, into reflect.Value, path string) error {
	_, isTime := into.Interface().(time.Time)
	switch kind := into.Kind(); {
	case kind == reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return decodeValue(n, schema, into.Elem(), path)
	case kind == reflect.Slice:
		return decodeList(n, schema, into, path)
	case kind == reflect.Struct && !isTime:
		return decodeStruct(n, schema, into, path+".")
	}
	if n.children != nil {
		return &MemberError{path, "it is no structure"}
	}
	if err := decodeScalar(n.value, into); err != nil {
		return &MemberError{path, fmt.Sprintf("%q is no %s", n.value, into.Type())}
	}
	return nil
}

// decodeList reads Name.Item.1 and on. An empty list is Name with an empty value.
func decodeList(n *node, schema *smithy.Schema, into reflect.Value, path string) error {
	items := n.children
	if inner := items[itemName(schema)]; inner != nil {
		items = inner.children
	}
	numbers := make([]int, 0, len(items))
	for name := range items {
		number, err := strconv.Atoi(name)
		if err != nil {
			return &MemberError{path + "." + name, "an element of a list has a number"}
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	list := reflect.MakeSlice(into.Type(), len(numbers), len(numbers))
	for i, number := range numbers {
		name := strconv.Itoa(number)
		if err := decodeValue(items[name], schema.ListMember(), list.Index(i), path+"."+name); err != nil {
			return err
		}
	}
	into.Set(list)
	return nil
}

func decodeScalar(text string, into reflect.Value) error {
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
	case reflect.Bool:
		v, err := strconv.ParseBool(text)
		into.SetBool(v)
		return err
	case reflect.Int32, reflect.Int64:
		v, err := strconv.ParseInt(text, 10, into.Type().Bits())
		into.SetInt(v)
		return err
	case reflect.Float64:
		v, err := strconv.ParseFloat(text, 64)
		into.SetFloat(v)
		return err
	case reflect.Struct: // only a time comes here
		v, err := time.Parse(time.RFC3339, text)
		into.Set(reflect.ValueOf(v))
		return err
	default:
		return fmt.Errorf("read a %s", into.Kind())
	}
	return nil
}
