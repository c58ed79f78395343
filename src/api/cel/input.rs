//! The rules between an input and what stands beside it, of a transform and of a step.

/// No entry of a list sets the variable of an input.
macro_rules! variable_apart {
    ($of:literal, $list:literal) => {
        concat!("(!has(", $list, ") || ", $list, ".all(s, !has(s.env_var) || s.env_var != ", $of, ".input.env_var))")
    };
}
/// No entry of a list is mounted at the file of an input, nor above or below it.
macro_rules! place_apart {
    ($of:literal, $list:literal) => {
        concat!(
            "(!has(",
            $list,
            ") || ",
            $list,
            ".all(s, !has(s.mount_path) || !(s.mount_path + '/').startsWith(",
            $of,
            ".input.mount_path + '/') && !(",
            $of,
            ".input.mount_path + '/').startsWith(s.mount_path + '/')))"
        )
    };
}

pub(in crate::api) const ENV_UNIQUE: &str = concat!(
    "!has(self.input) || !has(self.input.env_var) || (!has(self.env) || !(self.input.env_var in self.env)) && ",
    variable_apart!("self", "self.secrets")
);
pub(in crate::api) const ENV_UNIQUE_SPEC: &str = concat!(
    "!has(self.transform) || !has(self.transform.input) || !has(self.transform.input.env_var) || ",
    variable_apart!("self.transform", "self.secrets")
);
pub(in crate::api) const ENV_UNIQUE_STEPS: &str = concat!(
    "!has(self.steps) || !has(self.secrets) || self.steps.all(step, !has(step.input) || !has(step.input.env_var) || ",
    variable_apart!("step", "self.secrets"),
    ")"
);

pub(in crate::api) const APART: &str = concat!(
    "!has(self.input) || !has(self.input.mount_path) || (!has(self.memory_volume) || !self.memory_volume || ",
    "!(self.input.mount_path + '/').startsWith('/pfs/')) && ",
    place_apart!("self", "self.secrets"),
    " && ",
    place_apart!("self", "self.volumes")
);
pub(in crate::api) const APART_SPEC: &str = concat!(
    "!has(self.transform) || !has(self.transform.input) || !has(self.transform.input.mount_path) || ",
    place_apart!("self.transform", "self.secrets")
);
pub(in crate::api) const APART_STEPS: &str = concat!(
    "!has(self.steps) || !has(self.secrets) || self.steps.all(step, !has(step.input) || !has(step.input.mount_path) || ",
    place_apart!("step", "self.secrets"),
    ")"
);

/// What expressions call a Secret.
pub(in crate::api) const CALLED: &str = r"self.matches(r'^[-.\w]+$')";
