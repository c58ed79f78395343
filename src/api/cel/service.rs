//! The rules of `mode: Service`, its ports and its probes.

/// The rule holds for a Service.
macro_rules! of_services {
    ($rule:literal) => {
        concat!("self.mode != 'Service' || ", $rule)
    };
}
/// The field needs a Service.
macro_rules! only_of_services {
    ($field:literal) => {
        concat!("!has(self.", $field, ") || self.mode == 'Service'")
    };
}
pub(in crate::api) const HAS_NO_STEPS: &str = of_services!("!has(self.steps) || self.steps.size() == 0");
pub(in crate::api) const HAS_NO_TIMEOUT: &str = of_services!("!has(self.timeout)");
pub(in crate::api) const HAS_NO_TTL: &str = of_services!("!has(self.ttl_after_finished)");
pub(in crate::api) const ROLL_NEEDS_ROOM: &str = of_services!(
    "!has(self.max_surge) || self.max_surge != 0 || has(self.max_unavailable) && self.max_unavailable != 0"
);
pub(in crate::api) const ONLY_PORTS: &str = "!has(self.ports) || self.ports.size() == 0 || self.mode == 'Service'";
pub(in crate::api) const ONLY_READINESS_PROBE: &str = only_of_services!("readiness_probe");
pub(in crate::api) const ONLY_LIVENESS_PROBE: &str = only_of_services!("liveness_probe");
pub(in crate::api) const ONLY_MAX_SURGE: &str = only_of_services!("max_surge");
pub(in crate::api) const ONLY_MAX_UNAVAILABLE: &str = only_of_services!("max_unavailable");
pub(in crate::api) const ONLY_PROGRESS_DEADLINE: &str = only_of_services!("progress_deadline");

/// `IsValidPortName` in `apimachinery/pkg/util/validation`; the length is the schema's.
macro_rules! port_name {
    () => {
        "self.matches('^[a-z0-9]+(-[a-z0-9]+)*$') && self.matches('[a-z]')"
    };
}
pub(in crate::api) const PORT_NAME: &str = concat!("self == '' || ", port_name!());
pub(in crate::api) const PORT_NAMES_UNIQUE: &str =
    "[self.filter(p, has(p.name) && p.name != '').map(p, p.name)].all(names, names.distinct().size() == names.size())";
pub(in crate::api) const NO_HOST_PORT: &str = "self == 0";
pub(in crate::api) const NO_HOST_IP: &str = "self == ''";

pub(in crate::api) const ONE_HANDLER: &str =
    "[has(self.exec), has(self.httpGet), has(self.tcpSocket), has(self.grpc)].filter(is, is).size() == 1";
pub(in crate::api) const EXEC_NEEDS_COMMAND: &str = "has(self.command) && self.command.size() > 0";
pub(in crate::api) const PROBE_PORT: &str = concat!("type(self) == int ? self >= 1 && self <= 65535 : ", port_name!());

/// A port that a probe names is one of `ports`.
macro_rules! port_is_named {
    ($action:literal) => {
        concat!(
            "(!has(",
            $action,
            ") || type(",
            $action,
            ".port) == int || has(self.ports) && self.ports.exists(p, has(p.name) && p.name == ",
            $action,
            ".port))"
        )
    };
}
macro_rules! probe_port_is_named {
    ($field:literal, $get:literal, $connect:literal) => {
        concat!("!has(self.", $field, ") || ", port_is_named!($get), " && ", port_is_named!($connect))
    };
}
pub(in crate::api) const READINESS_PORT_IS_NAMED: &str =
    probe_port_is_named!("readiness_probe", "self.readiness_probe.httpGet", "self.readiness_probe.tcpSocket");
pub(in crate::api) const LIVENESS_PORT_IS_NAMED: &str =
    probe_port_is_named!("liveness_probe", "self.liveness_probe.httpGet", "self.liveness_probe.tcpSocket");
