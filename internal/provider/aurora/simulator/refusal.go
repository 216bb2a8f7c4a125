package simulator

import (
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
)

// refusal is an error as AWS answers it.
type refusal struct {
	status        int
	code, message string
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

// refuse answers with one of the service's modeled errors, whose code on the wire and status the model has.
func refuse(modeled *smithy.Schema, format string, args ...any) error {
	r := &refusal{status: http.StatusBadRequest, code: modeled.ID().Name, message: fmt.Sprintf(format, args...)}
	if wire, ok := smithy.SchemaTrait[*traits.AWSQueryError](modeled); ok {
		r.code, r.status = wire.ErrorCode, wire.StatusCode
	}
	return r
}

// The errors that every service has and no model (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html).
const (
	invalidParameterValue       = "InvalidParameterValue"
	invalidParameterCombination = "InvalidParameterCombination"
	missingParameter            = "MissingParameter"
	validationError             = "ValidationError"
)

// refuseAs answers with one of the errors that every service has.
func refuseAs(code, format string, args ...any) error {
	return &refusal{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}
