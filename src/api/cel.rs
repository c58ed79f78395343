//! The rules in CEL, as the API server runs them; each goes with a message of [`super::rules`].
//!
//! The server estimates a rule's worst cost from the bounds in the schema, and refuses the CRD above 10 million for a
//! rule or 100 million in all (`apiextensions/validation`). Two things keep these far below: pairs of entries are
//! compared only by strings of bounded length, reached by a path that the estimator can follow; and lists that are
//! compared with `distinct`, which costs the square of their length, are short. Measured on 1.36: the dearest rule 6.8
//! million, all together 39 million. Keys of maps have no bound in a schema, and the estimator counts them as short.

/// A DNS subdomain (RFC 1123).
macro_rules! subdomain {
    () => {
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
    };
}
/// A key of a Secret (`IsConfigMapKey`).
macro_rules! secret_key {
    ($this:literal) => {
        concat!($this, ".matches('^[-._a-zA-Z0-9]+$') && ", $this, " != '.' && !", $this, ".startsWith('..')")
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
pub(super) const MOUNT_PATH_OURS: &str = "self != '/lockgate' && !self.startsWith('/lockgate/')";
pub(super) const MOUNT_PATH_NESTED: &str = "self.all(s, !has(s.mount_path) || self.all(t, !has(t.mount_path) || !s.mount_path.startsWith(t.mount_path + '/')))";
pub(super) const MOUNT_PATH_NESTED_SPEC: &str = "!has(self.transform) || !has(self.secrets) || !has(self.transform.secrets) || self.secrets.all(s, !has(s.mount_path) || self.transform.secrets.all(t, !has(t.mount_path) || !s.mount_path.startsWith(t.mount_path + '/') && !t.mount_path.startsWith(s.mount_path + '/')))";
pub(super) const MOUNT_PATH_SUB_PATH: &str = "self.all(i, s, !has(s.mount_path) || !has(s.sub_path) || self.all(j, t, i == j || !has(t.mount_path) || s.mount_path != t.mount_path))";
pub(super) const MOUNT_PATH_SUB_PATH_SPEC: &str = "!has(self.transform) || !has(self.secrets) || !has(self.transform.secrets) || self.secrets.all(s, !has(s.mount_path) || self.transform.secrets.all(t, !has(t.mount_path) || !has(s.sub_path) && !has(t.sub_path) || s.mount_path != t.mount_path))";

pub(super) const ITEM_PATH: &str = concat!(
    "self.matches(r'^",
    path_part!(),
    "(/",
    path_part!(),
    ")*$') && !self.matches('(^|/)[.][.]?(/|$)') && !self.startsWith('..')"
);
pub(super) const ITEM_PATH_UNIQUE: &str = "self.map(item, item.path).distinct().size() == self.size()";

/// How many entries of a list have the mount path of `$entry`.
macro_rules! sharing {
    ($list:literal, $entry:literal) => {
        concat!($list, ".filter(t, has(t.mount_path) && t.mount_path == ", $entry, ".mount_path).size()")
    };
}
/// The items of those entries of `$list` that share their mount path, each path behind its mount path; `:` stands in
/// neither. By index up to the bound of a list, because the
/// estimator follows no path through `filter`.
macro_rules! shared_files {
    ($list:literal, $entry:literal, $sharing:expr) => {
        concat!(
            "lists.range(64).filter(i, i < ",
            $list,
            ".size() && has(",
            $entry,
            ".mount_path) && has(",
            $entry,
            ".items) && ",
            $sharing,
            " > 1).map(i, ",
            $entry,
            ".items.map(item, ",
            $entry,
            ".mount_path + ':' + item.path)).flatten()"
        )
    };
}
/// Those of `spec.secrets`, shared with any entry.
macro_rules! shared_in_spec {
    () => {
        shared_files!(
            "self.secrets",
            "self.secrets[i]",
            concat!(
                sharing!("self.secrets", "self.secrets[i]"),
                " + (has(self.transform.secrets) ? ",
                sharing!("self.transform.secrets", "self.secrets[i]"),
                " : 0)"
            )
        )
    };
}
/// Those of `spec.transform.secrets`, shared with any entry.
macro_rules! shared_in_transform {
    () => {
        shared_files!(
            "self.transform.secrets",
            "self.transform.secrets[i]",
            concat!(
                sharing!("self.transform.secrets", "self.transform.secrets[i]"),
                " + (has(self.secrets) ? ",
                sharing!("self.secrets", "self.transform.secrets[i]"),
                " : 0)"
            )
        )
    };
}

pub(super) const FILE_UNIQUE: &str = concat!(
    "[",
    shared_files!("self", "self[i]", sharing!("self", "self[i]")),
    "].all(files, files.size() > 256 || files.distinct().size() == files.size())"
);
pub(super) const FILE_UNIQUE_SPEC: &str = concat!(
    "!has(self.secrets) || !has(self.transform) || !has(self.transform.secrets) || [",
    shared_in_spec!(),
    "].all(a, [",
    shared_in_transform!(),
    "].all(b, a.size() + b.size() > 256 || a.distinct().size() + b.distinct().size() == (a + b).distinct().size()))"
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
pub(super) const REFERENCES_AT_MOST: &str = concat!(
    "!has(self.transform) || ",
    uses!("self.secrets"),
    " + ",
    uses!("self.transform.secrets"),
    " + ((has(self.image_pull_secrets) ? self.image_pull_secrets : []) + ",
    "(has(self.transform.image_pull_secrets) ? self.transform.image_pull_secrets : [])).distinct().size()",
    " + (has(self.transform.volumes) ? self.transform.volumes.filter(v, !has(v.scratch)).size() : 0) <= 256"
);

pub(super) const VOLUME_ONE_SOURCE: &str =
    "[has(self.claim), has(self.config_map), has(self.scratch)].filter(given, given).size() == 1";
pub(super) const VOLUME_READ_ONLY: &str = "!has(self.read_only) || !self.read_only || !has(self.scratch)";
pub(super) const VOLUME_OPTIONAL: &str = "!has(self.optional) || !self.optional || has(self.config_map)";
pub(super) const VOLUME_SUB_PATH_SCRATCH: &str = "!has(self.sub_path) || !has(self.scratch)";
pub(super) const VOLUME_SUB_PATH_KEY: &str =
    concat!("!has(self.sub_path) || !has(self.config_map) || ", secret_key!("self.sub_path"));
pub(super) const VOLUME_SIZE: &str =
    concat!("type(self) == int ? self > 0 : self.matches('", quantity!(), "') && self.matches('^[0-9.]*[1-9]')");

/// Two paths of which neither is the other, nor lies below it. The longer one is looked at alone, which halves the cost.
macro_rules! apart {
    ($a:literal, $b:literal) => {
        concat!(
            "(",
            $a,
            ".size() < ",
            $b,
            ".size() ? !(",
            $b,
            " + '/').startsWith(",
            $a,
            " + '/') : !(",
            $a,
            " + '/').startsWith(",
            $b,
            " + '/'))"
        )
    };
}
pub(super) const VOLUMES_APART: &str =
    concat!("self.all(i, v, self.all(j, w, i <= j || ", apart!("v.mount_path", "w.mount_path"), "))");
pub(super) const VOLUMES_APART_FROM_SECRETS: &str = concat!(
    "!has(self.volumes) || !has(self.secrets) || self.secrets.all(s, !has(s.mount_path) || self.volumes.all(v, ",
    apart!("s.mount_path", "v.mount_path"),
    "))"
);
pub(super) const VOLUMES_APART_SPEC: &str = concat!(
    "!has(self.transform) || !has(self.transform.volumes) || !has(self.secrets) || ",
    "self.secrets.all(s, !has(s.mount_path) || self.transform.volumes.all(v, ",
    apart!("s.mount_path", "v.mount_path"),
    "))"
);
pub(super) const MEMORY_VOLUME_APART: &str = "!has(self.memory_volume) || !self.memory_volume || (!has(self.secrets) || self.secrets.all(s, !has(s.mount_path) || !(s.mount_path + '/').startsWith('/pfs/'))) && (!has(self.volumes) || self.volumes.all(v, !(v.mount_path + '/').startsWith('/pfs/')))";
pub(super) const MEMORY_VOLUME_APART_SPEC: &str = "!has(self.transform) || !has(self.transform.memory_volume) || !self.transform.memory_volume || !has(self.secrets) || self.secrets.all(s, !has(s.mount_path) || !(s.mount_path + '/').startsWith('/pfs/'))";

pub(super) const TRANSFORM_OR_STEPS: &str = "has(self.transform) != (has(self.steps) && self.steps.size() > 0)";

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
pub(super) const RESOURCE_NEEDS_LIMIT: &str = "!has(self.resource_requests) || self.resource_requests.all(name, !name.startsWith('hugepages-') && (!name.contains('/') || name.contains('kubernetes.io/')) || has(self.resource_limits) && name in self.resource_limits)";
pub(super) const LABEL_KEYS: &str = "self.all(key, !format.qualifiedName().validate(key).hasValue())";
/// Kubernetes lowers the key of an annotation before it looks (`ValidateAnnotations`).
pub(super) const ANNOTATION_KEYS: &str = "self.all(key, !format.qualifiedName().validate(key.lowerAscii()).hasValue())";
pub(super) const LABEL_VALUES: &str = "self.all(key, !format.labelValue().validate(self[key]).hasValue())";

pub(super) const EMPTY: &str = "self.size() == 0";
pub(super) const FALSE: &str = "!self";
