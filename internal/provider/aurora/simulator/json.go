package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"time"
)

// jsonAction is an action of a service that speaks AWS JSON 1.1 (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
type jsonAction func(body []byte) (any, error)

// jsonRequest makes an action whose request is read into the SDK's own input, and has no member besides.
func jsonRequest[In, Out any](do func(*In) (*Out, error)) jsonAction {
	return func(body []byte) (any, error) {
		input := new(In)
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(input); err != nil {
			return nil, &refusal{http.StatusBadRequest, "SerializationException", err.Error()}
		}
		return do(input)
	}
}

// answerJSON answers one of actions.
func answerJSON(q *call, actions map[string]jsonAction) (answer, error) {
	do, known := actions[q.action]
	if !known {
		return answer{}, &refusal{http.StatusBadRequest, "UnknownOperationException", "The simulator does not have " + q.action + "."}
	}
	output, err := do(q.body)
	if err != nil {
		return answer{}, err
	}
	content, err := json.Marshal(jsonOf(reflect.ValueOf(output)))
	return answer{content, "application/x-amz-json-1.1"}, err
}

// jsonOf is one of the SDK's values as JSON 1.1 has it: what is not set is left out, times are seconds.
func jsonOf(v reflect.Value) any {
	if t, ok := v.Interface().(time.Time); ok {
		return float64(t.UnixMilli()) / 1000 //nolint:mnd // milliseconds
	}
	switch v.Kind() {
	case reflect.Pointer:
		return jsonOf(v.Elem())
	case reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, jsonOf(v.Index(i)))
		}
		return list
	case reflect.Struct:
		members := map[string]any{}
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if field.IsExported() && field.Name != "ResultMetadata" && !v.Field(i).IsZero() {
				members[field.Name] = jsonOf(v.Field(i))
			}
		}
		return members
	default:
		return v.Interface()
	}
}
