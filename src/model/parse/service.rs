//! Ports and probes of a Service, as the API server would check them in a Pod.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ContainerPort, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::report::Report;
use crate::api::pipeline::PipelineSpec;
use crate::api::rules;

const MAX_PORTS: usize = 32;
/// Characters of a port's name.
const MAX_NAME: usize = 15;
/// Words of a probe's command.
const MAX_COMMAND: usize = 1024;

/// Checks `ports`, `readiness_probe` and `liveness_probe`.
pub(super) fn check(spec: &PipelineSpec, report: &mut Report) {
    report.at_most(spec.ports.len(), MAX_PORTS, "spec.ports");
    let mut names = BTreeSet::new();
    for (index, port) in spec.ports.iter().enumerate() {
        let at = format!("spec.ports[{index}]");
        check_port(&at, port, report);
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            report.require(names.insert(name), &format!("{at}.name"), rules::PORT_NAMES_UNIQUE);
        }
    }
    if let Some(probe) = &spec.readiness_probe {
        check_probe("spec.readiness_probe", probe, &names, report);
        let grace = probe.termination_grace_period_seconds.is_none();
        report.require(grace, "spec.readiness_probe.terminationGracePeriodSeconds", rules::NO_READINESS_GRACE);
    }
    if let Some(probe) = &spec.liveness_probe {
        check_probe("spec.liveness_probe", probe, &names, report);
        let once = probe.success_threshold.is_none_or(|count| count <= 1);
        report.require(once, "spec.liveness_probe.successThreshold", rules::LIVENESS_SUCCESS);
        let grace = probe.termination_grace_period_seconds.is_none_or(|seconds| seconds >= 1);
        report.require(grace, "spec.liveness_probe.terminationGracePeriodSeconds", rules::LIVENESS_GRACE);
    }
}

fn check_port(at: &str, port: &ContainerPort, report: &mut Report) {
    report.require(is_port(port.container_port), &format!("{at}.containerPort"), rules::PORT);
    report.require(port.host_port.is_none_or(|port| port == 0), &format!("{at}.hostPort"), rules::NO_HOST_PORT);
    let host_ip = port.host_ip.as_deref().unwrap_or_default();
    report.require(host_ip.is_empty(), &format!("{at}.hostIP"), rules::NO_HOST_IP);
    if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
        report.length(name, 0, MAX_NAME, &format!("{at}.name"));
        report.require(is_port_name(name), &format!("{at}.name"), rules::PORT_NAME);
    }
    if let Some(protocol) = port.protocol.as_deref() {
        report.require(matches!(protocol, "TCP" | "UDP" | "SCTP"), &format!("{at}.protocol"), rules::PROTOCOL);
    }
}

fn check_probe(at: &str, probe: &Probe, names: &BTreeSet<&str>, report: &mut Report) {
    let handlers = [probe.exec.is_some(), probe.http_get.is_some(), probe.tcp_socket.is_some(), probe.grpc.is_some()];
    report.require(handlers.into_iter().filter(|is| *is).count() == 1, at, rules::ONE_HANDLER);
    if let Some(exec) = &probe.exec {
        let words = exec.command.as_ref().map_or(0, Vec::len);
        let field = format!("{at}.exec.command");
        report.require(words > 0, &field, rules::EXEC_NEEDS_COMMAND);
        report.at_most(words, MAX_COMMAND, &field);
    }
    if let Some(get) = &probe.http_get {
        let scheme = get.scheme.as_deref();
        let known = scheme.is_none_or(|scheme| matches!(scheme, "HTTP" | "HTTPS"));
        report.require(known, &format!("{at}.httpGet.scheme"), rules::SCHEME);
    }
    let http = probe.http_get.as_ref().map(|get| ("httpGet", &get.port));
    let tcp = probe.tcp_socket.as_ref().map(|socket| ("tcpSocket", &socket.port));
    for (action, port) in [http, tcp].into_iter().flatten() {
        let field = format!("{at}.{action}.port");
        match port {
            IntOrString::Int(number) => report.require(is_port(*number), &field, rules::PROBE_PORT),
            IntOrString::String(name) => {
                report.length(name, 0, MAX_NAME, &field);
                report.require(is_port_name(name), &field, rules::PROBE_PORT);
                report.require(names.contains(name.as_str()), &field, rules::PROBE_PORT_IS_NAMED);
            }
        }
    }
    if let Some(grpc) = &probe.grpc {
        report.require(is_port(grpc.port), &format!("{at}.grpc.port"), rules::PORT);
    }
    for (field, number) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        report.require(number.is_none_or(|number| number >= 0), &format!("{at}.{field}"), rules::PROBE_NUMBER);
    }
}

fn is_port(number: i32) -> bool {
    (1..=65535).contains(&number)
}

/// `IsValidPortName` in `apimachinery/pkg/util/validation`, without the length.
fn is_port_name(name: &str) -> bool {
    let lower =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.split('-').all(lower) && name.bytes().any(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_names_are_those_of_kubernetes() {
        for name in ["http", "a", "1a", "grpc-web-2", "h2c"] {
            assert!(is_port_name(name), "{name}");
        }
        for name in ["", "80", "8-0", "-http", "http-", "a--b", "Http", "a_b", "a.b"] {
            assert!(!is_port_name(name), "{name}");
        }
    }
}
