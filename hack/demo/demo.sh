#!/usr/bin/env bash
# The main job, to watch: a Pipeline is applied first, its Secrets come one by one, and the Pod starts with the last.
#
# demo.sh LOCKGATE          on a cluster of its own, started by `make demo`:
#                           lockgate-cluster run --node-if-possible -- hack/demo/demo.sh LOCKGATE
# demo.sh LOCKGATE current  on the cluster of the kubeconfig's current context, by `make demo CLUSTER=current`
#
# Read from the environment: KEEP=1 leaves all as it is at the end. Of the second form also YES=1 (does not ask), IMAGE (any
# with a shell), and REGISTRY, REGISTRY_USER, REGISTRY_PASSWORD_FILE where that image is private.
set -euo pipefail
export LC_ALL=C

readonly lockgate=${1:?usage: demo.sh path/to/lockgate [current]} mode=${2:-own}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Where our other programs lie.
programs=$(dirname "$lockgate")
readonly root programs started=$EPOCHREALTIME

bold='' dim='' red='' green='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
fi

# What differs between the two: set by settle_own and settle_current.
space=''     # the namespace of the demo
dir=''       # where files are written
node=''      # real or scripted
image='' registry='' registry_user='' registry_password_file=''
operator=''  # the pid of the operator that runs here, if one does
log=''       # what it writes
made=()      # what is deleted at the end

# --- telling ---------------------------------------------------------------------------------------------------------

title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '%s\n' "$*"; }
refuse() { printf '%s\n' "$@" >&2; exit 2; }

# Prints a command as one would type it, then runs it.
typed() {
  printf '%s$ %s%s\n' "$bold" "$1" "$plain"
  eval "$1" 2>&1
}

# By its full name: `pipelines` may be Tekton's.
table() { typed "kubectl get pipelines.lockgate.dev -n $space"; }

# Waits, silently, until the Pipeline's status has this value at this path.
until_status() {
  kubectl wait pipelines.lockgate.dev/edges -n "$space" --for="jsonpath={.status.$1}=$2" --timeout="${3:-30s}" >/dev/null
}

# What the Pipeline waits for, one thing a line.
ready_message() {
  kubectl get pipelines.lockgate.dev edges -n "$space" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].message}{"\n"}' |
    sed 's/; /\n/g' | sed 's/^/  - /'
}

# Milliseconds between two readings of EPOCHREALTIME.
between() { echo $(((${2/./} - ${1/./}) / 1000)); }

# --- the end, whatever it is -----------------------------------------------------------------------------------------

ended() {
  local status=$?
  trap - EXIT INT TERM
  if [ "$status" -ne 0 ] && [ -n "$dir" ]; then
    printf '\n%sThe demo failed (%s). What is known:%s\n' "$red" "$status" "$plain"
    {
      [ -z "$operator" ] || kill -0 "$operator" || say "The operator has ended by itself."
      kubectl get pipelines.lockgate.dev -n "$space" -o yaml || true
      kubectl get pods,events -n "$space" || true
      printf '\n-- the end of the operator'"'"'s log\n'
      operator_log | grep -E 'INFO|WARN|ERROR' | tail -n 40 || true
    } 2>&1
  elif [ -n "${KEEP:-}" ] && [ "$mode" = own ]; then
    # The cluster stays, and an operator beside it, until our owner ends.
    [ -z "$operator" ] || (tail --pid="$PPID" -f /dev/null; kill "$operator" 2>/dev/null) >/dev/null 2>&1 &
    exit 0
  fi
  [ -z "$operator" ] || { kill "$operator" && wait "$operator"; } 2>/dev/null || true
  [ "$mode" = own ] || remove_made
  exit "$status"
}

# Starts the operator beside the cluster, as talkative as it can be, since its log is searched for values at the end.
# start_operator KUBECONFIG FLAG…
start_operator() {
  log=$dir/operator.log
  "$lockgate" operator --kubeconfig "$1" --log-level trace --metrics-bind-address=0 --health-probe-bind-address=0 \
    "${@:2}" >"$log" 2>&1 &
  operator=$!
  say "${dim}its log: $log$plain"
}

# All that the operator of the demo has said; nothing where it is somebody else's.
operator_log() {
  if [ -n "$log" ]; then
    cat "$log"
  elif [ "$mode" = own ]; then
    kubectl logs -n lockgate-system deployment/lockgate
  fi
}

