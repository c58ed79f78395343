# The first process of a node's own PID and mount namespaces: containerd, then kubelet. When one of
# them ends, so does the namespace with all that runs in it.
# $1: the node's folder; $2: the folder of the logs; $3: the kubelet and, after it, its arguments.
set -eu
folder=$1 logs=$2
shift 2

# Paths that these programs have compiled in get an empty file system that nobody else sees.
for path in /run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers; do
    mkdir -p "$path"
    mount -t tmpfs -o mode=755 tmpfs "$path"
done

# The kubelet sets these for the whole machine; let it set a copy.
mkdir "$folder/sysctl"
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    [ -e "/proc/sys/$name" ] || continue
    copy=$folder/sysctl/${name##*/}
    cat "/proc/sys/$name" >"$copy"
    mount --bind "$copy" "/proc/sys/$name"
done

# The end of one program, with the end of its log, is the end of this one.
trap 'exit 1' TERM
keep() {
    log=$logs/$1.log
    shift
    "$@" >>"$log" 2>&1 || true
    echo "$1 has ended:"
    tail -n 20 "$log"
    kill -TERM 1
}

keep containerd containerd --config "$folder/containerd.toml" &
until [ -e "$folder/control-plane-is-ready" ]; do sleep 0.05; done
keep kubelet "$@" &
wait
