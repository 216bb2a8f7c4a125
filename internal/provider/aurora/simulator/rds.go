package simulator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/query"
)

const (
	rdsNamespace = "http://rds.amazonaws.com/doc/2014-10-31/"
	rdsVersion   = "2014-10-31"
)

// rdsAction answers one action of RDS.
type rdsAction func(s *Simulator, q *call) (answer, error)

// rds answers the actions of RDS.
func (s *Simulator) rds(q *call) (answer, error) {
	if version := q.form.Get("Version"); version != rdsVersion {
		return answer{}, refuseAs("NoSuchVersion", "The requested version (%s) of service AmazonRDSv19 does not exist", version)
	}
	do, known := rdsActions()[q.action]
	if !known {
		return answer{}, refuseAs("InvalidAction", "Could not find operation %s for version %s; the simulator does not have it.", q.action, rdsVersion)
	}
	return do(s, q)
}

// sdkCall is a method of the SDK's client.
type sdkCall[In, Out any] func(*rds.Client, context.Context, *In, ...func(*rds.Options)) (*Out, error)

// action makes an action out of what answers it. Its request is read by the SDK's model, and has what the SDK itself demands.
func action[In, Out any](in, out *smithy.Schema, sdk sdkCall[In, Out], do func(*Simulator, *call, *In) (*Out, error)) rdsAction {
	return func(s *Simulator, q *call) (answer, error) {
		input := new(In)
		if err := query.Decode(q.form, in, input); err != nil {
			wrong, ok := errors.AsType[*query.MemberError](err)
			if !ok {
				return answer{}, err
			}
			return answer{}, refuseAs("MalformedInput", "%s", wrong.Error())
		}
		if err := demanded(s.validator, sdk, input); err != nil {
			return answer{}, err
		}
		output, err := do(s, q, input)
		if err != nil {
			return answer{}, err
		}
		return answer{query.Encode(q.action, rdsNamespace, q.id, out, output), "text/xml"}, nil
	}
}

var errDemandsMet = errors.New("the SDK would send it")

// demanded lets the SDK check a request for its required members, and stops it before it would send it.
func demanded[In, Out any](client *rds.Client, sdk sdkCall[In, Out], input *In) error {
	_, err := sdk(client, context.Background(), input, func(o *rds.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Serialize.Add(middleware.SerializeMiddlewareFunc("stop",
				func(context.Context, middleware.SerializeInput, middleware.SerializeHandler) (
					out middleware.SerializeOutput, metadata middleware.Metadata, err error,
				) {
					return out, metadata, errDemandsMet
				}), middleware.Before)
		})
	})
	missing, ok := errors.AsType[smithy.InvalidParamsError](err)
	switch {
	case errors.Is(err, errDemandsMet):
		return nil
	case ok:
		return refuseAs(missingParameter, "The request must contain the parameter %s.", strings.Join(names(missing), ", "))
	default:
		return fmt.Errorf("check a request: %w", err)
	}
}

// names lists the members that are missing.
func names(missing smithy.InvalidParamsError) []string {
	var all []string
	for _, err := range missing.Errs() {
		if e, ok := errors.AsType[smithy.InvalidParamError](err); ok {
			_, member, _ := strings.Cut(e.Field(), ".")
			all = append(all, member)
		}
	}
	return all
}
