{{/* What the AWS SDK reads, and the user's own. No name stands twice, which helm 4 and the API server refuse: the user's
wins. */}}
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
