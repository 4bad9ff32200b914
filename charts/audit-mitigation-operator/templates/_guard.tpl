{{/* Whether a rule applies to the namespace of the request, as CEL: its name is listed, or its labels match. */}}
{{- define "operator.guard.applies" -}}
{{- $ways := list }}
{{- if has "*" .namespaces }}
{{- $ways = append $ways "true" }}
{{- else if .namespaces }}
{{- $ways = append $ways (printf "request.namespace in %s" (toJson .namespaces)) }}
{{- end }}
{{- with .namespaceSelector }}
{{- $all := list }}
{{- range $key, $value := .matchLabels }}
{{- $all = append $all (printf "(%s in variables.labels && variables.labels[%s] == %s)" (toJson $key) (toJson $key) (toJson $value)) }}
{{- end }}
{{- range .matchExpressions }}
{{- $key := toJson .key }}
{{- $is := printf "%s in variables.labels" $key }}
{{- if has .operator (list "In" "NotIn") }}
{{- $is = printf "%s && variables.labels[%s] in %s" $is $key (toJson .values) }}
{{- end }}
{{- $all = append $all (printf "%s(%s)" (has .operator (list "NotIn" "DoesNotExist") | ternary "!" "") $is) }}
{{- end }}
{{- $ways = append $ways (join " && " $all) }}
{{- end }}
{{- join " || " $ways }}
{{- end }}

{{/* A rule as CEL. dyn(): the values of a map in CEL are of one type otherwise. */}}
{{- define "operator.guard.rule" -}}
{"applies": dyn({{ include "operator.guard.applies" . }}),
"regions": dyn({{ toJson .regions }}),
"wholeAudits": dyn({{ .wholeAudits | default false }}),
"checks": dyn({{ toJson .checks }}),
"actions": dyn({{ toJson .actions }})}
{{- end }}

{{/* The operator itself is never held up: it starts nothing that wasn't admitted before. */}}
{{- define "operator.guard.notTheOperator" -}}
- name: not-the-operator
  expression: >-
    request.userInfo.username !=
    "system:serviceaccount:{{ .Release.Namespace }}:{{ include "operator.serviceAccountName" . }}"
{{- end }}

{{/* Where an operator doesn't act there is nothing to guard, and another release may have rules of its own. */}}
{{- define "operator.guard.binding" -}}
validationActions:
  {{- toYaml .Values.tenantGuard.validationActions | nindent 2 }}
{{- with .Values.watchNamespaces }}
matchResources:
  namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values:
          {{- toYaml . | nindent 10 }}
{{- end }}
{{- end }}
