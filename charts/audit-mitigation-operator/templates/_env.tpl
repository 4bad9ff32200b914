{{/* What the AWS SDK reads, the operator's limits, and the user's own. The limits are no flags, so that one in extraArgs
wins. No name stands twice, which helm 4 and the API server refuse: the user's wins. */}}
{{- define "operator.env" -}}
{{- $env := dict }}
{{- with .Values.aws }}
{{- if .region }}
{{- $_ := set $env "AWS_REGION" .region }}
{{- end }}
{{- if .endpointUrl }}
{{- $_ := set $env "AWS_ENDPOINT_URL_IOT" .endpointUrl }}
{{- end }}
{{- if .credentials.secretName }}
{{- $_ := set $env "AWS_SHARED_CREDENTIALS_FILE" (printf "/var/run/secrets/aws/%s" .credentials.secretKey) }}
{{- $_ := set $env "AWS_PROFILE" .credentials.profile }}
{{- end }}
{{- if .caBundle.configMapName }}
{{- $_ := set $env "AWS_CA_BUNDLE" (printf "/var/run/configmaps/aws-ca/%s" .caBundle.key) }}
{{- end }}
{{- end }}
{{- with .Values.limits }}
{{- $_ := set $env "MAX_RUNNING_TASKS" (toString .maxRunningTasks) }}
{{- $_ := set $env "MAX_START_RATE" (toString .maxStartRate) }}
{{- $_ := set $env "MAX_DESCRIBE_RATE" (toString .maxDescribeRate) }}
{{- $_ := set $env "MAX_CONCURRENT_RECONCILES" (toString .maxConcurrentReconciles) }}
{{- $_ := set $env "MIN_POLL_INTERVAL" .minPollInterval }}
{{- $_ := set $env "MAX_POLL_INTERVAL" .maxPollInterval }}
{{- $_ := set $env "AUDIT_POLL_INTERVAL" .auditPollInterval }}
{{- $_ := set $env "CANCEL_TIMEOUT" .cancelTimeout }}
{{- end }}
{{- range .Values.extraEnv }}
{{- $_ := unset $env .name }}
{{- end }}
{{- $list := list }}
{{- range $name, $value := $env }}
{{- $list = append $list (dict "name" $name "value" $value) }}
{{- end }}
{{- /* The user's last: they may refer to the others. */}}
{{- toYaml (concat $list .Values.extraEnv) }}
{{- end }}
