{{/* What the operator may do: the rules of deploy/base/rbac.yaml, which says why. lockgate.rules CONTEXT. */}}
{{- define "lockgate.rules" -}}
- apiGroups: [lockgate.dev]
  resources: [pipelines]
  verbs: [list, watch, delete]
- apiGroups: [lockgate.dev]
  resources: [pipelines/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete]
{{- if ne .Values.secretAccess "none" }}
# The operator asks for metadata and Tables. RBAC cannot say so: whoever steals this account's token may read every Secret{{
  if .Values.watchNamespaces }} of this namespace{{ end }}.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
{{- end }}
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [configmaps, persistentvolumeclaims]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
- apiGroups: [lockgate.dev]
  resources: [registries]
  verbs: [list, watch]
- apiGroups: [lockgate.dev]
  resources: [registries/status]
  verbs: [patch]
{{- if not .Values.watchNamespaces }}
- apiGroups: [lockgate.dev]
  resources: [clusterregistries]
  verbs: [list, watch]
{{- end }}
{{- end -}}
