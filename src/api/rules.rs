//! The words of the rules: each message stands once, for the CEL rule in the CRD and for the Rust that says the same.
//!
//! A message ends with what to write instead; the field's path stands before it.

/// A reference to a Secret by name.
pub const SECRET_NAME: &str = "must be the name of a Secret in the Pipeline's own namespace: lower-case letters, digits, '-' and '.', at most 253 characters";
/// A pull secret by name.
pub const PULL_SECRET_NAME: &str = "must hold names of Secrets in the Pipeline's own namespace: lower-case letters, digits, '-' and '.', each 1 to 253 characters";
/// A `ServiceAccount` by name.
pub const SERVICE_ACCOUNT_NAME: &str = "must be the name of a ServiceAccount in the Pipeline's own namespace: lower-case letters, digits, '-' and '.', at most 253 characters";
/// A `PriorityClass` by name.
pub const PRIORITY_CLASS_NAME: &str =
    "must be the name of a PriorityClass: lower-case letters, digits, '-' and '.', at most 253 characters";
/// A key of a Secret (`apimachinery/pkg/util/validation` `IsConfigMapKey`).
pub const SECRET_KEY: &str = "must be a key of a Secret: letters, digits, '-', '_' and '.', at most 253 characters, not '.' and not starting with '..'";

/// `env_var` stands alone.
pub const ENV_VAR_NEEDS_KEY: &str = "env_var needs key: name the key whose value the variable receives";
/// `key` stands alone.
pub const KEY_NEEDS_ENV_VAR: &str =
    "key needs env_var; for one key as a file write items: [{key: ..., path: ...}] with mount_path";
/// An entry that names a Secret and does nothing with it.
pub const ENTRY_NEEDS_USE: &str =
    "say how the container receives the Secret: env_var with key, mount_path, or env_prefix";
/// `items` stands without `mount_path`.
pub const ITEMS_NEED_MOUNT_PATH: &str = "items need mount_path: the directory in which the files appear";
/// `sub_path` stands without `mount_path`.
pub const SUB_PATH_NEEDS_MOUNT_PATH: &str = "sub_path needs mount_path: the file that it becomes in the container";
/// `sub_path` names no file of the entry.
pub const SUB_PATH_IS_AN_ITEM: &str = "sub_path must be equal to the path of one of the items";
/// `sub_path` without `items`.
pub const SUB_PATH_IS_A_KEY: &str =
    "sub_path without items must be a key of the Secret; for a file of another name add items";

/// The name of an environment variable (KEP-4369).
pub const ENV_NAME: &str = "must be printable ASCII without '=', 1 to 253 characters";
/// The prefix of environment variables.
pub const ENV_PREFIX: &str = "must be printable ASCII without '=', at most 253 characters";
/// A variable of ours.
pub const ENV_RESERVED: &str = "must not start with LOCKGATE_: these variables are set by Lockgate; take another name";
/// Two entries of one list set one variable.
pub const ENV_UNIQUE: &str = "each environment variable may be set once: an env_var stands twice";
/// An entry of the spec and one of a container set one variable.
pub const ENV_UNIQUE_SPEC: &str = "each environment variable may be set once: an env_var stands in spec.secrets and in the transform's or a step's own secrets";
/// A literal and a Secret set one variable.
pub const ENV_UNIQUE_LITERAL: &str =
    "each environment variable may be set once: a name stands in env and as the env_var of a Secret";

/// `stdin` without a program that reads it.
pub const STDIN_NEEDS_CMD: &str = "stdin needs cmd: name the program that reads the lines, as in cmd: [sh]";
/// Too much of `stdin`.
pub const STDIN_SIZE: &str = "must hold at most 200 KiB (204800 bytes of UTF-8) in all, a newline after each line counted: put larger input into the image, or into a file of a mounted Secret";

/// The form of a mount path.
pub const MOUNT_PATH: &str = "must be an absolute path other than '/', without '.', '..', ':', '//', control characters or a trailing '/', as in /etc/tls";
/// The `ServiceAccount` token's place.
pub const MOUNT_PATH_TOKEN: &str = "must not lie at or below /var/run/secrets/kubernetes.io/serviceaccount: the kubelet mounts the token there; take another directory";
/// Lockgate's own place.
pub const MOUNT_PATH_OURS: &str = "must not lie at or below /lockgate, where Lockgate mounts its own files: take another directory, as in /etc/lockgate";
/// One mount path below another.
pub const MOUNT_PATH_NESTED: &str = "a mount_path must not lie below another: mount side by side, or at one and the same mount_path, where entries are merged";
/// One mount path with and without `sub_path`.
pub const MOUNT_PATH_SUB_PATH: &str = "an entry with sub_path must be alone at its mount_path: it is one file there, and nothing can be merged with it; take another mount_path";
/// The form of an item's path.
pub const ITEM_PATH: &str = "must be a path below mount_path: relative, at most 255 characters, without '.', '..', ':', '//', control characters or a '/' at its ends, and not starting with '..'";
/// Two items, one file.
pub const ITEM_PATH_UNIQUE: &str = "each path may stand once in items: two items would become one file";
/// Two entries, one file.
pub const FILE_UNIQUE: &str = "entries at one mount_path are merged, and two of their files have one path: rename one of them, or mount it elsewhere";
/// Too many files to compare.
pub const FILES_AT_MOST: &str =
    "entries that share a mount_path may name at most 256 items in all: mount some of them elsewhere";

