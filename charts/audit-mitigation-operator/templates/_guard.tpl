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

{{/* The operator's account as CEL. */}}
{{- define "operator.guard.operator" -}}
"system:serviceaccount:{{ .Release.Namespace }}:{{ include "operator.serviceAccountName" . }}"
{{- end }}

{{- define "operator.guard.notTheOperator" -}}
- name: not-the-operator
  expression: request.userInfo.username != {{ include "operator.guard.operator" . }}
{{- end }}

{{/* How far `object` or `oldObject` may go without approval, in findings or percent, as CEL: -1 where each run has to be
approved, and more than any number where nothing bounds it. */}}
{{- define "operator.guard.bound" -}}
{{- $approval := printf "%s.?spec.?approval" .of -}}
{{ $approval }}.hasValue() && !{{ $approval }}.?requiredAbove.hasValue() ? -1 :
{{ $approval }}.?requiredAbove.?{{ .bound }}.orValue({{ include "operator.guard.unbounded" . }})
{{- end }}

{{/* The largest integer of CEL. */}}
{{- define "operator.guard.unbounded" -}}
9223372036854775807
{{- end }}

{{/* Where an operator doesn't act there is nothing to guard, and another release may have rules of its own. */}}
{{- define "operator.guard.binding" -}}
validationActions:
  {{- toYaml .actions | nindent 2 }}
{{- with .watchNamespaces }}
matchResources:
  namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values:
          {{- toYaml . | nindent 10 }}
{{- end }}
{{- end }}
