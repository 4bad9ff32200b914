{{/* Names leave room for suffixes within the 63 characters of a Service's name. */}}
{{- define "operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* What belongs to no namespace carries it in its name, so that releases of one name don't meet. */}}
{{- define "operator.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "operator.fullname" .) }}
{{- end }}

{{- define "operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.create is false: set serviceAccount.name to one that exists" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The pod of `helm test`, beside the others in the NetworkPolicy and in nothing else. */}}
{{- define "operator.checkName" -}}
{{- printf "%s-check" (include "operator.name" .) }}
{{- end }}

{{- define "operator.leaseName" -}}
{{- default (include "operator.fullname" .) .Values.leaderElection.leaseName }}
{{- end }}

{{- define "operator.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The chart's own labels win, or a common one could take the pods from their Deployment. */}}
{{- define "operator.labels" -}}
{{- $own := include "operator.selectorLabels" . | fromYaml }}
{{- $_ := set $own "app.kubernetes.io/version" (.Chart.AppVersion | toString) }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $own "app.kubernetes.io/part-of" .Chart.Name }}
{{- $_ := set $own "helm.sh/chart" (include "operator.chart" .) }}
{{- mergeOverwrite (deepCopy .Values.commonLabels) $own | toYaml }}
{{- end }}

{{- define "operator.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The operator's rights to the resources that it watches. */}}
{{- define "operator.rules" -}}
- apiGroups:
    - devicedefender.dev
  resources:
    - auditmitigationtasks
  # create: tasks of policies. patch: the finalizer and the record of a start. delete: ttlSecondsAfterFinished, and tasks of
  # policies that are superseded or too many.
  verbs:
    - get
    - list
    - watch
    - create
    - patch
    - delete
- apiGroups:
    - devicedefender.dev
  resources:
    - auditmitigationtasks/status
  verbs:
    - patch
- apiGroups:
    - devicedefender.dev
  resources:
    - auditmitigationpolicies
  verbs:
    - get
    - list
    - watch
- apiGroups:
    - devicedefender.dev
  resources:
    - auditmitigationpolicies/status
  verbs:
    - patch
- apiGroups:
    - events.k8s.io
  resources:
    - events
  # patch: an event that repeats is counted in the one that exists.
  verbs:
    - create
    - patch
{{- end }}

{{/* What a ServiceMonitor and a PodMonitor say of their endpoint alike. */}}
{{- define "operator.endpoint" -}}
- port: http
  path: /metrics
  {{- with .interval }}
  interval: {{ . }}
  {{- end }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  honorLabels: {{ .honorLabels }}
  {{- with .relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