/// A claim by name.
pub const CLAIM_NAME: &str = "must be the name of a PersistentVolumeClaim in the Pipeline's own namespace: lower-case letters, digits, '-' and '.', at most 253 characters";
/// A ConfigMap by name.
pub const CONFIG_MAP_NAME: &str = "must be the name of a ConfigMap in the Pipeline's own namespace: lower-case letters, digits, '-' and '.', at most 253 characters";
/// A volume of none or of several kinds.
pub const VOLUME_ONE_SOURCE: &str = "must have exactly one of claim, config_map and scratch: one entry is one mount";
/// Scratch space that nobody could write to.
pub const VOLUME_READ_ONLY: &str =
    "read_only needs claim or config_map: scratch is empty, and nothing could be put into it";
/// Something other than a ConfigMap that may be missing.
pub const VOLUME_OPTIONAL: &str =
    "optional needs config_map: a Pod cannot start without its claim, and scratch is always there";
/// A folder of an empty folder.
pub const VOLUME_SUB_PATH_SCRATCH: &str = "sub_path needs claim or config_map: scratch is empty, so leave it out";
/// A path in a ConfigMap, which has no folders.
pub const VOLUME_SUB_PATH_KEY: &str = "sub_path of a config_map must be one of its keys: letters, digits, '-', '_' and '.', as in app.conf; it becomes the file mount_path";
/// The form of a path in a volume.
pub const VOLUME_SUB_PATH: &str = "must be a path inside the volume: relative, at most 255 characters, without '.', '..', ':', '//', control characters or a '/' at its ends, and not starting with '..'";
/// How much scratch space may hold.
pub const VOLUME_SIZE: &str = "must be an amount above zero, as in 500Mi or 1Gi, at most 32 characters";
/// Two mounts in one place.
pub const VOLUMES_APART: &str = "the mount_path of a volume must be no other mount's, nor lie below or above one, Secrets' included: mount side by side";
/// Something in the place of Pachyderm's volume.
pub const MEMORY_VOLUME_APART: &str = "memory_volume is mounted at /pfs, as in Pachyderm, so that nothing else can be mounted there: take another mount_path, or write a scratch volume instead";

/// A named user.
pub const USER: &str = "must be a number from 0 to 2147483647: Kubernetes cannot look up a user's name inside the image, so write its number, as in \"1000\"";
/// A named group.
pub const GROUP: &str = "must be a number from 0 to 2147483647: Kubernetes cannot look up a group's name inside the image, so write its number, as in \"1000\"";

/// What the kubelet answers with `InvalidImageName`.
pub const IMAGE: &str = "must be an image reference, as in registry.example.com/team/app:1.4 or app@sha256:<64 hex digits>; the repository is lower-case, and placeholders must be replaced before the Pipeline is applied";
/// 64 hexadecimal digits are an image's id.
pub const IMAGE_ID: &str = "must not be 64 hexadecimal digits: that reads as an image's id; write name@sha256:<digits>";
/// The repository's name is too long.
pub const IMAGE_LONG: &str =
    "has a repository name of more than 255 characters (Docker Hub's `library/` counts): shorten it";

/// Root, where it is forbidden.
pub const USER_RESTRICTED: &str =
    "security: Restricted forbids user \"0\", which is root: write another number, or security: Baseline";

/// The form of a duration.
pub const DURATION: &str = "must be a duration longer than zero, as in 90s, 15m, 24h or 1h30m: whole numbers of at most six digits, in the order h, m, s";
/// The length of a Pipeline's name.
pub const NAME: &str = "must be at most 52 characters: it becomes a label value of the Pods";
/// The number of references.
pub const REFERENCES_AT_MOST: &str = "a Pipeline may have at most 256 references: each env_var, env_prefix and mount_path counts, each Secret of an input, each claim and config_map, and each distinct pull secret";

