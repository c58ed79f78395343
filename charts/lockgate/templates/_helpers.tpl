{{/* The chart's name, as a label. */}}
{{- define "lockgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What objects are named after: the release, with the chart's name unless it is in there. 52 letters leave room for the
longest ending, since a Service's name has 63. */}}
{{- define "lockgate.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of a component's objects: lockgate.fullnameOf (list CONTEXT COMPONENT). Here, too, the longest ending has room. */}}
{{- define "lockgate.fullnameOf" -}}
{{- $name := include "lockgate.fullname" (index . 0) -}}
{{- if eq (index . 1) "projector" -}}
{{- printf "%s-projector" ($name | trunc 45 | trimSuffix "-") -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{/* What runs, as a list in JSON. */}}
{{- define "lockgate.components" -}}
{{- .Values.projector.enabled | ternary (list "operator" "projector") (list "operator") | toJson -}}
{{- end -}}

{{- define "lockgate.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "lockgate.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What a component is called in labels: lockgate.nameOf (list CONTEXT COMPONENT). The projector has a name of its own, so that who
selects by name alone does not take its Pods for the operator's. */}}
{{- define "lockgate.nameOf" -}}
{{- $name := include "lockgate.name" (index . 0) -}}
{{- if eq (index . 1) "projector" -}}
{{- printf "%s-projector" ($name | trunc 53 | trimSuffix "-") -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{/* What a Deployment finds its Pods by: never to be changed, a selector is immutable. */}}
{{- define "lockgate.selectorLabels" -}}
{{- include "lockgate.selectorLabelsOf" (list . "operator") -}}
{{- end -}}

{{/* The same of any component: lockgate.selectorLabelsOf (list CONTEXT COMPONENT). */}}
{{- define "lockgate.selectorLabelsOf" -}}
app.kubernetes.io/name: {{ include "lockgate.nameOf" . }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The labels of an object that belongs to no component: lockgate.labels CONTEXT. */}}
{{- define "lockgate.labels" -}}
{{- include "lockgate.labelsOf" (list . "" dict) -}}
{{- end -}}

{{/* The labels of a component's object, with more: lockgate.labelsOf (list CONTEXT COMPONENT MORE). Where two name one label
the chart's own wins, since selectors go by it, then MORE, then commonLabels. */}}
{{- define "lockgate.labelsOf" -}}
{{- $root := index . 0 -}}
{{- $own := dict
  "helm.sh/chart" (include "lockgate.chart" $root)
  "app.kubernetes.io/name" (include "lockgate.nameOf" (list $root (index . 1)))
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/version" ($root.Chart.AppVersion | replace "+" "_" | trunc 63)
  "app.kubernetes.io/managed-by" $root.Release.Service
  "app.kubernetes.io/part-of" "lockgate"
-}}
{{- with index . 1 -}}
{{- $_ := set $own "app.kubernetes.io/component" . -}}
{{- end -}}
{{- toYaml (merge $own (index . 2 | default dict) ($root.Values.commonLabels | default dict)) -}}
{{- end -}}

{{- define "lockgate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "lockgate.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "lockgate.projectorAccountName" -}}
{{- with .Values.projector.serviceAccount -}}
{{- if .create -}}
{{- default (include "lockgate.fullnameOf" (list $ "projector")) .name -}}
{{- else -}}
{{- default "default" .name -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The namespaces whose Secrets the projector may copy, as a list in JSON: that of the release, unless they are named. */}}
{{- define "lockgate.sourceNamespaces" -}}
{{- default (list (include "lockgate.namespace" .)) .Values.projector.sourceNamespaces | toJson -}}
{{- end -}}

{{/* The operator's image. */}}
{{- define "lockgate.image" -}}
{{- include "lockgate.imageOf" (list . dict) -}}
{{- end -}}

{{/* An image that is the operator's but for what these values say: lockgate.imageOf (list CONTEXT VALUES). Who names another repository
names its registry, too; a tag or a digest takes the place of both. */}}
{{- define "lockgate.imageOf" -}}
{{- $root := index . 0 -}}
{{- $own := index . 1 -}}
{{/* Deeper templates come first: so that a person hears of all problems, whichever is rendered. */}}
{{- include "lockgate.validate" $root -}}
{{- $all := $root.Values.image -}}
{{- $registry := default "" $own.registry -}}
{{- with empty $own.repository | ternary (default $all.registry $registry) $registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{- default $all.repository $own.repository -}}
{{- $version := empty (or $own.tag $own.digest) | ternary $all $own -}}
{{- if $version.digest -}}
@{{ $version.digest }}
{{- else -}}
:{{ $version.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* What renders inputs in the Pods of Pipelines. */}}
{{- define "lockgate.helperImage" -}}
{{- include "lockgate.imageOf" (list . .Values.helper.image) -}}
{{- end -}}

{{/* A list of names as a list of objects, whichever of both was written. */}}
{{- define "lockgate.pullSecrets" -}}
{{- range . }}
- name: {{ kindIs "string" . | ternary . (get (kindIs "map" . | ternary . dict) "name") }}
{{- end }}
{{- end -}}

{{/* The same as names alone, with commas between. */}}
{{- define "lockgate.secretNames" -}}
{{- $names := list -}}
{{- range . -}}
{{- $names = append $names (kindIs "string" . | ternary . (get (kindIs "map" . | ternary . dict) "name")) -}}
{{- end -}}
{{- join "," $names -}}
{{- end -}}

{{/* What the user set of `defaults`, as the operator reads it; nothing if nothing. */}}
{{- define "lockgate.podDefaults" -}}
{{- $set := dict -}}
{{- range $key, $value := .Values.defaults -}}
{{- if $value -}}{{- $_ := set $set $key $value -}}{{- end -}}
{{- end -}}
{{- if hasKey $set "imagePullSecrets" -}}
{{- $_ := set $set "imagePullSecrets" (include "lockgate.secretNames" $set.imagePullSecrets | splitList ",") -}}
{{- end -}}
{{- if $set -}}{{- toYaml $set -}}{{- end -}}
{{- end -}}

{{/* The security context without ids where OpenShift gives them: lockgate.securityContext (list CONTEXT VALUE). */}}
{{- define "lockgate.securityContext" -}}
{{- $root := index . 0 -}}
{{- $value := index . 1 -}}
{{- $mode := $root.Values.openshift.adaptSecurityContext -}}
{{- if or (eq $mode "always") (and (eq $mode "auto") ($root.Capabilities.APIVersions.Has "security.openshift.io/v1")) -}}
{{- $value = omit $value "runAsUser" "runAsGroup" "fsGroup" -}}
{{- end -}}
{{- if $value -}}{{- toYaml $value -}}{{- end -}}
{{- end -}}

{{/* "true" if an object of the Prometheus operator is to be rendered: lockgate.rendersMonitoring (list CONTEXT KIND VALUES). */}}
{{- define "lockgate.rendersMonitoring" -}}
{{- $root := index . 0 -}}
{{- $kind := index . 1 -}}
{{- $values := index . 2 -}}
{{- include "lockgate.validate" $root -}}
{{- if $values.enabled -}}
{{- $known := $root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" $kind) -}}
{{- if or $known (eq $values.renderMode "alwaysRender") -}}
true
{{- end -}}
{{- end -}}
{{- end -}}
