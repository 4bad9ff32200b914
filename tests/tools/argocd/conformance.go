package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// The shapes of the test files are those of util/lua/health_test.go and custom_actions_test.go of Argo CD.
type healthTests struct {
	Tests []struct {
		InputPath    string              `json:"inputPath"`
		HealthStatus health.HealthStatus `json:"healthStatus"`
	} `json:"tests"`
}

type actionTests struct {
	DiscoveryTests []struct {
		InputPath string                    `json:"inputPath"`
		Result    []v1alpha1.ResourceAction `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []struct {
		Action             string `json:"action"`
		InputPath          string `json:"inputPath"`
		ExpectedOutputPath string `json:"expectedOutputPath"`
	} `json:"actionTests"`
}

// report counts what failed.
type report struct {
	out    io.Writer
	failed int
}

func (r *report) tell(name string, expected, got any, err error) {
	switch {
	case err != nil:
		r.failed++
		fmt.Fprintf(r.out, "FAILED %s: %v\n", name, err)
	case !reflect.DeepEqual(expected, got):
		r.failed++
		fmt.Fprintf(r.out, "FAILED %s\n  expected %s\n  got      %s\n", name, shown(expected), shown(got))
	default:
		fmt.Fprintf(r.out, "ok %s\n", name)
	}
}

// test runs the test files of a folder over scripts. Where upstream's tests compare loosely, it compares exactly.
func test(scripts scripts, folder string, out io.Writer) error {
	report := &report{out: out}
	if err := testHealth(scripts, folder, report); err != nil {
		return err
	}
	if err := testActions(scripts, filepath.Join(folder, "actions"), report); err != nil {
		return err
	}
	if report.failed > 0 {
		return fmt.Errorf("%d tests failed", report.failed)
	}
	return nil
}

func testHealth(scripts scripts, folder string, report *report) error {
	var tests healthTests
	if err := read(&tests, folder, "health_test.yaml"); err != nil {
		return err
	}
	for _, test := range tests.Tests {
		object, err := object(folder, test.InputPath)
		if err != nil {
			return err
		}
		got, err := scripts.health(object)
		report.tell("health "+test.InputPath, &test.HealthStatus, got, err)
	}
	return nil
}

func testActions(scripts scripts, folder string, report *report) error {
	var tests actionTests
	if err := read(&tests, folder, "action_test.yaml"); err != nil {
		return err
	}
	for _, test := range tests.DiscoveryTests {
		object, err := object(folder, test.InputPath)
		if err != nil {
			return err
		}
		discovery, err := scripts.discovery(object)
		if err != nil {
			return err
		}
		// Upstream's test opens Lua's libraries; argocd-server doesn't.
		got, err := lua.VM{}.ExecuteResourceActionDiscovery(object, discovery)
		report.tell("discovery "+test.InputPath, sorted(test.Result), sorted(got), err)
	}
	for _, test := range tests.ActionTests {
		before, err := object(folder, test.InputPath)
		if err != nil {
			return err
		}
		expected, err := object(folder, test.ExpectedOutputPath)
		if err != nil {
			return err
		}
		got, err := act(scripts, before, test.Action)
		report.tell(test.Action+" "+test.InputPath, plain(expected), plain(got), err)
	}
	return nil
}

func read(into any, path ...string) error {
	bytes, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		return err
	}
	// Strictly: a misspelt key would test nothing.
	return yaml.UnmarshalStrict(bytes, into)
}

func object(path ...string) (*unstructured.Unstructured, error) {
	content := map[string]any{}
	return &unstructured.Unstructured{Object: content}, read(&content, path...)
}

// plain gives an object as JSON has it, for numbers come back from Lua in another type.
func plain(object *unstructured.Unstructured) any {
	if object == nil {
		return nil
	}
	var value any
	if err := json.Unmarshal([]byte(shown(object.Object)), &value); err != nil {
		return err
	}
	return value
}

func sorted(actions []v1alpha1.ResourceAction) []v1alpha1.ResourceAction {
	actions = append([]v1alpha1.ResourceAction{}, actions...)
	slices.SortFunc(actions, func(a, b v1alpha1.ResourceAction) int { return strings.Compare(a.Name, b.Name) })
	return actions
}

func shown(value any) string {
	bytes, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(bytes)
}