# --- a cluster of its own --------------------------------------------------------------------------------------------

settle_own() {
  : "${KUBECONFIG:?}" "${LOCKGATE_CLUSTER_DIR:?}" "${LOCKGATE_NODE:?}"
  space=demo dir=$LOCKGATE_CLUSTER_DIR node=$LOCKGATE_NODE
  case $node in
    real) say "A real Kubernetes with a real node: containers run, and images come from a password-protected registry." ;;
    scripted)
      say "A real Kubernetes API, but no node can run here: a script plays the kubelet. No container will run, no image is"
      say "pulled and nothing is printed; what Lockgate does and says is real."
      ;;
    *) refuse "The demo needs a node: lockgate-cluster run --node-if-possible -- $0 $lockgate" ;;
  esac
  image=$LOCKGATE_IMAGE registry=$LOCKGATE_REGISTRY_HOST registry_user=$LOCKGATE_REGISTRY_USER
  registry_password_file=$LOCKGATE_REGISTRY_PASSWORD_FILE
}

install_own() {
  local release=(helm install lockgate charts/lockgate --namespace lockgate-system --create-namespace)
  if [ "$node" = scripted ]; then
    title "Lockgate is installed by its chart; the operator runs beside the cluster, as its ServiceAccount"
    typed "${release[*]} --set image.repository=none,replicaCount=0" | summary
    "$programs/lockgate-cluster" token lockgate-system lockgate --kubeconfig-out "$dir/operator.kubeconfig"
    start_operator "$dir/operator.kubeconfig"
    return
  fi
  title "Lockgate is installed as you would: its image from the private registry, the chart by Helm"
  local version
  version=$("$lockgate" --version | cut -d ' ' -f 2)
  "$programs/lockgate-image" plain --binary "$lockgate" --output "$dir/image" >/dev/null
  # The registry speaks plain HTTP, on this machine's own address.
  skopeo --insecure-policy copy --quiet --preserve-digests --dest-tls-verify=false --dest-authfile "$LOCKGATE_REGISTRY_AUTH_FILE" \
    "oci:$dir/image:image" "docker://$registry/lockgate:$version"
  export registry registry_user registry_password_file
  typed 'kubectl create namespace lockgate-system'
  # shellcheck disable=SC2016 # It is shown as it would be typed, and expanded when it runs.
  typed 'kubectl create secret docker-registry registry -n lockgate-system --docker-server="$registry" \
    --docker-username="$registry_user" --docker-password="$(cat "$registry_password_file")"'
  # As talkative as it can be, since its log is searched for values at the end.
  typed "${release[*]} --set image.repository=$registry/lockgate,imagePullSecrets[0].name=registry \\
    --set log.level=trace --wait --timeout 2m" | summary
  typed 'helm test lockgate --namespace lockgate-system --logs --timeout 1m' |
    sed -n '1p; /^POD LOGS/,/^level=/{/^level=/!{/[^ ]/p}}'
}

# What Helm says of a release, without the chart's notes.
summary() { sed -n '/^NOTES:/q; /[^ ]/p'; }

# --- the cluster of the current context ------------------------------------------------------------------------------

settle_current() {
  command -v kubectl >/dev/null || refuse "kubectl is needed, and not found"
  local context server
  context=$(kubectl config current-context 2>/dev/null) ||
    refuse "The kubeconfig has no current context: kubectl config use-context NAME, or make demo without CLUSTER."
  server=$(kubectl config view --minify -o 'jsonpath={.clusters[0].cluster.server}')
  space=lockgate-demo node=${LOCKGATE_NODE:-real}
  say "The cluster of the context $bold$context$plain, at $server. The demo makes the namespace $space in it and, if it is not"
  say "there, the CustomResourceDefinition of Pipelines; at the end it takes both away. Nothing else is touched."
  may_touch "$context" "$server"
  dir=$(mktemp -d)
  # Its own copy: whoever changes the context meanwhile does not move the demo to another cluster.
  (umask 077; kubectl config view --minify --flatten --raw >"$dir/kubeconfig")
  export KUBECONFIG=$dir/kubeconfig
  if kubectl get namespace "$space" >/dev/null 2>&1; then
    refuse "The namespace $space is there already, and not ours to delete: kubectl delete namespace $space"
  fi
  kubectl auth can-i create namespaces >/dev/null 2>&1 ||
    refuse "This account may not create namespaces (or the cluster does not answer): kubectl auth can-i create namespaces"
  image=${IMAGE:-busybox:1.37} registry=${REGISTRY:-} registry_user=${REGISTRY_USER:-}
  registry_password_file=${REGISTRY_PASSWORD_FILE:-}
}

