// Command kstatus prints what kstatus, the library by which Flux and Helm judge a resource, makes of Kubernetes objects.
//
// It reads a stream of JSON objects from stdin and prints for each a line of JSON: the status, its message, and the
// standard conditions that kstatus computes.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// verdict is status.Result with names for JSON.
type verdict struct {
	Status     status.Status      `json:"status"`
	Message    string             `json:"message"`
	Conditions []status.Condition `json:"conditions"`
}

func main() {
	if err := judge(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func judge(in io.Reader, out io.Writer) error {
	decoder := json.NewDecoder(in)
	encoder := json.NewEncoder(out)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("stdin is not a stream of JSON objects: %w", err)
		}
		// The decoder of Kubernetes: numbers become int64 as kstatus expects, and apiVersion and kind must be there.
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("not a Kubernetes object: %w", err)
		}
		result, err := status.Compute(&object)
		if err != nil {
			return fmt.Errorf("kstatus can't judge %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if err := encoder.Encode(verdict(*result)); err != nil {
			return err
		}
	}
}