/// The name of a resource.
pub const RESOURCE_NAME: &str = "must be keyed by names of resources: cpu, memory, ephemeral-storage, hugepages-<size> or a name with a domain, as in nvidia.com/gpu";
/// An amount of a resource.
pub const QUANTITY: &str = "must be an amount of at least zero, as in 100m, 2 or 64Mi, at most 32 characters";
/// A resource that cannot be overcommitted (`IsOvercommitAllowed` in Kubernetes' `pkg/apis/core/v1/helper`).
pub const RESOURCE_NEEDS_LIMIT: &str =
    "names such as nvidia.com/gpu and hugepages-2Mi must stand in resource_limits as well, with the same amount";
/// A key of a label.
pub const LABEL_KEY: &str = "must have keys such as team or example.com/team: an optional domain and '/', then at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends";
/// A value of a label.
pub const LABEL_VALUE: &str =
    "must have values of at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends";
/// A default label that is ours or another tool's.
pub const POD_LABEL_RESERVED: &str = "must not be given to Pods: Lockgate or a tool that tracks objects by it (Argo CD, Flux, Helm) sets it; take a label of your own";

/// The key of a toleration.
pub const TOLERATION_KEY: &str = "must be a taint's key such as dedicated or example.com/dedicated: an optional domain and '/', then at most 63 letters, digits, '-', '_' and '.'";
/// How a toleration compares.
pub const TOLERATION_OPERATOR: &str = "must be Equal or Exists; left out it is Equal";
/// A toleration of every taint.
pub const TOLERATION_WITHOUT_KEY: &str =
    "must be Exists where key is empty: name the key, or tolerate every taint with it";
/// The value of a toleration.
pub const TOLERATION_VALUE: &str = "must be at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends, and left out where operator is Exists";
/// What a toleration is for.
pub const TOLERATION_EFFECT: &str = "must be NoSchedule, PreferNoSchedule or NoExecute; left out it is all of them";
/// How long a toleration holds.
pub const TOLERATION_SECONDS: &str = "needs effect: NoExecute";

/// Pachyderm's `err_cmd`.
pub const NO_ERR_CMD: &str = "err_cmd is not supported, because Lockgate has no datums: handle the error inside cmd, as in cmd: [sh, -c, \"work || handle\"]";
/// Pachyderm's `err_stdin`.
pub const NO_ERR_STDIN: &str = "err_stdin is not supported, because Lockgate has no datums: handle the error inside cmd, as in cmd: [sh, -c, \"work || handle\"]";
/// Pachyderm's `debug`.
pub const NO_DEBUG: &str = "debug is not supported, because Lockgate adds nothing to your container that could log: set your program's own log level in env";
/// Pachyderm's `dockerfile`.
pub const NO_DOCKERFILE: &str =
    "dockerfile is not supported, because Lockgate builds no images: build and push it, then name it in image";
/// Pachyderm's `datum_batching`.
pub const NO_DATUM_BATCHING: &str =
    "datum_batching is not supported, because Lockgate has no datums: let cmd loop over its input itself";

/// `retries` out of bounds; the schema says it in its own words.
pub const RETRIES: &str = "must be between 0 and 1000";

/// `history_limit` out of bounds; the schema says it in its own words.
pub const HISTORY_LIMIT: &str = "must be between 0 and 100";

/// `parallelism` out of bounds; the schema says it in its own words.
pub const PARALLELISM: &str = "must be between 0 and 1000";

/// Both or neither of the two forms of work.
pub const TRANSFORM_OR_STEPS: &str =
    "must have exactly one of transform (one container) and steps (a graph of containers)";

/// A field that only a Service has.
pub const ONLY_OF_SERVICES: &str =
    "needs mode: Service; the Pods of a Job run to their end, and none takes their place";
/// A graph that does not end.
pub const SERVICE_HAS_NO_STEPS: &str =
    "mode: Service needs transform: a step ends before those that need it start, and a Service does not end";
/// An end of what does not end.
pub const SERVICE_HAS_NO_END: &str = "needs mode: Job; the Pods of a Service are kept running";
/// `max_surge`, `max_unavailable` out of bounds; the schema says it in its own words.
pub const MAX_PODS: &str = "must be between 0 and 1000";
/// A roll that could not move.
pub const ROLL_NEEDS_ROOM: &str =
    "max_surge and max_unavailable must not both be 0: no Pod could be exchanged; leave them out for 1 and 0";

/// The name of a step.
pub const STEP_NAME: &str = "must be lower-case letters, digits and '-', with a letter or digit at both ends, at most 40 characters: it becomes a part of the Pods' names";
/// Two steps, one name.
pub const STEP_NAMES_UNIQUE: &str = "each name may stand once in steps: two steps have one name, rename one of them";
/// One need twice.
pub const NEEDS_UNIQUE: &str = "each name may stand once in needs: take the second one away";
/// A need that is no other step.
pub const NEEDS_KNOWN: &str =
    "needs must hold names of other steps of this Pipeline: write the name as it stands at the step, or take it away";
