{{/* What the operator's Pods and the projector's have in common: how a Pod of Lockgate stands in this cluster. */}}
{{- define "lockgate.podOfCluster" -}}
{{- with include "lockgate.pullSecrets" .Values.imagePullSecrets }}
imagePullSecrets:
  {{- . | trim | nindent 2 }}
{{- end }}
{{- with include "lockgate.securityContext" (list . .Values.podSecurityContext) }}
securityContext:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.schedulerName }}
schedulerName: {{ . }}
{{- end }}
{{- if .Values.hostNetwork }}
hostNetwork: true
{{- end }}
{{- if not (kindIs "invalid" .Values.hostUsers) }}
hostUsers: {{ .Values.hostUsers }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The probes of both. */}}
{{- define "lockgate.probes" -}}
{{- if .Values.livenessProbe.enabled }}
livenessProbe:
  httpGet:
    path: /livez
    port: http-healthz
  {{- omit .Values.livenessProbe "enabled" | toYaml | nindent 2 }}
{{- end }}
{{- if .Values.readinessProbe.enabled }}
readinessProbe:
  httpGet:
    path: /readyz
    port: http-healthz
  {{- omit .Values.readinessProbe "enabled" | toYaml | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The environment of both: which image renders inputs, by the Pod's own annotation, so that kustomize can change it where it
changes images (deploy/base), and what the user adds: lockgate.env (list CONTEXT VARIABLE). */}}
{{- define "lockgate.env" -}}
{{- $root := index . 0 -}}
- name: {{ index . 1 }}
  valueFrom:
    fieldRef:
      fieldPath: metadata.annotations['lockgate.dev/helper-image']
{{- with $root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
