package main

import (
	"fmt"
	"io"
	"os"
	"time"

	cdcommon "github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/argo"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// How often a running sync is looked at where nothing changes.
const refresh = time.Second

// What Argo CD waits between two waves, for other controllers to see what was applied; its ARGOCD_SYNC_WAVE_DELAY.
const waveDelay = 2 * time.Second

// application is what a sync needs of Argo CD's Application.
type application struct {
	name      string
	options   v1alpha1.SyncOptions
	prune     bool
	namespace string
	revision  string
	targets   []*unstructured.Unstructured

	config    *rest.Config
	overrides map[string]v1alpha1.ResourceOverride
	live      cache.ClusterCache
}

// known is what Argo CD keeps of each resource in the cluster.
type known struct {
	// application is the one that the resource is tracked by.
	application string
	health      *health.HealthStatus
}

// synchronize runs one sync to its end, as SyncAppState of Argo CD's controller does step by step.
func synchronize(namespace, manifest, revision, manifests string, out io.Writer) error {
	app, err := load(namespace, manifest, revision, manifests)
	if err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	app.live.OnResourceUpdated(func(_, _ *cache.Resource, _ map[kube.ResourceKey]*cache.Resource) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	started := time.Now()
	phase, message := common.OperationRunning, ""
	var results []common.ResourceSyncResult
	for {
		phase, message, results, err = app.step(started, phase, message, results)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %s\n", phase, message)
		if phase.Completed() {
			break
		}
		select {
		case <-changed:
		case <-time.After(refresh):
		}
	}
	for _, result := range results {
		fmt.Fprintf(out, "%s/%s %s: %s\n", result.ResourceKey.Kind, result.ResourceKey.Name, result.Status, result.Message)
	}
	if !phase.Successful() {
		return fmt.Errorf("the sync is %s", phase)
	}
	return nil
}

// load reads the Application and its manifests, and the health scripts of argocd-cm in the namespace that the manifests
// go to.
func load(namespace, manifest, revision, manifests string) (*application, error) {
	config, overrides, err := configured(namespace)
	if err != nil {
		return nil, err
	}
	bytes, err := os.ReadFile(manifest)
	if err != nil {
		return nil, err
	}
	var app v1alpha1.Application
	if err := yaml.UnmarshalStrict(bytes, &app); err != nil {
		return nil, err
	}
	var options v1alpha1.SyncOptions
	prune := false
	if policy := app.Spec.SyncPolicy; policy != nil {
		options = policy.SyncOptions
		prune = policy.Automated != nil && policy.Automated.Prune
	}
	bytes, err = os.ReadFile(manifests)
	if err != nil {
		return nil, err
	}
	targets, err := kube.SplitYAML(bytes)
	if err != nil {
		return nil, err
	}
	tracking := argo.NewResourceTracking()
	live := cache.NewClusterCache(config,
		cache.SetNamespaces([]string{namespace}),
		cache.SetLogr(logr.Discard()),
		cache.SetPopulateResourceInfoHandler(func(object *unstructured.Unstructured, isRoot bool) (any, bool) {
			known := &known{}
			// One that has none, or whose script fails, shows none in Argo CD either.
			known.health, _ = health.GetResourceHealth(object, lua.ResourceHealthOverrides(overrides))
			if isRoot {
				known.application = tracking.GetAppName(object, "", v1alpha1.TrackingMethodAnnotation, "")
			}
			return known, known.application != ""
		}),
	)
	if err := live.EnsureSynced(); err != nil {
		return nil, err
	}
	for _, target := range targets {
		target.SetNamespace(namespace)
		if err := tracking.SetAppInstance(target, "", app.Name, namespace, v1alpha1.TrackingMethodAnnotation, ""); err != nil {
			return nil, err
		}
	}
	return &application{app.Name, options, prune, namespace, revision, targets, config, overrides, live}, nil
}

// compare finds what is managed in the cluster, and pairs it with the manifests.
func (a *application) compare() (sync.ReconciliationResult, error) {
	live, err := a.live.GetManagedLiveObjs(a.targets, func(resource *cache.Resource) bool {
		return resource.Info.(*known).application == a.name
	})
	if err != nil {
		return sync.ReconciliationResult{}, err
	}
	return sync.Reconcile(a.targets, live, a.namespace, a.live), nil
}

// step looks at the cluster afresh and does what is next, beginning where the last step ended.
func (a *application) step(
	started time.Time, phase common.OperationPhase, message string, results []common.ResourceSyncResult,
) (common.OperationPhase, string, []common.ResourceSyncResult, error) {
	pairs, err := a.compare()
	if err != nil {
		return "", "", nil, err
	}
	for i := range results {
		results[i].Order = i + 1
	}
	// Argo CD's default.
	propagation := metav1.DeletePropagationForeground
	step, cleanup, err := sync.NewSyncContext(
		a.revision,
		pairs,
		a.config,
		a.config,
		&kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}},
		a.namespace,
		a.live.GetOpenAPISchema(),
		sync.WithLogr(logr.Discard()),
		sync.WithHealthOverride(lua.ResourceHealthOverrides(a.overrides)),
		sync.WithInitialState(phase, message, results, metav1.NewTime(started)),
		sync.WithPrune(a.prune),
		sync.WithPrunePropagationPolicy(&propagation),
		sync.WithReplace(a.options.HasOption(common.SyncOptionReplace)),
		sync.WithServerSideApply(a.options.HasOption(common.SyncOptionServerSideApply)),
		sync.WithServerSideApplyManager(cdcommon.ArgoCDSSAManager),
		sync.WithSkipDryRunOnMissingResource(a.options.HasOption(common.SyncOptionSkipDryRunOnMissingResource)),
		sync.WithSyncWaveHook(func(_ common.SyncPhase, _ int, final bool) error {
			if !final {
				time.Sleep(waveDelay)
			}
			return nil
		}),
	)
	if err != nil {
		return "", "", nil, err
	}
	defer cleanup()
	step.Sync()
	phase, message, results = step.GetState()
	return phase, message, results, nil
}