/// Steps that could never start, before the path of the circle.
pub const STEPS_IN_A_CIRCLE: &str = "the steps need each other in a circle: ";
/// What to do about a circle, after its path.
pub const BREAK_THE_CIRCLE: &str = "; none of them could ever start, so take one of these needs away";
/// A circle, where its path cannot be told.
pub const NO_CIRCLE: &str =
    "the steps need each other in a circle: none of them could ever start, so take one of the needs away";

/// A port out of range; the schema says it in its own words.
pub const PORT: &str = "must be a number from 1 to 65535";
/// The name of a port.
pub const PORT_NAME: &str =
    "must be at most 15 lower-case letters, digits and single '-' between them, with at least one letter, as in http";
/// Two ports, one name.
pub const PORT_NAMES_UNIQUE: &str = "each port's name may stand once: rename one of the ports";
/// A port of the node.
pub const NO_HOST_PORT: &str = "hostPort is refused: it takes a port of the node, and Pod Security forbids it from the level baseline on; put a Kubernetes Service in front";
/// An address of the node.
pub const NO_HOST_IP: &str = "hostIP is refused: it goes with hostPort; put a Kubernetes Service in front";
/// A protocol that Kubernetes does not know; the schema says it in its own words.
pub const PROTOCOL: &str = "must be TCP, UDP or SCTP";
/// A probe that does nothing, or several things.
pub const ONE_HANDLER: &str = "a probe must have exactly one of exec, httpGet, tcpSocket and grpc";
/// `exec` without a command.
pub const EXEC_NEEDS_COMMAND: &str = "exec needs command: the program and its arguments, as in [cat, /tmp/ready]";
/// The port of a probe.
pub const PROBE_PORT: &str = "must be a number from 1 to 65535, or the name of one of spec.ports";
/// A port that is not there.
pub const PROBE_PORT_IS_NAMED: &str =
    "names a port that spec.ports does not have: write its number, or give a port this name";
/// A grace period that has no meaning.
pub const NO_READINESS_GRACE: &str =
    "terminationGracePeriodSeconds is not for a readiness_probe: it ends nothing; write it at the liveness_probe";
/// A scheme that Kubernetes does not know; the schema says it in its own words.
pub const SCHEME: &str = "must be HTTP or HTTPS";
/// A number of a probe out of bounds; the schema says it in its own words.
pub const PROBE_NUMBER: &str = "must not be negative";
/// How often a liveness probe has to succeed; the schema says it in its own words.
pub const LIVENESS_SUCCESS: &str = "must be 1 for a liveness_probe";
/// The grace period of a liveness probe; the schema says it in its own words.
pub const LIVENESS_GRACE: &str = "must be at least 1";
/// The host of a Registry.
pub const REGISTRY_HOST: &str = "must be the host as it stands in images, with its port if it has one, as in registry.example.com:5000: lower case, ASCII, without https://, user, path, tag and digest; docker.io for Docker Hub";
/// The Secret of a Registry or of a ClusterRegistry.
pub const REGISTRY_SECRET: &str =
    "must be the name of a pull Secret: lower-case letters, digits, '-' and '.', at most 253 characters";
/// The namespace of a ClusterRegistry's Secret.
pub const NAMESPACE: &str =
    "must be the name of a namespace: lower-case letters, digits and '-', at most 63 characters";
/// Both or none of the places.
pub const INPUT_ONE_PLACE: &str = "an input needs exactly one of mount_path (a file) and env_var (a variable)";
/// Two Secrets of one name in expressions.
pub const INPUT_NAMES_UNIQUE: &str =
    "two Secrets of the input have one name in expressions: give one of them another, as in as: token";
/// Where an input may not be mounted.
pub const INPUT_PATH: &str =
    "must not be /lockgate itself nor /lockgate/stdin: take another file, as in /lockgate/input.json";
/// What expressions call a Secret.
pub const INPUT_CALLED: &str =
    "must be letters, digits, '-', '_' and '.', as in token, which expressions call .secrets.token";
/// A variable that is set twice.
pub const INPUT_ENV_UNIQUE: &str =
    "each environment variable may be set once: the env_var of an input stands in env too, or at a Secret";
/// Two mounts in one place.
pub const INPUT_APART: &str = "the mount_path of an input must be no other mount's, nor lie below or above one: take another file, as in /lockgate/input.json";
/// Two texts that stand in annotations.
pub const INPUT_AND_STDIN: &str = "stdin and the template of the input may have 200 KiB (204800 bytes) in all: put larger input into the image, or into a file of a mounted Secret";
/// A step whose container would have the init container's name.
pub const STEP_NAME_OURS: &str =
    "must not be lockgate-render, which is the name of Lockgate's own init container: take another name";
/// What `format` goes with.
pub const FORMAT_ALONE: &str = "format: properties makes one file of all keys in mount_path: it needs mount_path, and takes neither items nor sub_path nor optional";
