// The definitions of Flux's resources, as of Flux 2.9; nothing of it is built.
module audit-mitigation-operator/tests/tools/flux

go 1.26.0

require (
	github.com/fluxcd/helm-controller v1.6.4
	github.com/fluxcd/kustomize-controller v1.9.5
	github.com/fluxcd/source-controller v1.9.0
)
