{{/* Refuses what cannot work, all of it at once, each with its mend. The schema has refused what is misspelt before. */}}
{{- define "lockgate.validate" -}}
{{- $problems := include "lockgate.problems" . | fromYamlArray -}}
{{- if $problems -}}
{{- fail (printf "\n%s" (join "\n" $problems)) -}}
{{- end -}}
{{- end -}}

{{- define "lockgate.problems" -}}
{{- $problems := list -}}
{{- $v := .Values -}}
{{- if not $v.image.repository -}}
{{- $problems = append $problems (printf (join "\n" (list
  "image.repository is not set, and no image of Lockgate is published. Make one and push it to a registry of yours:"
  "  make image IMAGE=registry.example.com/lockgate:%s"
  "  make push IMAGE=registry.example.com/lockgate:%s"
  "then install with"
  "  --set image.repository=registry.example.com/lockgate"
)) .Chart.AppVersion .Chart.AppVersion) -}}
{{- end -}}
{{- if and (eq $v.secretAccess "namespaces") (not $v.watchNamespaces) -}}
{{- $problems = append $problems "secretAccess is namespaces, and watchNamespaces is empty: name the namespaces, or set secretAccess to cluster or none" -}}
{{- end -}}
{{- if and (eq $v.secretAccess "cluster") $v.watchNamespaces -}}
{{- $problems = append $problems "secretAccess is cluster, and watchNamespaces keeps the operator to some namespaces: set secretAccess to namespaces or none, or leave watchNamespaces empty" -}}
{{- end -}}
{{- if and (gt (int $v.replicaCount) 1) (not $v.leaderElection.enabled) -}}
{{- $problems = append $problems (printf "replicaCount is %d, and leaderElection.enabled is false: all of them would work at once; set leaderElection.enabled to true" (int $v.replicaCount)) -}}
{{- end -}}
{{- $problems = concat $problems (include "lockgate.budgetProblems" . | fromYamlArray) -}}
{{- if not $v.metrics.enabled -}}
{{- range $name := list "serviceMonitor" "prometheusRule" "grafanaDashboard" -}}
{{- if (get $v.monitoring $name).enabled -}}
{{- $problems = append $problems (printf "monitoring.%s.enabled is true, and metrics.enabled is false: there would be nothing to look at; set metrics.enabled to true" $name) -}}
{{- end -}}
{{- end -}}
{{- else if and $v.monitoring.serviceMonitor.enabled (not $v.metrics.service.enabled) -}}
{{- $problems = append $problems "monitoring.serviceMonitor.enabled is true, and metrics.service.enabled is false: a ServiceMonitor finds Pods by a Service; set metrics.service.enabled to true" -}}
{{- end -}}
{{- if and $v.metrics.enabled (eq (int $v.metrics.port) (int $v.health.port)) -}}
{{- $problems = append $problems (printf "metrics.port and health.port are both %d: give one of them another port" (int $v.metrics.port)) -}}
{{- end -}}
{{- range $name, $kind := dict "serviceMonitor" "ServiceMonitor" "prometheusRule" "PrometheusRule" -}}
{{- $it := get $v.monitoring $name -}}
{{- if and $it.enabled (eq $it.renderMode "failIfMissing") (not ($.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" $kind))) -}}
{{- $problems = append $problems (printf "monitoring.%s.enabled is true, and this cluster does not know the kind %s (monitoring.coreos.com/v1): install the Prometheus operator first, or set monitoring.%s.renderMode to skipIfMissing" $name $kind $name) -}}
{{- end -}}
{{- end -}}
{{- if and (not $v.serviceAccount.create) (not $v.serviceAccount.name) $v.rbac.create -}}
{{- $problems = append $problems "serviceAccount.create is false, and serviceAccount.name is empty: the operator's rights would go to the account default, which every Pod of the namespace has; set serviceAccount.name" -}}
{{- end -}}
{{- if and $v.policies.allowedRegistries.enabled (not $v.policies.allowedRegistries.registries) -}}
{{- $problems = append $problems "policies.allowedRegistries.enabled is true, and its list of registries is empty: every image would be refused; set policies.allowedRegistries.registries" -}}
{{- end -}}
{{- $problems = concat $problems (include "lockgate.projectorProblems" . | fromYamlArray) -}}
{{- range $label, $_ := $v.defaults.podLabels -}}
{{- if regexMatch "^(app\\.kubernetes\\.io/(instance|managed-by)$|(lockgate\\.dev|argocd\\.argoproj\\.io|(meta\\.)?helm\\.sh|(kustomize|helm)\\.toolkit\\.fluxcd\\.io)/)" $label -}}
{{- $problems = append $problems (printf "defaults.podLabels has %s, which Lockgate or a tool that tracks objects sets, and the operator would not start: leave it out" $label) -}}
{{- end -}}
{{- end -}}
{{- $problems = concat $problems (include "lockgate.flagProblems" . | fromYamlArray) -}}
{{- toYaml $problems -}}
{{- end -}}

{{/* The projector's rights are its own, and reach further than some installations want. */}}
{{- define "lockgate.projectorProblems" -}}
{{- $problems := list -}}
{{- $v := .Values -}}
{{- $own := $v.projector -}}
{{- if $own.enabled -}}
{{- $named := include "lockgate.secretNames" $v.defaults.imagePullSecrets | splitList "," -}}
{{- if and $v.watchNamespaces (not (has "lockgate-registries" $named)) -}}
{{- $problems = append $problems "projector.enabled is true, and watchNamespaces keeps the operator from looking at ClusterRegistries, so that nothing would use the copies: leave watchNamespaces empty, or name the copies for all Pods: add lockgate-registries to defaults.imagePullSecrets" -}}
{{- end -}}
{{- if and (not $own.serviceAccount.create) (not $own.serviceAccount.name) -}}
{{- $problems = append $problems "projector.serviceAccount.create is false, and projector.serviceAccount.name is empty: the account default, which every Pod of the namespace has, could read the credentials; set projector.serviceAccount.name" -}}
{{- end -}}
{{- if eq (include "lockgate.projectorAccountName" .) (include "lockgate.serviceAccountName" .) -}}
{{- $problems = append $problems (printf "the projector and the operator would have one account, %s: the operator is to read no value of a Secret; set projector.serviceAccount.name to another" (include "lockgate.serviceAccountName" .)) -}}
{{- end -}}
{{- if and $v.metrics.enabled (eq (int $own.metrics.port) (int $own.health.port)) -}}
{{- $problems = append $problems (printf "projector.metrics.port and projector.health.port are both %d: give one of them another port" (int $own.metrics.port)) -}}
{{- end -}}
{{- if $v.hostNetwork -}}
{{- range $name, $taken := dict "metrics" $v.metrics.port "health" $v.health.port -}}
{{- $port := int (get $own $name).port -}}
{{- if or (eq $port (int $v.metrics.port)) (eq $port (int $v.health.port)) -}}
{{- $problems = append $problems (printf "hostNetwork is true, and projector.%s.port is %d, as a port of the operator: they could not share a node; set projector.%s.port to another" $name $port $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $served := .Capabilities.APIVersions -}}
{{- if and (not $v.crds.install) ($served.Has "lockgate.dev/v1alpha1/Pipeline") (not ($served.Has "lockgate.dev/v1alpha1/ClusterRegistry")) -}}
{{- $problems = append $problems "projector.enabled is true, crds.install is false, and this cluster does not know the kind ClusterRegistry: bring the CRDs of this version first (lockgate crd | kubectl apply --server-side -f -)" -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}

{{/* A budget that lets no Pod go would hold up every drain of its node. Percentages are rounded up, as Kubernetes does. */}}
{{- define "lockgate.budgetProblems" -}}
{{- $problems := list -}}
{{- $budget := .Values.podDisruptionBudget -}}
{{- $replicas := int .Values.replicaCount -}}
{{- if and $budget.enabled (gt $replicas 0) -}}
{{- $least := kindIs "invalid" $budget.minAvailable | ternary 1 $budget.minAvailable -}}
{{- $most := $budget.maxUnavailable -}}
{{- if and (not (kindIs "invalid" $most)) (not (kindIs "invalid" $budget.minAvailable)) -}}
{{- $problems = append $problems "podDisruptionBudget has minAvailable and maxUnavailable: leave one of them out" -}}
{{- else if not (kindIs "invalid" $most) -}}
{{- if eq (int (toString $most | trimSuffix "%")) 0 -}}
{{- $problems = append $problems (printf "podDisruptionBudget.maxUnavailable is %v: no node with an operator could be drained; set it to 1 or more" $most) -}}
{{- end -}}
{{- else -}}
{{- $kept := int (toString $least | trimSuffix "%") -}}
{{- if hasSuffix "%" (toString $least) -}}
{{- $kept = div (add (mul $kept $replicas) 99) 100 | int -}}
{{- end -}}
{{- if ge $kept $replicas -}}
{{- $problems = append $problems (printf "podDisruptionBudget keeps %v of %d: no node with an operator could be drained; raise replicaCount (and set leaderElection.enabled), or lower minAvailable" $least $replicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}

{{/* Flags that rights and ports of the chart have to fit are set by values only. */}}
{{- define "lockgate.flagProblems" -}}
{{- $problems := list -}}
{{- $values := dict
  "watch-namespaces" "watchNamespaces"
  "secret-access" "secretAccess"
  "leader-elect" "leaderElection.enabled"
  "leader-elect-lease-name" "leaderElection.leaseName"
  "leader-elect-namespace" "namespaceOverride"
  "leader-elect-lease-duration" "leaderElection.leaseDuration"
  "leader-elect-renew-deadline" "leaderElection.renewDeadline"
  "leader-elect-retry-period" "leaderElection.retryPeriod"
  "concurrency" "concurrency"
  "pod-creates-per-second" "podCreatesPerSecond"
  "metrics-bind-address" "metrics.port"
  "health-probe-bind-address" "health.port"
  "docs-base-url" "docsBaseUrl"
  "log-format" "log.format"
  "log-level-file" "log.level"
  "pod-defaults" "defaults"
  "helper-image" "helper.image"
  "helper-image-pull-policy" "helper.image.pullPolicy"
  "helper-pull-secrets" "helper.pullSecrets"
-}}
{{- range $argument := .Values.extraArgs -}}
{{- $flag := regexReplaceAll "=.*" $argument "" | trimPrefix "--" -}}
{{- if and (hasPrefix "--" $argument) (hasKey $values $flag) -}}
{{- $problems = append $problems (printf "--%s in extraArgs is the chart's own: set %s" $flag (get $values $flag)) -}}
{{- end -}}
{{- end -}}
{{- range $variable := .Values.extraEnv -}}
{{- $flag := get $variable "name" | toString | trimPrefix "LOCKGATE_" | lower | replace "_" "-" -}}
{{- if and (hasPrefix "LOCKGATE_" (get $variable "name" | toString)) (hasKey $values $flag) -}}
{{- $problems = append $problems (printf "%s in extraEnv is the chart's own: set %s" (get $variable "name") (get $values $flag)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}
