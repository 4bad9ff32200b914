{{/* What a namespace may ask of AWS, for one kind of object. It looks at each request that may lead to a start, and at no
other: deletions, metadata, cancel and whatever else only ends or delays a task pass, also for what no rule would allow now.
`kind` is its word in messages, `request` the members of spec that say what is started. */}}
{{- define "operator.guard.tenants" -}}
{{- $name := .name }}
{{- $isTask := eq .kind "task" }}
{{- $request := .request }}
{{- $resource := .resource }}
{{- $kind := .kind }}
{{- with .root }}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ $name }}
  labels:
    {{- include "operator.labels" . | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    # Other versions of the API are converted to this one first.
    matchPolicy: Equivalent
    resourceRules:
      - apiGroups:
          - devicedefender.dev
        apiVersions:
          - v1alpha1
        operations:
          - CREATE
          - UPDATE
        resources:
          - {{ $resource }}
  matchConditions:
    {{- if $isTask }}
    # The operator's updates start nothing that wasn't admitted before. What it creates for a policy is judged like
    # anybody's, so that a rule which is taken away stops the next task.
    - name: no-update-of-the-operator
      expression: request.operation == "CREATE" || request.userInfo.username != {{ include "operator.guard.operator" . }}
    {{- end }}
    - name: may-lead-to-a-start
      expression: >-
        request.operation == "CREATE"
        {{- range $request }}
        || object.?spec.?{{ . }} != oldObject.?spec.?{{ . }}
        {{- end }}
        || oldObject.spec.?suspend.orValue(false) && !object.spec.?suspend.orValue(false)
  # Each step keeps the rules that allow what it looks at; the first that leaves none says why. So one rule has to
  # allow the whole task.
  variables:
    - name: labels
      expression: namespaceObject.metadata.?labels.orValue({})
    {{- range $index, $rule := .Values.tenantGuard.rules }}
    # Each for itself: an expression may have 100000 characters.
    - name: rule{{ $index }}
      expression: >-
        {{- include "operator.guard.rule" $rule | nindent 8 }}
    {{- end }}
    - name: rules
      expression: >-
        [
        {{- range $index, $rule := .Values.tenantGuard.rules }}
        {{- if $index }}, {{ end }}variables.rule{{ $index }}
        {{- end -}}
        ].filter(rule, rule.applies)
    - name: region
      expression: object.spec.?region.orValue("default")
    - name: checks
      expression: object.spec.auditCheckToActionsMapping.map(check, check)
    - name: actions
      expression: >-
        variables.checks.map(check, object.spec.auditCheckToActionsMapping[check])
    - name: inRegion
      expression: >-
        variables.rules.filter(rule, "*" in rule.regions || variables.region in rule.regions)
    - name: onTarget
      expression: >-
        variables.inRegion.filter(rule, rule.wholeAudits
        {{- if $isTask }} ||
        has(object.spec.target.findingIds) && !has(object.spec.target.auditTaskId) &&
        !has(object.spec.target.auditCheckToReasonCodeFilter)
        {{- end }})
    - name: ofChecks
      expression: >-
        variables.onTarget.filter(rule, "*" in rule.checks || variables.checks.all(check, check in rule.checks))
    - name: withActions
      expression: >-
        variables.ofChecks.filter(rule, "*" in rule.actions ||
        variables.actions.all(list, list.all(action, action in rule.actions)))
  validations:
    {{- if and $isTask .Values.tenantGuard.requireNamespacePrefix }}
    {{- range list "taskId" "clientRequestToken" }}
    - expression: object.spec.?{{ . }}.orValue(request.namespace + "_").startsWith(request.namespace + "_")
      reason: Forbidden
      message: {{ . }} has to begin with the namespace and an underscore; or leave it out
      messageExpression: >-
        "{{ . }} has to begin with " + request.namespace + "_, so that namespaces can't take each other's; or leave it out"
    {{- end }}
    {{- end }}
    - expression: variables.rules.size() > 0
      reason: Forbidden
      message: no rule allows tasks in this namespace
      messageExpression: >-
        "namespace " + request.namespace +
        " may start no tasks: ask who runs the operator for a rule (tenantGuard.rules of its Helm chart)"
    - expression: variables.rules.size() == 0 || variables.inRegion.size() > 0
      reason: Forbidden
      message: no rule allows this region in this namespace
      messageExpression: >-
        "namespace " + request.namespace + " may use the regions " +
        variables.rules.map(rule, rule.regions.join(", ")).join("; or ") +
        " (default: none named), not " + variables.region
    - expression: variables.inRegion.size() == 0 || variables.onTarget.size() > 0
      reason: Forbidden
      {{- if $isTask }}
      message: no rule allows whole audits in this namespace; name single findings in target.findingIds
      messageExpression: >-
        "namespace " + request.namespace + " may not act on whole audits (region " + variables.region +
        "): name single findings in target.findingIds, without auditTaskId and auditCheckToReasonCodeFilter"
      {{- else }}
      message: no rule allows whole audits in this namespace, which a policy acts on; write tasks for single findings
      messageExpression: >-
        "namespace " + request.namespace + " may not act on whole audits (region " + variables.region +
        "), as a policy does: write tasks that name single findings in target.findingIds"
      {{- end }}
    - expression: variables.onTarget.size() == 0 || variables.ofChecks.size() > 0
      reason: Forbidden
      message: no rule allows these checks in this namespace
      messageExpression: >-
        "namespace " + request.namespace + " may use the checks " +
        variables.onTarget.map(rule, rule.checks.join(", ")).join("; or ") +
        "; this {{ $kind }} has " + variables.checks.join(", ")
    - expression: variables.ofChecks.size() == 0 || variables.withActions.size() > 0
      reason: Forbidden
      message: no rule allows these actions in this namespace
      messageExpression: >-
        "namespace " + request.namespace + " may use the actions " +
        variables.ofChecks.map(rule, rule.actions.join(", ")).join("; or ") +
        " for these checks; this {{ $kind }} has " + variables.actions.map(list, list.join(", ")).join("; ")
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "operator.labels" . | nindent 4 }}
spec:
  policyName: {{ $name }}
  {{- include "operator.guard.binding" (dict "actions" .Values.tenantGuard.validationActions "watchNamespaces" .Values.watchNamespaces) | nindent 2 }}
{{- end }}
{{- end }}
