package aurora

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// elsewhere are the actions that docs/aurora.md names for some set-ups only.
var elsewhere = []string{"rds:CreateDBClusterSnapshot", "rds:StopDBCluster", "secretsmanager:GetSecretValue"}

// TestThePolicyAllowsExactlyWhatIsCalled compares the policy in docs/aurora.md with the calls in this package's sources.
func TestThePolicyAllowsExactlyWhatIsCalled(t *testing.T) {
	documented := append(policy(t), elsewhere...)
	called := calledActions(t)
	for _, action := range called {
		if !slices.Contains(documented, action) {
			t.Errorf("%s is called, and the policy does not allow it", action)
		}
	}
	for _, action := range documented {
		if !slices.Contains(called, action) {
			t.Errorf("the policy allows %s, which nothing calls", action)
		}
	}
}

// calledActions finds calls of the SDK's clients, and of its paginators, as IAM names them.
func calledActions(t *testing.T) (actions []string) {
	t.Helper()
	for _, found := range callForm.FindAllStringSubmatch(sourcesIn(t, "."), -1) {
		service, action := found[1]+found[3], found[2]+found[4]
		service = strings.NewReplacer("secrets", "secretsmanager", "applicationautoscaling", "application-autoscaling",
			"scaling", "application-autoscaling").Replace(service)
		actions = append(actions, service+":"+action)
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}

// sourcesIn is the text of a package without its tests.
func sourcesIn(t *testing.T, directory string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(source)
	}
	return all.String()
}

// policy are the actions of the policy in docs/aurora.md.
func policy(t *testing.T) (actions []string) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/aurora.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	text, _, _ := strings.Cut(rest, "```")
	var document struct {
		Statement []struct {
			Action any
		}
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	for _, s := range document.Statement {
		switch action := s.Action.(type) {
		case string:
			actions = append(actions, action)
		case []any:
			for _, a := range action {
				if name, is := a.(string); is {
					actions = append(actions, name)
				}
			}
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}

// callForm is a.rds.Action(ctx, ...) or rds.NewActionPaginator(a.rds, ...).
var callForm = regexp.MustCompile(`a\.(rds|ec2|secrets|scaling)\.([A-Z]\w+)\(|\b(rds|applicationautoscaling)\.New([A-Z]\w+)Paginator\(`)
