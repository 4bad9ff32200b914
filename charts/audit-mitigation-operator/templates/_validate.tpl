{{/* Values that the schema accepts one by one and that contradict each other. */}}
{{- define "operator.validate" -}}
{{- if and (hasKey .Values "enabled") (not .Values.enabled) }}
{{- fail "enabled is false, and the chart is rendered all the same: name it as the condition of this dependency in the parent's Chart.yaml" }}
{{- end }}
{{- if and (not .Values.leaderElection.enabled) (gt (int .Values.replicaCount) 1) }}
{{- fail "leaderElection.enabled is false: set replicaCount to 1, or several pods would do the same work" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.metrics.service.enabled) }}
{{- fail "serviceMonitor.enabled needs metrics.service.enabled: set it, or take podMonitor.enabled instead" }}
{{- end }}
{{- if and .Values.tenantGuard.enabled (not .Values.tenantGuard.rules) }}
{{- fail "tenantGuard.enabled without tenantGuard.rules refuses every task: add a rule" }}
{{- end }}
{{- with .Values.approvalGuard }}
{{- if and (not .required) (or (ne (toString .maxFindings) "") (ne (toString .maxPercent) "")) }}
{{- fail "approvalGuard.maxFindings and maxPercent need approvalGuard.required: set it, or leave them empty" }}
{{- end }}
{{- if and .required (not .enabled) }}
{{- fail "approvalGuard.required needs approvalGuard.enabled: set it" }}
{{- end }}
{{- end }}
{{- end }}
