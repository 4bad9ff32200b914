// Command argocd does what Argo CD does with a custom resource, by its own libraries.
//
//	argocd files FOLDER               tests the scripts of a folder, as Argo CD's tests do upstream
//	argocd configmap NAMESPACE FOLDER tests the scripts of argocd-cm in the cluster of $KUBECONFIG on the same test data
//	argocd action NAME FOLDER         reads an object as JSON, prints the patch that Argo CD sends for an action on it
//	argocd sync NAMESPACE APPLICATION REVISION FILE
//	                                  applies the manifests of FILE to NAMESPACE of the cluster of $KUBECONFIG as a sync
//	                                  does, with the sync options of the Application in the file APPLICATION, and the
//	                                  health scripts of argocd-cm in NAMESPACE
//	argocd tree NAMESPACE APPLICATION FILE
//	                                  prints what the Application shows with these manifests: its resources with their
//	                                  sync status and health, and what they own
//
// FOLDER is laid out like resource_customizations/GROUP/KIND in Argo CD. The first two print a line for each test,
// `sync` a line for each step, and then for each resource; it fails when the sync does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/settings"
	jsonpatch "github.com/evanphx/json-patch"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "argocd:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "files":
		return test(folder{args[1]}, args[1], os.Stdout)
	case len(args) == 3 && args[0] == "configmap":
		_, overrides, err := configured(args[1])
		if err != nil {
			return err
		}
		return test(overridden{overrides}, args[2], os.Stdout)
	case len(args) == 3 && args[0] == "action":
		return patch(folder{args[2]}, args[1], os.Stdin, os.Stdout)
	case len(args) == 5 && args[0] == "sync":
		return synchronize(args[1], args[2], args[3], args[4], os.Stdout)
	case len(args) == 4 && args[0] == "tree":
		return tree(args[1], args[2], args[3], os.Stdout)
	}
	return errors.New("use: files FOLDER, configmap NAMESPACE FOLDER, action NAME FOLDER, " +
		"sync NAMESPACE APPLICATION REVISION FILE, tree NAMESPACE APPLICATION FILE")
}

// configured reads argocd-cm as Argo CD does, from the API server.
func configured(namespace string) (*rest.Config, map[string]v1alpha1.ResourceOverride, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	overrides, err := settings.NewSettingsManager(context.Background(), client, namespace).GetResourceOverrides()
	return config, overrides, err
}

// patch prints the merge patch that Argo CD's API server makes of what an action returns.
func patch(scripts scripts, action string, in io.Reader, out io.Writer) error {
	before, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var object unstructured.Unstructured
	if err := object.UnmarshalJSON(before); err != nil {
		return err
	}
	after, err := act(scripts, &object, action)
	if err != nil {
		return err
	}
	bytes, err := json.Marshal(after)
	if err != nil {
		return err
	}
	patch, err := jsonpatch.CreateMergePatch(before, bytes)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, string(patch))
	return err
}
