package aurora

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// The tags of whatever pgteal makes. They go when the upgrade is finished.
const (
	tagUpgrade = "pgteal:upgrade"             // the upgrade's id
	tagBlue    = "pgteal:blue"                // on green: resource id of the DB cluster that it was cloned from, which no renaming changes
	tagProtect = "pgteal:deletion-protection" // on green: whether blue was protected from deletion, which green is to be in the end
	tagWhole   = "pgteal:complete"            // on green: it has all that Complete gives it
	tagPrefix  = "pgteal:"
)

// valueOf returns a tag's value, "" where there is none.
func valueOf(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// ours tells whether this upgrade made what bears tags.
func (a *Aurora) ours(tags []types.Tag) bool {
	return a.upgrade != "" && valueOf(tags, tagUpgrade) == a.upgrade
}

// tagsLike returns tags for something of pgteal's: that it is, the operator's own from what it is made after, and more.
func (a *Aurora) tagsLike(model []types.Tag, more ...types.Tag) []types.Tag {
	tags := append([]types.Tag{tag(tagUpgrade, a.upgrade)}, more...)
	for _, t := range model {
		if key := aws.ToString(t.Key); !strings.HasPrefix(key, "aws:") && !strings.HasPrefix(key, tagPrefix) { // aws: is AWS's own
			tags = append(tags, t)
		}
	}
	slices.SortFunc(tags, func(a, b types.Tag) int { return cmp.Compare(*a.Key, *b.Key) })
	return tags
}

func tag(key, value string) types.Tag {
	return types.Tag{Key: aws.String(key), Value: aws.String(value)}
}
