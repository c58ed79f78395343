{{/* The operator's flags. What is the operator's own default is not given. */}}
{{- define "lockgate.args" -}}
- operator
- --log-format={{ .Values.log.format }}
- --log-level-file=/etc/lockgate/log-level
{{- with .Values.watchNamespaces }}
- --watch-namespaces={{ join "," . }}
{{- end }}
{{- if eq .Values.secretAccess "none" }}
- --secret-access=none
{{- end }}
{{- if .Values.leaderElection.enabled }}
- --leader-elect
{{- if ne (include "lockgate.leaseName" .) "lockgate" }}
- --leader-elect-lease-name={{ include "lockgate.leaseName" . }}
{{- end }}
{{- with .Values.leaderElection.leaseDuration }}
- --leader-elect-lease-duration={{ . }}
{{- end }}
{{- with .Values.leaderElection.renewDeadline }}
- --leader-elect-renew-deadline={{ . }}
{{- end }}
{{- with .Values.leaderElection.retryPeriod }}
- --leader-elect-retry-period={{ . }}
{{- end }}
{{- end }}
{{- with .Values.concurrency }}
- --concurrency={{ . }}
{{- end }}
{{- with .Values.podCreatesPerSecond }}
- --pod-creates-per-second={{ . }}
{{- end }}
{{- with .Values.docsBaseUrl }}
- --docs-base-url={{ . }}
{{- end }}
{{- if not .Values.metrics.enabled }}
- --metrics-bind-address=0
{{- else if ne (int .Values.metrics.port) 8080 }}
- --metrics-bind-address=:{{ .Values.metrics.port }}
{{- end }}
{{- if ne (int .Values.health.port) 8081 }}
- --health-probe-bind-address=:{{ .Values.health.port }}
{{- end }}
{{- if include "lockgate.podDefaults" . }}
- --pod-defaults=/etc/lockgate-defaults/pod-defaults.yaml
{{- end }}
{{- $helperPolicy := default .Values.image.pullPolicy .Values.helper.image.pullPolicy }}
{{- if or .Values.helper.image.pullPolicy (ne $helperPolicy "IfNotPresent") }}
- --helper-image-pull-policy={{ $helperPolicy }}
{{- end }}
{{- with include "lockgate.secretNames" .Values.helper.pullSecrets }}
- --helper-pull-secrets={{ . }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "lockgate.leaseName" -}}
{{- default (include "lockgate.fullname" .) .Values.leaderElection.leaseName -}}
{{- end -}}

{{/* Those of the user, each with our selector where it has none; else, for several Pods, over nodes and zones where there
are two. Where there is one, they run there all the same. */}}
{{- define "lockgate.topologySpreadConstraints" -}}
{{- $constraints := .Values.topologySpreadConstraints -}}
{{- if and (not $constraints) (gt (int .Values.replicaCount) 1) -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" -}}
{{- $constraints = append $constraints (dict
  "topologyKey" . "maxSkew" 1 "whenUnsatisfiable" "ScheduleAnyway" "matchLabelKeys" (list "pod-template-hash")) -}}
{{- end -}}
{{- end -}}
{{- $selector := include "lockgate.selectorLabels" . | fromYaml -}}
{{- $complete := list -}}
{{- range $constraints -}}
{{- $complete = append $complete (hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" (dict "matchLabels" $selector)) .)) -}}
{{- end -}}
{{- if $complete -}}{{- toYaml $complete -}}{{- end -}}
{{- end -}}