# A cluster on this machine may be touched; about another one the user is asked.
may_touch() {
  local host=${2#*://} answer=''
  case ${host%%[:/]*} in 127.* | localhost) return ;; esac
  case $1 in kind-* | k3d-* | minikube | docker-desktop | rancher-desktop | orbstack | colima*) return ;; esac
  [ -z "${YES:-}" ] || return 0
  [ -t 0 ] || refuse "This cluster is not on this machine. To go on: make demo CLUSTER=current YES=1"
  read -r -p "This cluster is not on this machine. Go on? [y/N] " answer
  case $answer in y | Y | yes) ;; *) refuse "Nothing was touched." ;; esac
}

install_current() {
  local running
  if kubectl get crd pipelines.lockgate.dev >/dev/null 2>&1; then
    running=$(kubectl get deployments -A -l app.kubernetes.io/name=lockgate \
      -o 'jsonpath={range .items[?(@.status.availableReplicas>0)]}{.metadata.namespace}/{.metadata.name}{"\n"}{end}')
    if [ -n "$running" ]; then
      title "Lockgate is installed already: the operator $(head -n 1 <<<"$running") does the work"
      say "${dim}If it looks at other namespaces only (--watch-namespaces), nothing will happen in $space.$plain"
      return
    fi
    title "Pipelines are known already, but no operator runs: one runs on this machine, with your kubeconfig"
  else
    title "The cluster learns of Pipelines, and the operator runs on this machine, with your kubeconfig"
    typed "kubectl apply --server-side -f $root/crds/pipelines.yaml" | sed 's/ serverside-applied$//'
    made+=(crd)
    kubectl wait --for=condition=Established crd/pipelines.lockgate.dev --timeout=30s >/dev/null
  fi
  say "It looks at the namespace $space and at no other."
  start_operator "$KUBECONFIG" --watch-namespaces="$space"
}

# Takes away what the demo made, and nothing else.
remove_made() {
  local what left
  if [ -n "${KEEP:-}" ] && [ "${#made[@]}" -gt 0 ]; then
    say "Kept, but for the operator: ${made[*]}. To remove: kubectl delete namespace $space, and crd pipelines.lockgate.dev"
    made=()
  fi
  for what in namespace crd; do
    case " ${made[*]-} " in *" $what "*) ;; *) continue ;; esac
    if [ "$what" = namespace ]; then
      kubectl delete namespace "$space" --timeout=2m || say "The namespace $space is still being deleted."
    else
      left=$(kubectl get pipelines.lockgate.dev -A -o name 2>/dev/null || echo unknown)
      if [ -z "$left" ]; then
        kubectl delete crd pipelines.lockgate.dev --timeout=1m
      else
        say "The CustomResourceDefinition stays: there are Pipelines that are not the demo's."
      fi
    fi
  done
  [ -z "$dir" ] || rm -rf "$dir"
}

# --- the demo --------------------------------------------------------------------------------------------------------

case $mode in own | current) ;; *) refuse "usage: demo.sh path/to/lockgate [current]" ;; esac
trap ended EXIT
trap 'exit 130' INT TERM
cd "$root"
"settle_$mode"
"install_$mode"

title "The Pipeline is applied first: none of its Secrets is there"
manifest=$dir/pipeline.yaml
all=3
sed "s|image: .*|image: $image|" examples/quickstart/pipeline.yaml >"$manifest"
if [ -z "$registry" ]; then
  all=2
  sed -i '/image_pull_secrets:/d; /this one is private/d' "$manifest"
fi
sed -n '/^spec:/,$p' "$manifest" | sed "s/^/  $dim/; s/\$/$plain/"
typed "kubectl create namespace $space"
made=(namespace "${made[@]}")
typed "kubectl apply -n $space -f $manifest"
until_status phase Waiting
table
say "Everything that is missing, each with the command that mends it:"
ready_message
typed "kubectl get pods -n $space"

title "The Secrets come one by one"
typed "kubectl create secret generic db -n $space --from-literal=password=canary-of-the-tide"
until_status resolved "1/$all"
table
if [ -n "$registry" ]; then
  export registry registry_user registry_password_file
  # shellcheck disable=SC2016 # It is shown as it would be typed, and expanded when it runs.
  typed 'kubectl create secret docker-registry regcred -n '"$space"' --docker-server="$registry" \
    --docker-username="$registry_user" --docker-password="$(cat "$registry_password_file")"'
  until_status resolved "2/$all"
  table
