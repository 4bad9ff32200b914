package main

import (
	"fmt"
	"io"

	cdcommon "github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/go-logr/logr"
)

// tree prints a line for each resource of the Application, with its sync status and health, as CompareAppState of Argo
// CD's controller finds them, and a line for each resource that these own, with its health.
func tree(namespace, manifest, manifests string, out io.Writer) error {
	app, err := load(namespace, manifest, "", manifests)
	if err != nil {
		return err
	}
	pairs, err := app.compare()
	if err != nil {
		return err
	}
	differences, err := diff.DiffArray(pairs.Target, pairs.Live,
		diff.WithLogr(logr.Discard()),
		diff.WithNormalizer(diff.GetNoopNormalizer()),
		diff.WithStructuredMergeDiff(app.options.HasOption(common.SyncOptionServerSideApply)),
		diff.WithGVKParser(app.live.GetGVKParser()),
		diff.WithManager(cdcommon.ArgoCDSSAManager),
	)
	if err != nil {
		return err
	}
	statuses := map[kube.ResourceKey]v1alpha1.SyncStatusCode{}
	var roots []kube.ResourceKey
	for i, target := range pairs.Target {
		live := pairs.Live[i]
		if live == nil {
			fmt.Fprintf(out, "%s/%s %s Missing\n", target.GetKind(), target.GetName(), v1alpha1.SyncStatusCodeOutOfSync)
			continue
		}
		key := kube.GetResourceKey(live)
		roots = append(roots, key)
		statuses[key] = v1alpha1.SyncStatusCodeSynced
		if target == nil || differences.Diffs[i].Modified {
			statuses[key] = v1alpha1.SyncStatusCodeOutOfSync
		}
	}
	app.live.IterateHierarchyV2(roots, func(resource *cache.Resource, _ map[kube.ResourceKey]*cache.Resource) bool {
		key := resource.ResourceKey()
		relation := string(statuses[key])
		if relation == "" {
			relation = fmt.Sprintf("of %s/%s", resource.OwnerRefs[0].Kind, resource.OwnerRefs[0].Name)
		}
		health := "without health"
		if known := resource.Info.(*known); known.health != nil {
			health = string(known.health.Status)
		}
		fmt.Fprintf(out, "%s/%s %s %s\n", key.Kind, key.Name, relation, health)
		return true
	})
	return nil
}
