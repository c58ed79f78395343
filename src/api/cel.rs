//! The rules in CEL, as the API server runs them; each goes with a message of [`super::rules`].
//!
//! The server estimates a rule's worst cost from the bounds in the schema, and refuses the CRD above 10 million for a
//! rule or 100 million in all (`apiextensions/validation`); at run time an expression may cost 1 million and an object
//! 10 million. What keeps these:
//! - A regular expression costs its own length times that of the text, so the short form of it is written.
//! - `in`, `distinct` and `sets.intersects` count the elements of a list and not their lengths; `==`, `startsWith` and `+`
//!   count characters. So lists are compared where that is possible, and files by `[mount_path, path]`.
//! - Sizes are found by following a path from `self`. `filter` breaks the path, so texts are taken with `map`. A list that
//!   a literal list binds (`[list].all(name, ...)`) has the size of `self` for it: none where `self` is an object. What it
//!   costs at run time is bounded by the schema, or by a guard in the rule.
//! - Two selections from one variable can take each other's size (cel-go 0.26): the mount path is bound before the items
//!   are walked.
//! - Keys of maps have no bound in a schema, and the estimator counts them as short.
//!
//! Measured with `cel.Compile` of apiextensions-apiserver 0.36.3 and 0.35.0, times the number of places, as its
//! `getExpressionCost` does: the dearest rule 8.5 million, all together 86 million, of them 51 million below `steps`. At run
//! time the manifests of `tests/corpus` that are full to the bounds cost at most 3.4 million.

/// A DNS subdomain (RFC 1123).
macro_rules! subdomain {
    () => {
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
    };
}
/// A key of a Secret (`IsConfigMapKey`).
macro_rules! secret_key {
    ($this:literal) => {
        concat!($this, ".matches(r'^[-.\\w]+$') && ", $this, " != '.' && !", $this, ".startsWith('..')")
    };
}
/// A quantity in Kubernetes' notation that is not negative.
macro_rules! quantity {
    () => {
        "^([0-9]+([.][0-9]*)?|[.][0-9]+)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][-+]?[0-9]{1,2})?$"
    };
}
/// One part of a path.
macro_rules! path_part {
    () => {
        "[^/:\\x00-\\x1f\\x7f]+"
    };
}

pub(super) const SUBDOMAIN: &str = concat!("self.matches('", subdomain!(), "')");
pub(super) const SUBDOMAIN_OR_EMPTY: &str = concat!("self == '' || self.matches('", subdomain!(), "')");
pub(super) const ALL_SUBDOMAINS: &str = concat!("self.all(name, name.matches('", subdomain!(), "'))");
pub(super) const SECRET_KEY: &str = secret_key!("self");

pub(super) const ENV_VAR_NEEDS_KEY: &str = "!has(self.env_var) || has(self.key)";
pub(super) const KEY_NEEDS_ENV_VAR: &str = "!has(self.key) || has(self.env_var)";
pub(super) const ENTRY_NEEDS_USE: &str = "has(self.env_var) || has(self.mount_path) || has(self.env_prefix)";
pub(super) const ITEMS_NEED_MOUNT_PATH: &str = "!has(self.items) || self.items.size() == 0 || has(self.mount_path)";
pub(super) const SUB_PATH_NEEDS_MOUNT_PATH: &str = "!has(self.sub_path) || has(self.mount_path)";
pub(super) const FORMAT_ALONE: &str = "!has(self.format) || has(self.mount_path) && !has(self.sub_path) && (!has(self.items) || self.items.size() == 0) && (!has(self.optional) || !self.optional)";
pub(super) const SUB_PATH_IS_AN_ITEM: &str = "!has(self.sub_path) || !has(self.items) || self.items.size() == 0 || self.items.exists(item, item.path == self.sub_path)";
pub(super) const SUB_PATH_IS_A_KEY: &str =
    concat!("!has(self.sub_path) || has(self.items) && self.items.size() > 0 || ", secret_key!("self.sub_path"));

