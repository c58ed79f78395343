//! The rules of `volumes` and `memory_volume`, of a transform and of a step.

pub(in crate::api) const ONE_SOURCE: &str =
    "[has(self.claim), has(self.config_map), has(self.scratch)].filter(given, given).size() == 1";
pub(in crate::api) const READ_ONLY: &str = "!has(self.read_only) || !self.read_only || !has(self.scratch)";
pub(in crate::api) const OPTIONAL: &str = "!has(self.optional) || !self.optional || has(self.config_map)";
pub(in crate::api) const SUB_PATH_SCRATCH: &str = "!has(self.sub_path) || !has(self.scratch)";
pub(in crate::api) const SUB_PATH_KEY: &str =
    concat!("!has(self.sub_path) || !has(self.config_map) || ", secret_key!("self.sub_path"));
pub(in crate::api) const SIZE: &str =
    concat!("type(self) == int ? self > 0 : self.matches('", quantity!(), "') && self.matches('^[0-9.]*[1-9]')");

/// The mount paths of a list with a `/` behind each: so one begins with another only at or below it. No path begins with a
/// colon.
macro_rules! folders {
    ($list:literal) => {
        concat!($list, ".map(s, has(s.mount_path) ? s.mount_path + '/' : ':')")
    };
}
/// No path of `$list` is one of the folders `taken`, nor lies below or above one.
macro_rules! apart_from_taken {
    ($list:literal) => {
        concat!(folders!($list), ".all(a, taken.all(b, !a.startsWith(b) && !b.startsWith(a)))")
    };
}
pub(in crate::api) const APART: &str = concat!(
    "[",
    folders!("self"),
    "].all(taken, taken.all(i, a, taken.all(j, b, i <= j || !a.startsWith(b) && !b.startsWith(a))))"
);
pub(in crate::api) const APART_FROM_SECRETS: &str = concat!(
    "!has(self.volumes) || !has(self.secrets) || [",
    folders!("self.volumes"),
    "].all(taken, ",
    apart_from_taken!("self.secrets"),
    ")"
);
pub(in crate::api) const APART_SPEC: &str = concat!(
    "!has(self.transform) || !has(self.transform.volumes) || !has(self.secrets) || [",
    folders!("self.transform.volumes"),
    "].all(taken, ",
    apart_from_taken!("self.secrets"),
    ")"
);
pub(in crate::api) const APART_STEPS: &str = concat!(
    "!has(self.steps) || !has(self.secrets) || self.steps.all(step, !has(step.volumes) || [",
    folders!("step.volumes"),
    "].all(taken, ",
    apart_from_taken!("self.secrets"),
    "))"
);

/// No entry of a list of Secrets is mounted at Pachyderm's place.
macro_rules! not_at_pfs {
    ($list:literal) => {
        concat!("(!has(", $list, ") || ", folders!($list), ".all(path, !path.startsWith('/pfs/')))")
    };
}
pub(in crate::api) const MEMORY_APART: &str = concat!(
    "!has(self.memory_volume) || !self.memory_volume || ",
    not_at_pfs!("self.secrets"),
    " && ",
    not_at_pfs!("self.volumes")
);
pub(in crate::api) const MEMORY_APART_SPEC: &str = concat!(
    "!has(self.transform) || !has(self.transform.memory_volume) || !self.transform.memory_volume || ",
    not_at_pfs!("self.secrets")
);
pub(in crate::api) const MEMORY_APART_STEPS: &str = concat!(
    "!has(self.steps) || ",
    not_at_pfs!("self.secrets"),
    " || self.steps.all(step, !has(step.memory_volume) || !step.memory_volume)"
);
