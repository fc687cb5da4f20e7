{{- define "reverie.labels" -}}
app.kubernetes.io/name: reverie
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "reverie.meta" -}}
{{ include "reverie.labels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "reverie.image" -}}
{{ printf "%s/%s:%s" .root.Values.image.repository .image (default .root.Chart.AppVersion .root.Values.image.tag) | quote }}
{{- end }}

{{- define "reverie.secretName" -}}
{{- if .Values.existingSecret }}{{ .Values.existingSecret }}{{ else }}{{ .Release.Name }}-reverie{{ end -}}
{{- end }}

{{- /* What every pod is: nobody special, on a root it cannot write. */ -}}
{{- define "reverie.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "reverie.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* Where the servers are. The secrets are files, so that neither `kubectl describe` nor a child's environment shows them. */ -}}
{{- define "reverie.environment" -}}
- {name: REVERIE_DATABASE_URL_FILE, value: /run/secrets/reverie/database-url}
- {name: REVERIE_REDIS_URL_FILE, value: /run/secrets/reverie/redis-url}
{{- if or .Values.secret.brokerUrl .Values.brokerInSecret }}
- {name: REVERIE_BROKER_URL_FILE, value: /run/secrets/reverie/broker-url}
{{- end }}
{{- range $name, $value := .Values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "reverie.mounts" -}}
- {name: secrets, mountPath: /run/secrets/reverie, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "reverie.volumes" -}}
- name: secrets
  secret: {secretName: {{ include "reverie.secretName" . }}, defaultMode: 0440}
- name: tmp
  emptyDir: {}
{{- end }}