pub(super) const ENV_NAME: &str = "self.matches('^[ -<>-~]+$')";
pub(super) const ENV_PREFIX: &str = "self.matches('^[ -<>-~]*$')";
pub(super) const ENV_RESERVED: &str = "!self.startsWith('LOCKGATE_')";
pub(super) const ENV_KEYS: &str = "self.all(name, name.matches('^[ -<>-~]{1,253}$'))";
pub(super) const ENV_KEYS_RESERVED: &str = "self.all(name, !name.startsWith('LOCKGATE_'))";
pub(super) const ENV_UNIQUE: &str =
    "self.filter(s, has(s.env_var)).map(s, s.env_var).distinct().size() == self.filter(s, has(s.env_var)).size()";
pub(super) const ENV_UNIQUE_SPEC: &str = "!has(self.transform) || !has(self.secrets) || !has(self.transform.secrets) || self.secrets.all(s, !has(s.env_var) || !self.transform.secrets.exists(t, has(t.env_var) && t.env_var == s.env_var))";
pub(super) const ENV_UNIQUE_LITERAL: &str = "!has(self.transform) || !has(self.transform.env) || (!has(self.secrets) || self.secrets.all(s, !has(s.env_var) || !(s.env_var in self.transform.env))) && (!has(self.transform.secrets) || self.transform.secrets.all(s, !has(s.env_var) || !(s.env_var in self.transform.env)))";

pub(super) const STDIN_NEEDS_CMD: &str =
    "!has(self.stdin) || self.stdin.size() == 0 || has(self.cmd) && self.cmd.size() > 0";
/// Characters are counted, not bytes: to turn that many lines into bytes would be above the budget. `model::parse`
/// counts bytes.
pub(super) const STDIN_SIZE: &str = "self.map(line, line.size() + 1).sum() <= 204800";

pub(super) const MOUNT_PATH: &str =
    concat!("self.matches(r'^(/", path_part!(), ")+$') && !self.matches('/[.][.]?(/|$)')");
pub(super) const MOUNT_PATH_TOKEN: &str = "self != '/var/run/secrets/kubernetes.io/serviceaccount' && !self.startsWith('/var/run/secrets/kubernetes.io/serviceaccount/')";
pub(super) const INPUT_ONE_PLACE: &str = "has(self.mount_path) != has(self.env_var)";
/// `as` is a word of CEL, hence its form.
pub(super) const INPUT_NAMES_UNIQUE: &str =
    "self.map(s, has(s.__as__) ? s.__as__ : s.name).distinct().size() == self.size()";
pub(super) const INPUT_PATH: &str =
    "self != '/lockgate' && self != '/lockgate/stdin' && !self.startsWith('/lockgate/stdin/')";
pub(super) const REGISTRY_HOST: &str = "self in ['https://index.docker.io/v1/', 'https://index.docker.io', 'https://docker.io', 'https://registry-1.docker.io'] || self.matches('^(localhost|[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+|[a-z0-9]([-a-z0-9]*[a-z0-9])?:[0-9]+|[[][0-9a-f:]+[]])(:[0-9]{1,5})?$')";
pub(super) const MOUNT_PATH_OURS: &str = "self != '/lockgate' && !self.startsWith('/lockgate/')";

/// No mount path of `$list` lies below one of `$above`. No path starts with a colon.
macro_rules! none_below {
    ($above:literal, $list:literal) => {
        concat!(
            $above,
            ".map(s, has(s.mount_path) ? s.mount_path + '/' : ':').all(above, ",
            $list,
            ".all(t, !has(t.mount_path) || !t.mount_path.startsWith(above)))"
        )
    };
}
/// The mount paths of a list.
macro_rules! mounts {
    ($list:literal) => {
        concat!($list, ".filter(t, has(t.mount_path)).map(t, t.mount_path)")
    };
}
/// No entry of `$list` with a `sub_path` has its mount path in `$others`.
macro_rules! alone {
    ($list:literal, $others:literal) => {
        concat!($list, ".all(s, !has(s.mount_path) || !has(s.sub_path) || !(s.mount_path in ", mounts!($others), "))")
    };
}
/// Guards a rule between `spec.secrets` and those of the transform.
macro_rules! both_lists {
    () => {
        "!has(self.transform) || !has(self.secrets) || !has(self.transform.secrets) || "
    };
}
pub(super) const MOUNT_PATH_NESTED: &str = none_below!("self", "self");
pub(super) const MOUNT_PATH_NESTED_SPEC: &str = concat!(
    both_lists!(),
    none_below!("self.secrets", "self.transform.secrets"),
    " && ",
    none_below!("self.transform.secrets", "self.secrets")
);
/// The entries at a mount path that has a `sub_path` are as many as those mount paths.
pub(super) const MOUNT_PATH_SUB_PATH: &str = "[self.filter(s, has(s.mount_path) && has(s.sub_path)).map(s, s.mount_path)].all(files, self.filter(s, has(s.mount_path) && s.mount_path in files).size() == files.distinct().size())";
pub(super) const MOUNT_PATH_SUB_PATH_SPEC: &str = concat!(
    both_lists!(),
    alone!("self.secrets", "self.transform.secrets"),
    " && ",
    alone!("self.transform.secrets", "self.secrets")
);

