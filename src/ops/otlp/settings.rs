//! OpenTelemetry's variables, as far as the SDK does not read them itself.
//!
//! Names and meaning: the OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol
//! Exporter". What cannot be read switches traces off and is told: the specification lets no setting of traces stop a
//! program, and traces that go elsewhere than somebody meant, or ten times as many, would help nobody.

use std::time::Duration;

use http::Uri;

/// So long a collector may take, if nothing else was said.
const TIMEOUT: Duration = Duration::from_secs(10);

const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// The collector.
    pub endpoint: Uri,
    /// For one request.
    pub timeout: Duration,
    /// `service.name`.
    pub service_name: Option<String>,
}

/// Reads the variables; an empty one counts as none. `None`: nobody asked for traces.
pub(super) fn settings(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Settings>, String> {
    // What is meant for traces goes before what is meant for all.
    let either = |end: &str| {
        let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{end}"), format!("OTEL_EXPORTER_OTLP_{end}")];
        names.into_iter().find_map(|name| variable(&name).map(|value| (name, value)))
    };
    if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    match variable("OTEL_TRACES_EXPORTER").as_deref() {
        Some("none") => return Ok(None),
        None | Some("otlp") => {}
        Some(other) => return Err(format!("OTEL_TRACES_EXPORTER is {other}: write otlp or none")),
    }
    let Some((name, endpoint)) = either("ENDPOINT") else { return Ok(None) };
    let is_http = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some();
    let endpoint = endpoint.parse().ok().filter(is_http).ok_or_else(|| {
        format!("{name} is no address of a collector: write it as in http://collector.monitoring:4318")
    })?;
    if let Some((name, protocol)) = either("PROTOCOL").filter(|(_, protocol)| protocol != "http/protobuf") {
        return Err(format!("{name} is {protocol}: write http/protobuf, and the port for it, mostly 4318"));
    }
    if let Some((name, _)) = either("COMPRESSION").filter(|(_, compression)| compression != "none") {
        return Err(format!("{name} cannot be had: leave it out"));
    }
    for end in ["CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE"] {
        if let Some((name, _)) = either(end) {
            return Err(format!(
                "{name} cannot be had: leave it out, and give a collector that the system trusts, or one by http"
            ));
        }
    }
    let timeout = match either("TIMEOUT") {
        None => TIMEOUT,
        Some((name, text)) => match text.parse() {
            Ok(milliseconds @ 1..) => Duration::from_millis(milliseconds),
            _ => return Err(format!("{name} is {text}: write milliseconds, as in 10000")),
        },
    };
    if let Some(sampler) = variable("OTEL_TRACES_SAMPLER") {
        if !SAMPLERS.contains(&sampler.as_str()) {
            return Err(format!("OTEL_TRACES_SAMPLER is {sampler}: write one of {}", SAMPLERS.join(", ")));
        }
        let ratio = variable("OTEL_TRACES_SAMPLER_ARG").and_then(|ratio| ratio.parse::<f64>().ok());
        if sampler.ends_with("traceidratio") && !ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio)) {
            return Err(format!(
                "OTEL_TRACES_SAMPLER is {sampler}: write the share of traces into OTEL_TRACES_SAMPLER_ARG, as in 0.1"
            ));
        }
    }
    Ok(Some(Settings { endpoint, timeout, service_name: variable("OTEL_SERVICE_NAME") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        settings(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

    #[test]
    fn without_an_endpoint_or_switched_off_there_are_no_traces() {
        for variables in [
            &[][..],
            &[("OTEL_SERVICE_NAME", "lockgate"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            &[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")],
            &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert_eq!(read(variables), Ok(None), "{variables:?}");
        }
    }

    #[test]
    fn what_is_meant_for_traces_goes_before_what_is_meant_for_all() {
        let all = [ENDPOINT, ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        let traces = [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces:4318/v1/traces"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "500"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ("OTEL_SERVICE_NAME", "gate"),
        ];
        let read = read(&[&all[..], &traces].concat()).unwrap().unwrap();
        assert_eq!(read.endpoint, "https://traces:4318/v1/traces");
        assert_eq!(read.timeout, Duration::from_millis(500));
        assert_eq!(read.service_name.as_deref(), Some("gate"));
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_the_mend() {
        for (variable, mend) in [
            (("OTEL_TRACES_EXPORTER", "zipkin"), "write otlp or none"),
            (("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318"), "http://collector.monitoring:4318"),
            (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "write http/protobuf"),
            (("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"), "leave it out"),
            (("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"), "leave it out"),
            (("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/key.pem"), "leave it out"),
            (("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"), "write milliseconds"),
            (("OTEL_EXPORTER_OTLP_TIMEOUT", "0"), "write milliseconds"),
            (("OTEL_TRACES_SAMPLER", "jaeger_remote"), "parentbased_always_on"),
            (("OTEL_TRACES_SAMPLER", "traceidratio"), "OTEL_TRACES_SAMPLER_ARG"),
        ] {
            let error = read(&[ENDPOINT, variable]).unwrap_err();
            assert!(error.contains(variable.0) && error.contains(mend), "{variable:?}: {error}");
        }
        let some = [ENDPOINT, ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")];
        assert!(read(&some).unwrap().is_some());
    }
}
