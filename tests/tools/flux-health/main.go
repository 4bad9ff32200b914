// Command flux-health prints what Flux makes of Kubernetes objects by the healthCheckExprs of a Kustomization.
//
// Its argument is a JSON file with the list healthCheckExprs. It reads a stream of JSON objects from stdin and prints
// for each a line: its name and the status.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "use: flux-health EXPRESSIONS.json <OBJECTS.json")
		os.Exit(2)
	}
	if err := judge(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "flux-health:", err)
		os.Exit(1)
	}
}

func judge(expressions string, in io.Reader, out io.Writer) error {
	evaluators, err := compile(expressions)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(in)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		// The decoder of Kubernetes: numbers become int64 as in the controller.
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(raw); err != nil {
			return err
		}
		evaluator := evaluators[object.GetKind()]
		if evaluator == nil {
			return fmt.Errorf("%s has no expressions for %s", expressions, object.GetKind())
		}
		result, err := evaluator.Evaluate(context.Background(), &object)
		if err != nil {
			return fmt.Errorf("%s: %w", object.GetName(), err)
		}
		fmt.Fprintln(out, object.GetName(), result.Status)
	}
}

// compile gives the evaluators by kind.
func compile(path string) (map[string]*cel.StatusEvaluator, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var checks []kustomize.CustomHealthCheck
	if err := json.Unmarshal(bytes, &checks); err != nil {
		return nil, err
	}
	evaluators := map[string]*cel.StatusEvaluator{}
	for _, check := range checks {
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return nil, err
		}
		evaluators[check.Kind] = evaluator
	}
	return evaluators, nil
}