fi
say "The last one comes, but without the key that the Pipeline needs:"
typed "kubectl create secret generic tls -n $space --from-literal=tls.crt=canary-of-another-key"
until_status waitingFor 'keys of tls'
table
ready_message
typed "kubectl get pods -n $space"

title "The key is added: the Pod starts by itself"
# Both watches are open before the patch: this one says so with a bookmark, that one lists the Secret first. Each event
# is stamped by the same clock when it arrives here.
stamped() { while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "${line:0:24}"; done; }
pods="/api/v1/namespaces/$space/pods?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
exec {of_pods}< <(kubectl get --raw "$pods&timeoutSeconds=60" 2>/dev/null | stamped)
exec {of_secret}< <(kubectl get secret tls -n "$space" --watch --output-watch-events --no-headers --request-timeout=60s 2>/dev/null | stamped)
# Reads from a watch until an event of this type, and prints when it came.
event() {
  local stamp line
  while IFS=' ' read -r -t 30 -u "$1" stamp line; do
    case $line in *"$2"*) echo "$stamp"; return ;; esac
  done
  echo "no event $2 came within 30 s" >&2
  return 1
}
event "$of_pods" BOOKMARK >/dev/null
event "$of_secret" ADDED >/dev/null
typed "kubectl patch secret tls -n $space -p '{\"stringData\":{\"ca.crt\":\"canary-of-the-harbour\"}}'"
returned=$EPOCHREALTIME
secret_seen=$(event "$of_secret" MODIFIED)
pod_seen=$(event "$of_pods" ADDED)
say "${green}The Pod existed $(between "$secret_seen" "$pod_seen") ms after the last Secret was good.$plain"
say "${dim}(between the arrival of the Secret's event and of the Pod's, at two watches of kubectl's on this machine; the Pod's came"
say "$(between "$returned" "$pod_seen") ms after kubectl patch had returned; below 0: before)$plain"
table

if [ "$node" = scripted ]; then
  title "The script that plays the kubelet says that the Pod ran"
elif [ -n "$registry" ]; then
  title "The image is pulled with regcred, and the container runs"
else
  title "The image is pulled, and the container runs"
fi
# A cluster of somebody's may have to pull the image from afar.
until_status phase Succeeded "$([ "$mode" = own ] && echo 60s || echo 5m)"
typed "kubectl get pipelines.lockgate.dev -n $space -o wide"
if [ "$node" = real ]; then
  say "What the container received, by its own words:"
  typed "kubectl logs -n $space -l lockgate.dev/pipeline=edges"
  echo # The file has no line's end.
  received=$(kubectl logs -n "$space" -l lockgate.dev/pipeline=edges)
  [[ $received == *canary-of-the-tide*canary-of-the-harbour* ]]
fi

title "No value of a Secret is in anything that Lockgate wrote"
# Every value, the registry's password too, holds the word canary.
for place in "the operator's log" "the Pipeline" "its Pod" "the events"; do
  case $place in
    *log) operator_log ;;
    *Pipeline) kubectl get pipelines.lockgate.dev -n "$space" -o yaml ;;
    *Pod) kubectl get pods -n "$space" -o yaml ;;
    *events) kubectl get events -n "$space" -o yaml ;;
  esac >"$dir/searched"
  [ -s "$dir/searched" ] || continue
  if grep -q canary "$dir/searched"; then
    say "${red}a value is in $place$plain" >&2
    exit 1
  fi
  say "no value in $place ($(wc -l <"$dir/searched") lines)"
done

title "That was all"
took="The demo took $(between "$started" "$EPOCHREALTIME") ms"
if [ "$mode" = current ]; then
  say "$took. docs/install.md says how to install Lockgate for good."
elif [ -n "${KEEP:-}" ]; then
  say "$took; with the cluster's start: $(ps -o etimes= -p "$PPID" | tr -d ' ') s."
  say "The cluster and the operator stay until Ctrl-C. How to reach it:"
else
  say "$took; with the cluster's start: $(ps -o etimes= -p "$PPID" | tr -d ' ') s."
  say "To go on: make demo KEEP=1 keeps this cluster, make cluster starts an empty one; docs/pipeline.md has every field."
fi
