package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// scripts is where Argo CD finds the scripts of a resource.
type scripts interface {
	// health gives the health of an object, in a VM with the libraries that the script gets there.
	health(object *unstructured.Unstructured) (*health.HealthStatus, error)
	// discovery gives the scripts that name an object's actions.
	discovery(object *unstructured.Unstructured) ([]string, error)
	// action gives the script of an action.
	action(object *unstructured.Unstructured, name string) (string, error)
}

// folder has the files of Argo CD's resource_customizations/GROUP/KIND.
type folder struct{ path string }

func (f folder) read(path ...string) (string, error) {
	bytes, err := os.ReadFile(filepath.Join(append([]string{f.path}, path...)...))
	return string(bytes), err
}

func (f folder) health(object *unstructured.Unstructured) (*health.HealthStatus, error) {
	script, err := f.read("health.lua")
	if err != nil {
		return nil, err
	}
	// Argo CD opens Lua's libraries to the scripts that it ships.
	return lua.VM{UseOpenLibs: true}.ExecuteHealthLua(object, script)
}

func (f folder) discovery(*unstructured.Unstructured) ([]string, error) {
	script, err := f.read("actions", "discovery.lua")
	return []string{script}, err
}

func (f folder) action(_ *unstructured.Unstructured, name string) (string, error) {
	return f.read("actions", name, "action.lua")
}

// overridden has what Argo CD read from argocd-cm.
type overridden struct {
	overrides map[string]v1alpha1.ResourceOverride
}

func (o overridden) vm() lua.VM {
	return lua.VM{ResourceOverrides: o.overrides}
}

func (o overridden) health(object *unstructured.Unstructured) (*health.HealthStatus, error) {
	status, err := lua.ResourceHealthOverrides(o.overrides).GetResourceHealth(object)
	if err == nil && status == nil {
		err = errors.New("argocd-cm has no health script for this kind")
	}
	return status, err
}

func (o overridden) discovery(object *unstructured.Unstructured) ([]string, error) {
	return o.vm().GetResourceActionDiscovery(object)
}

func (o overridden) action(object *unstructured.Unstructured, name string) (string, error) {
	definition, err := o.vm().GetResourceAction(object, name)
	return definition.ActionLua, err
}

// act runs an action, which has to change the object itself and nothing else.
func act(scripts scripts, object *unstructured.Unstructured, name string) (*unstructured.Unstructured, error) {
	script, err := scripts.action(object, name)
	if err != nil {
		return nil, err
	}
	impacted, err := lua.VM{}.ExecuteResourceAction(object, script, nil)
	if err != nil {
		return nil, err
	}
	if len(impacted) != 1 || impacted[0].K8SOperation != lua.PatchOperation {
		return nil, fmt.Errorf("the action %s doesn't patch the one object", name)
	}
	return impacted[0].UnstructuredObj, nil
}
