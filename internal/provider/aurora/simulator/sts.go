package simulator

import (
	"encoding/xml"
	"fmt"
)

// sts answers GetCallerIdentity (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
func (s *Simulator) sts(q *call) (answer, error) {
	if q.action != "GetCallerIdentity" {
		return answer{}, refuseAs("InvalidAction", "Could not find operation %s; the simulator does not have it.", q.action)
	}
	return answer{fmt.Appendf([]byte(xml.Header), `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
		`<Arn>arn:aws:iam::%[1]s:user/simulated</Arn><UserId>AIDASIMULATED</UserId><Account>%[1]s</Account></GetCallerIdentityResult>`+
		`<ResponseMetadata><RequestId>%[2]s</RequestId></ResponseMetadata></GetCallerIdentityResponse>`, Account, q.id), "text/xml"}, nil
}
