{{/* What the operator's pods and the pod of `helm test` have in common, so that the test proves something of them. */}}
{{- define "operator.pod" -}}
serviceAccountName: {{ include "operator.serviceAccountName" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
# The variables of other Services of the namespace are none of the operator's business.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "operator.securityContext" (list . .Values.podSecurityContext) }}
securityContext:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or .Values.aws.credentials.secretName .Values.aws.caBundle.configMapName .Values.extraVolumes }}
volumes:
  {{- with .Values.aws.credentials.secretName }}
  - name: aws-credentials
    secret:
      secretName: {{ . }}
  {{- end }}
  {{- with .Values.aws.caBundle.configMapName }}
  - name: aws-ca
    configMap:
      name: {{ . }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with .Values.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A security context, without the ids where the platform gives its own. A user can't always take them out by null:
helm 4 drops the nulls of a parent chart's values.yaml. */}}
{{- define "operator.securityContext" -}}
{{- $root := index . 0 }}
{{- $context := index . 1 }}
{{- $mode := $root.Values.openshift.adaptSecurityContext }}
{{- $isOpenShift := $root.Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- if or (eq $mode "force") (and (eq $mode "auto") $isOpenShift) }}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" }}
{{- end }}
{{- with $context }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* The same of their container, but for what it is told to do. */}}
{{- define "operator.container" -}}
name: operator
image: {{ include "operator.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- include "operator.env" . | nindent 2 }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "operator.securityContext" (list . .Values.securityContext) }}
securityContext:
  {{- . | nindent 2 }}
{{- end }}
{{- if or .Values.aws.credentials.secretName .Values.aws.caBundle.configMapName .Values.extraVolumeMounts }}
volumeMounts:
  {{- if .Values.aws.credentials.secretName }}
  - name: aws-credentials
    mountPath: /var/run/secrets/aws
    readOnly: true
  {{- end }}
  {{- if .Values.aws.caBundle.configMapName }}
  - name: aws-ca
    mountPath: /var/run/configmaps/aws-ca
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "operator.httpAddress" -}}
{{- with .Values.metrics }}
{{- contains ":" .address | ternary (printf "[%s]" .address) .address }}:{{ .port }}
{{- end }}
{{- end }}

{{- define "operator.flags" -}}
- {{ printf "--http-addr=%s" (include "operator.httpAddress" .) | quote }}
- --log-format={{ .Values.log.format }}
- {{ printf "--log-level=%s" .Values.log.level | quote }}
{{- with .Values.watchNamespaces }}
- --watch-namespaces={{ join "," . }}
{{- end }}
- --leader-elect={{ .Values.leaderElection.enabled }}
{{- if .Values.leaderElection.enabled }}
- --lease-namespace={{ .Release.Namespace }}
- --lease-name={{ include "operator.leaseName" . }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ tpl . $ | quote }}
{{- end }}
{{- end }}
