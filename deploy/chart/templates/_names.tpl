{{- define "remission.name" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 45 | trimSuffix "-" -}}
{{- end }}

{{- define "remission.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "remission.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "remission.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* A chart without its secret would start pods that wait for ever: say it before. */}}
{{- define "remission.secret" -}}
{{- required "secrets.name: name the Secret that holds site.key (docs/deploy.md, Kubernetes)" .Values.secrets.name -}}
{{- end }}

{{- define "remission.environment" -}}
- {name: FHIR_REMISSION__SITE__KEY_FILE, value: /etc/fhir-remission/secrets/site.key}
- {name: FHIR_REMISSION__AUDIT__FILE, value: /var/lib/fhir-remission/audit.jsonl}
- {name: FHIR_REMISSION__LOG__FORMAT, value: json}
{{- if .Values.overlay }}
- {name: FHIR_REMISSION__MAPPINGS__DIR, value: /etc/fhir-remission/overlay}
{{- end }}
{{- if .Values.secrets.clientKey }}
- {name: FHIR_REMISSION__SOURCE__AUTH__KEY_FILE, value: /etc/fhir-remission/secrets/client.pem}
{{- end }}
{{- if .Values.secrets.nextClientKey }}
- {name: FHIR_REMISSION__SOURCE__AUTH__NEXT_KEY_FILE, value: /etc/fhir-remission/secrets/client-next.pem}
{{- end }}
{{- if .Values.secrets.clientCertificate }}
- {name: FHIR_REMISSION__SOURCE__AUTH__CERT_FILE, value: /etc/fhir-remission/secrets/client.crt}
{{- end }}
{{- if .Values.secrets.caBundle }}
- {name: FHIR_REMISSION__SOURCE__CA_BUNDLE, value: /etc/fhir-remission/secrets/ca.pem}
{{- end }}
{{- if .Values.secrets.authSecret }}
- {name: FHIR_REMISSION__SOURCE__AUTH__SECRET_FILE, value: /etc/fhir-remission/secrets/auth-secret}
{{- end }}
{{- if .Values.secrets.stateUrl }}
- {name: FHIR_REMISSION__STATE__URL_FILE, value: /etc/fhir-remission/secrets/state-url}
{{- else }}
- {name: FHIR_REMISSION__STATE__URL, value: "sqlite:////var/lib/fhir-remission/state.db"}
{{- end }}
{{- end }}

{{- define "remission.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "remission.container" -}}
image: {{ include "remission.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env: {{ include "remission.environment" . | nindent 2 }}
volumeMounts:
  - {name: settings, mountPath: /etc/fhir-remission/site, readOnly: true}
  - {name: secrets, mountPath: /etc/fhir-remission/secrets, readOnly: true}
  - {name: data, mountPath: /var/lib/fhir-remission}
  - {name: tmp, mountPath: /tmp}
{{- if .Values.overlay }}
  - {name: overlay, mountPath: /etc/fhir-remission/overlay, readOnly: true}
{{- end }}
{{- end }}

{{- define "remission.volumes" -}}
{{- $sync := .sync }}{{ with .root }}
- name: settings
  configMap: {name: {{ include "remission.name" . }}, optional: {{ $sync }}}
- name: secrets
  secret:
    secretName: {{ include "remission.secret" . }}
    # Of a job the command itself says what is missing, and ends with 2; a service waits for it.
    optional: {{ $sync }}
    # Root owns the files; their group is the process's, by fsGroup.
    defaultMode: 0440
- name: tmp
  emptyDir: {}
{{- if .Values.overlay }}
- name: overlay
  configMap: {name: {{ include "remission.name" . }}-overlay, optional: {{ $sync }}}
{{- end }}
{{- end }}
{{- end }}
