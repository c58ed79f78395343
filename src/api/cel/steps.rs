//! The rules of steps: the graph, and what stands between the spec and each step.
//!
//! The bounds of a step's lists are lower than a transform's (`super::super::amend`), so that 32 of them stay in the budget.

pub(in crate::api) const TRANSFORM_OR_STEPS: &str = "has(self.transform) != (has(self.steps) && self.steps.size() > 0)";

pub(in crate::api) const NAME: &str = "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')";
pub(in crate::api) const NAME_OURS: &str = "self != 'lockgate-render'";
pub(in crate::api) const NAMES_UNIQUE: &str = "self.map(step, step.name).distinct().size() == self.size()";
pub(in crate::api) const NEEDS_UNIQUE: &str = "self.distinct().size() == self.size()";

/// Every need is the name of another step.
macro_rules! needs_known {
    () => {
        "self.all(step, !has(step.needs) || step.needs.all(need, need != step.name && need in self.map(s, s.name)))"
    };
}
pub(in crate::api) const NEEDS_KNOWN: &str = needs_known!();
/// The first need that is none, as in `load needs extrct`.
pub(in crate::api) const UNKNOWN_NEED: &str = "self.map(step, has(step.needs) ? step.needs.filter(need, need == step.name || !(need in self.map(s, s.name))).map(need, step.name + ' needs ' + need) : []).flatten()[0]";

/// One round: the steps whose needs are all done are done as well; once for each token.
macro_rules! round {
    () => {
        ""
    };
    ($this:tt $($more:tt)*) => {
        concat!(
            " || [self.filter(step, !has(step.needs) || step.needs.all(need, need in done)).map(step, step.name)]",
            ".all(done, done.size() == self.size()",
            round!($($more)*),
            ")"
        )
    };
}
/// The first round, and 31 more: a chain of 32 steps is done after as many. Unknown needs have a rule of their own.
pub(in crate::api) const NO_CIRCLE: &str = concat!(
    "!(",
    needs_known!(),
    ") || [self.filter(step, !has(step.needs) || step.needs.size() == 0).map(step, step.name)]",
    ".all(done, done.size() == self.size()",
    round!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31),
    ")"
);

/// Guards a rule between `spec.secrets` and those of each step.
macro_rules! each_with_secrets {
    ($rule:expr) => {
        concat!("!has(self.steps) || !has(self.secrets) || self.steps.all(step, !has(step.secrets) || ", $rule, ")")
    };
}
/// The variables of a list.
macro_rules! variables {
    ($list:literal) => {
        concat!($list, ".filter(s, has(s.env_var)).map(s, s.env_var)")
    };
}
pub(in crate::api) const ENV_UNIQUE_SPEC: &str =
    each_with_secrets!(concat!("!sets.intersects(", variables!("self.secrets"), ", ", variables!("step.secrets"), ")"));
pub(in crate::api) const ENV_UNIQUE_LITERAL: &str = "!has(self.steps) || self.steps.all(step, !has(step.env) || (!has(self.secrets) || self.secrets.all(s, !has(s.env_var) || !(s.env_var in step.env))) && (!has(step.secrets) || step.secrets.all(s, !has(s.env_var) || !(s.env_var in step.env))))";

pub(in crate::api) const MOUNT_PATH_NESTED: &str = each_with_secrets!(concat!(
    none_below!("self.secrets", "step.secrets"),
    " && ",
    none_below!("step.secrets", "self.secrets")
));
pub(in crate::api) const MOUNT_PATH_SUB_PATH: &str =
    each_with_secrets!(concat!(alone!("self.secrets", "step.secrets"), " && ", alone!("step.secrets", "self.secrets")));

/// The items of the entries of `$list` whose mount path is one of `$others` too.
macro_rules! files_shared_with {
    ($list:literal, $others:literal) => {
        shared_files!($list, concat!("s.mount_path in ", mounts!($others)))
    };
}
pub(in crate::api) const FILE_UNIQUE: &str = each_with_secrets!(concat!(
    "[",
    files_shared_with!("self.secrets", "step.secrets"),
    "].all(a, [",
    files_shared_with!("step.secrets", "self.secrets"),
    "].all(b, a.size() + b.size() > 256 || !sets.intersects(a, b)))"
));
/// How many files with known names the entries of a list have whose path stands more than once in `all`.
macro_rules! shared_items {
    ($list:literal) => {
        concat!(
            "(has(",
            $list,
            ") ? ",
            $list,
            ".map(s, has(s.mount_path) && (has(s.items) || has(s.format)) && all.filter(path, path == s.mount_path).size() > 1 ",
            "? (has(s.format) ? 1 : s.items.size()) : 0).sum() : 0)"
        )
    };
}
pub(in crate::api) const FILES_AT_MOST: &str = concat!(
    "!has(self.steps) || self.steps.all(step, [(has(self.secrets) ? ",
    mounts!("self.secrets"),
    " : []) + (has(step.secrets) ? ",
    mounts!("step.secrets"),
    " : [])].all(all, ",
    shared_items!("self.secrets"),
    " + ",
    shared_items!("step.secrets"),
    " <= 256))"
);

pub(in crate::api) const REFERENCES_AT_MOST: &str = concat!(
    "!has(self.steps) || self.steps.map(step, ",
    uses!("self.secrets"),
    " + ",
    uses!("step.secrets"),
    " + ((has(self.image_pull_secrets) ? self.image_pull_secrets : []) + ",
    "(has(step.image_pull_secrets) ? step.image_pull_secrets : [])).distinct().size() + ",
    volumes_named!("step.volumes"),
    " + ",
    inputs_named!("step"),
    ").sum() <= 256"
);

pub(in crate::api) const USER_RESTRICTED: &str = "!has(self.steps) || !has(self.security) || self.security != 'Restricted' || self.steps.all(step, !has(step.user) || step.user != '0')";

/// A step's own map where it is not empty, else the spec's.
macro_rules! effective {
    ($field:literal) => {
        concat!(
            "(has(step.",
            $field,
            ") && step.",
            $field,
            ".size() > 0 ? step.",
            $field,
            " : has(self.",
            $field,
            ") ? self.",
            $field,
            " : {})"
        )
    };
}
pub(in crate::api) const RESOURCE_NEEDS_LIMIT: &str = concat!(
    "!has(self.steps) || self.steps.all(step, ",
    effective!("resource_requests"),
    ".all(name, !name.startsWith('hugepages-') && (!name.contains('/') || name.contains('kubernetes.io/')) || name in ",
    effective!("resource_limits"),
    "))"
);
