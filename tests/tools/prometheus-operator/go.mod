// The definitions of ServiceMonitor, PodMonitor and PrometheusRule; nothing of it is built.
module audit-mitigation-operator/tests/tools/prometheus-operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.92.0