pub(super) const ITEM_PATH: &str = "!self.matches('[:[:cntrl:]]')";
/// No part is empty, `.` or `..`; this refuses a `/` at the ends too.
pub(super) const ITEM_PATH_PARTS: &str = "!self.matches(r'(^|/)\\.{0,2}(/|$)') && !self.startsWith('..')";
pub(super) const ITEM_PATH_UNIQUE: &str = "self.map(item, item.path).distinct().size() == self.size()";

/// How many entries of a list have the mount path of `s`.
macro_rules! sharing {
    ($list:literal) => {
        concat!($list, ".filter(t, has(t.mount_path) && t.mount_path == s.mount_path).size()")
    };
}
/// The files of those entries of `$list` that share their mount path, each as `[mount_path, path]`: those whose names are known.
macro_rules! shared_files {
    ($list:literal, $shared:expr) => {
        concat!(
            $list,
            ".map(s, has(s.mount_path) && (has(s.items) || has(s.format)) && ",
            $shared,
            " ? (has(s.format) ? [[s.mount_path, s.name + '.properties']] : ",
            "[s.mount_path].map(at, s.items.map(item, [at, item.path])).flatten()) : []).flatten()"
        )
    };
}
/// Those of `spec.secrets`, shared with any entry.
macro_rules! shared_in_spec {
    () => {
        shared_files!(
            "self.secrets",
            concat!(
                sharing!("self.secrets"),
                " + (has(self.transform.secrets) ? ",
                sharing!("self.transform.secrets"),
                " : 0) > 1"
            )
        )
    };
}
/// Those of `spec.transform.secrets`, shared with any entry.
macro_rules! shared_in_transform {
    () => {
        shared_files!(
            "self.transform.secrets",
            concat!(
                sharing!("self.transform.secrets"),
                " + (has(self.secrets) ? ",
                sharing!("self.secrets"),
                " : 0) > 1"
            )
        )
    };
}

pub(super) const FILE_UNIQUE: &str = concat!(
    "[",
    shared_files!("self", concat!(sharing!("self"), " > 1")),
    "].all(files, files.size() > 256 || files.distinct().size() == files.size())"
);
pub(super) const FILE_UNIQUE_SPEC: &str = concat!(
    both_lists!(),
    "[",
    shared_in_spec!(),
    "].all(a, [",
    shared_in_transform!(),
    "].all(b, a.size() + b.size() > 256 || !sets.intersects(a, b)))"
);
pub(super) const FILES_AT_MOST: &str = concat!(
    "!has(self.transform) || (has(self.secrets) ? ",
    shared_in_spec!(),
    ".size() : 0) + (has(self.transform.secrets) ? ",
    shared_in_transform!(),
    ".size() : 0) <= 256"
);

/// How often a list names a Secret.
macro_rules! uses {
    ($list:literal) => {
        concat!(
            "(has(",
            $list,
            ") ? ",
            $list,
            ".filter(s, has(s.env_var)).size() + ",
            $list,
            ".filter(s, has(s.env_prefix)).size() + ",
            $list,
            ".filter(s, has(s.mount_path)).size() : 0)"
        )
    };
}
/// How many claims and ConfigMaps a list names.
macro_rules! volumes_named {
    ($list:literal) => {
        concat!("(has(", $list, ") ? ", $list, ".filter(v, !has(v.scratch)).size() : 0)")
    };
}
/// How many Secrets an input names.
macro_rules! inputs_named {
    ($of:literal) => {
        concat!("(has(", $of, ".input) && has(", $of, ".input.secrets) ? ", $of, ".input.secrets.size() : 0)")
    };
}
pub(super) const REFERENCES_AT_MOST: &str = concat!(
    "!has(self.transform) || ",
    uses!("self.secrets"),
    " + ",
    uses!("self.transform.secrets"),
    " + ((has(self.image_pull_secrets) ? self.image_pull_secrets : []) + ",
    "(has(self.transform.image_pull_secrets) ? self.transform.image_pull_secrets : [])).distinct().size() + ",
    volumes_named!("self.transform.volumes"),
    " + ",
    inputs_named!("self.transform"),
    " <= 256"
);

