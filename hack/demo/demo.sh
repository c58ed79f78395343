#!/usr/bin/env bash
# The main job, to watch: a Pipeline is applied first, its Secrets come one by one, and the Pod starts with the last.
# Started by `make demo` on a cluster of its own: lockgate-cluster run --node-if-possible -- hack/demo/demo.sh LOCKGATE
set -euo pipefail
export LC_ALL=C

readonly lockgate=${1:?usage: demo.sh path/to/lockgate, under lockgate-cluster run}
: "${KUBECONFIG:?}" "${LOCKGATE_CLUSTER_DIR:?}" "${LOCKGATE_NODE:?}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root
readonly log=$LOCKGATE_CLUSTER_DIR/operator.log
readonly started=$EPOCHREALTIME
# Where our owner's programs lie, the one that makes kubeconfigs is, too.
cluster=$(dirname "$lockgate")/lockgate-cluster
[ -x "$cluster" ] || cluster="cargo run --quiet --package lockgate-cluster --"
readonly cluster

bold='' dim='' red='' green='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
fi

# --- telling ---------------------------------------------------------------------------------------------------------

title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '%s\n' "$*"; }

# Prints a command as one would type it, then runs it.
typed() {
  printf '%s$ %s%s\n' "$bold" "$1" "$plain"
  eval "$1" 2>&1
}

table() { typed 'kubectl get pipelines -n demo'; }

# Waits, silently, until the Pipeline's status has this value at this path.
until_status() { kubectl wait pipeline/edges -n demo --for="jsonpath={.status.$1}=$2" --timeout="${3:-30s}" >/dev/null; }

# What the Pipeline waits for, one thing a line.
ready_message() {
  kubectl get pipeline edges -n demo -o 'jsonpath={.status.conditions[?(@.type=="Ready")].message}{"\n"}' |
    sed 's/; /\n/g' | sed 's/^/  - /'
}

# Milliseconds between two readings of EPOCHREALTIME.
between() { echo $(((${2/./} - ${1/./}) / 1000)); }

# --- the end, whatever it is -----------------------------------------------------------------------------------------

operator=''

ended() {
  local status=$?
  trap - EXIT
  if [ "$status" -ne 0 ]; then
    printf '\n%sThe demo failed (%s). What is known:%s\n' "$red" "$status" "$plain"
    {
      [ -z "$operator" ] || kill -0 "$operator" || say "The operator has ended by itself."
      kubectl get pipelines -n demo -o yaml || true
      kubectl get pods,events -n demo || true
      printf '\n-- the end of %s\n' "$log"
      grep -E ' (INFO|WARN|ERROR) ' "$log" | tail -n 40 || true
    } 2>&1
  elif [ -n "${KEEP:-}" ]; then
    # The cluster stays, and the operator with it, until our owner ends.
    (tail --pid="$PPID" -f /dev/null; kill "$operator" 2>/dev/null) >/dev/null 2>&1 &
    exit 0
  fi
  [ -z "$operator" ] || { kill "$operator" && wait "$operator"; } 2>/dev/null || true
  exit "$status"
}
trap ended EXIT

# --- the demo --------------------------------------------------------------------------------------------------------

if [ "$LOCKGATE_NODE" = real ]; then
  say "A real Kubernetes with a real node: containers run, and images come from a password-protected registry."
elif [ "$LOCKGATE_NODE" = scripted ]; then
  say "A real Kubernetes API, but no node can run here: a script plays the kubelet. No container will run, no image is"
  say "pulled and nothing is printed; what Lockgate does and says is real."
else
  say "The demo needs a node: lockgate-cluster run --node-if-possible -- $0 $*" >&2
  exit 2
fi

title "Lockgate is installed, and its operator runs as its ServiceAccount"
cd "$root"
typed 'kubectl apply --server-side -k hack/demo' | sed 's/ serverside-applied$//'
kubectl wait --for=condition=Established crd/pipelines.lockgate.dev --timeout=30s >/dev/null
$cluster token lockgate-system lockgate --kubeconfig-out "$LOCKGATE_CLUSTER_DIR/operator.kubeconfig"
# As talkative as it can be, since its log is searched for values at the end.
"$lockgate" operator --kubeconfig "$LOCKGATE_CLUSTER_DIR/operator.kubeconfig" --log-level trace \
  --metrics-bind-address=0 --health-probe-bind-address=0 >"$log" 2>&1 &
operator=$!
say "${dim}its log: $log$plain"

title "The Pipeline is applied first: none of its Secrets is there"
manifest=$LOCKGATE_CLUSTER_DIR/pipeline.yaml
sed "s|image: .*|image: $LOCKGATE_IMAGE|" examples/quickstart/pipeline.yaml >"$manifest"
sed -n '/^spec:/,$p' "$manifest" | sed "s/^/  $dim/; s/\$/$plain/"
typed 'kubectl create namespace demo'
typed "kubectl apply -n demo -f $manifest"
until_status phase Waiting
table
say "Everything that is missing, each with the command that mends it:"
ready_message
typed 'kubectl get pods -n demo'

title "The Secrets come one by one"
typed "kubectl create secret generic db -n demo --from-literal=password=canary-of-the-tide"
until_status resolved 1/3
table
# shellcheck disable=SC2016 # It is shown as it would be typed, and expanded when it runs.
typed 'kubectl create secret docker-registry regcred -n demo --docker-server="$LOCKGATE_REGISTRY_HOST" \
    --docker-username="$LOCKGATE_REGISTRY_USER" --docker-password="$(cat "$LOCKGATE_REGISTRY_PASSWORD_FILE")"'
until_status resolved 2/3
table
say "The last one comes, but without the key that the Pipeline needs:"
typed "kubectl create secret generic tls -n demo --from-literal=tls.crt=canary-of-another-key"
until_status waitingFor 'keys of tls'
table
ready_message
typed 'kubectl get pods -n demo'

title "The key is added: the Pod starts by itself"
# Both watches are open before the patch: this one says so with a bookmark, that one lists the Secret first. Each event
# is stamped by the same clock when it arrives here.
stamped() { while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "${line:0:24}"; done; }
pods='/api/v1/namespaces/demo/pods?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan'
exec {of_pods}< <(kubectl get --raw "$pods&timeoutSeconds=60" 2>/dev/null | stamped)
exec {of_secret}< <(kubectl get secret tls -n demo --watch --output-watch-events --no-headers --request-timeout=60s 2>/dev/null | stamped)
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
typed "kubectl patch secret tls -n demo -p '{\"stringData\":{\"ca.crt\":\"canary-of-the-harbour\"}}'"
returned=$EPOCHREALTIME
secret_seen=$(event "$of_secret" MODIFIED)
pod_seen=$(event "$of_pods" ADDED)
say "${green}The Pod existed $(between "$secret_seen" "$pod_seen") ms after the last Secret was good.$plain"
say "${dim}(between the arrival of the Secret's event and of the Pod's, at two watches of kubectl's on this machine; the Pod's came"
say "$(between "$returned" "$pod_seen") ms after kubectl patch had returned; below 0: before)$plain"
table

if [ "$LOCKGATE_NODE" = real ]; then
  title "The image is pulled with regcred, and the container runs"
else
  title "The script that plays the kubelet says that the Pod ran"
fi
until_status phase Succeeded 60s
typed 'kubectl get pipelines -n demo -o wide'
if [ "$LOCKGATE_NODE" = real ]; then
  say "What the container received, by its own words:"
  typed 'kubectl logs -n demo -l lockgate.dev/pipeline=edges'
  echo # The file has no line's end.
  received=$(kubectl logs -n demo -l lockgate.dev/pipeline=edges)
  [[ $received == *canary-of-the-tide*canary-of-the-harbour* ]]
fi

title "No value of a Secret is in anything that Lockgate wrote"
# Every value, the registry's password too, holds the word canary.
for place in "the operator's log" "the Pipeline" "its Pod" "the events"; do
  case $place in
    *log) cat "$log" ;;
    *Pipeline) kubectl get pipelines -n demo -o yaml ;;
    *Pod) kubectl get pods -n demo -o yaml ;;
    *events) kubectl get events -n demo -o yaml ;;
  esac >"$LOCKGATE_CLUSTER_DIR/searched"
  if grep -q canary "$LOCKGATE_CLUSTER_DIR/searched"; then
    say "${red}a value is in $place$plain" >&2
    exit 1
  fi
  say "no value in $place ($(wc -l <"$LOCKGATE_CLUSTER_DIR/searched") lines)"
done

title "That was all"
say "The demo took $(between "$started" "$EPOCHREALTIME") ms; with the cluster's start: $(ps -o etimes= -p "$PPID" | tr -d ' ') s."
if [ -n "${KEEP:-}" ]; then
  say "The cluster and the operator stay until Ctrl-C. How to reach it:"
else
  say "To go on: make demo KEEP=1 keeps this cluster, make cluster starts an empty one; docs/pipeline.md has every field."
fi