pub(super) const NUMERIC_ID: &str = "self.matches('^(0|[1-9][0-9]{0,9})$') && int(self) <= 2147483647";
pub(super) const USER_RESTRICTED: &str = "!has(self.transform) || !has(self.security) || self.security != 'Restricted' || !has(self.transform.user) || self.transform.user != '0'";
pub(super) const DURATION: &str =
    "self.matches('^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$') && self.matches('[1-9]')";
pub(super) const NAME: &str = "self.metadata.name.size() <= 52";

/// One label of a registry's host name.
macro_rules! host_label {
    () => {
        "[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?"
    };
}
macro_rules! host {
    () => {
        concat!("(", host_label!(), "([.]", host_label!(), ")*|\\[[a-fA-F0-9:]+\\])(:[0-9]+)?")
    };
}
/// One component of a repository's name.
macro_rules! repository_part {
    () => {
        "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
    };
}
/// The grammar of `distribution/reference` v0.6.0 with `go-digest`'s algorithms, which the kubelet uses.
pub(super) const IMAGE: &str = concat!(
    "self.matches(r'^(",
    host!(),
    "/)?",
    repository_part!(),
    "(/",
    repository_part!(),
    ")*(:[a-zA-Z0-9_][-.a-zA-Z0-9_]{0,127})?",
    "(@(sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}))?$')"
);
pub(super) const IMAGE_ID: &str = "!self.matches('^[a-f0-9]{64}$')";
/// `n` is the reference without tag and digest, `first` what stands before its first slash.
pub(super) const IMAGE_LONG: &str = concat!(
    "[self.find('^[^@]*')].map(n, n.contains('/') ? n.find('^.*/[^:]*') : n.find('^[^:]*')).all(n, ",
    "!n.contains('/') ? n.size() <= 247 : [n.find('^[^/]*')].all(first, ",
    "first.matches('^localhost$|[.:A-Z]') && first.matches(r'^",
    host!(),
    "$') ? n.size() - first.size() - 1 <= (first.matches('^(index[.])?docker[.]io$') && !n.matches('/.*/') ? 247 : 255) ",
    ": n.size() <= 255))"
);

pub(super) const RESOURCE_NAMES: &str = "self.all(name, name in ['cpu', 'memory', 'ephemeral-storage'] || (name.startsWith('hugepages-') || name.contains('/')) && !format.qualifiedName().validate(name).hasValue())";
pub(super) const QUANTITIES: &str =
    concat!("self.all(name, type(self[name]) == int ? self[name] >= 0 : self[name].matches('", quantity!(), "'))");
pub(super) const RESOURCE_NEEDS_LIMIT: &str = "!has(self.transform) || !has(self.resource_requests) || self.resource_requests.all(name, !name.startsWith('hugepages-') && (!name.contains('/') || name.contains('kubernetes.io/')) || has(self.resource_limits) && name in self.resource_limits)";
pub(super) const LABEL_KEYS: &str = "self.all(key, !format.qualifiedName().validate(key).hasValue())";
/// Kubernetes lowers the key of an annotation before it looks (`ValidateAnnotations`).
pub(super) const ANNOTATION_KEYS: &str = "self.all(key, !format.qualifiedName().validate(key.lowerAscii()).hasValue())";
pub(super) const LABEL_VALUES: &str = "self.all(key, !format.labelValue().validate(self[key]).hasValue())";

pub(super) const EMPTY: &str = "self.size() == 0";
pub(super) const FALSE: &str = "!self";

// They use the macros above.
pub(super) mod input;
pub(super) mod service;
pub(super) mod steps;
pub(super) mod volumes;
