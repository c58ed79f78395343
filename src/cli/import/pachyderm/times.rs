//! Timeouts and tries.

use crate::cli::import::draft::Draft;
use crate::cli::import::source::Source;

/// Timeouts and tries.
pub(super) fn map(source: &mut Source, draft: &mut Draft) {
    let is_service = draft.text("/spec/mode") == "Service";
    if let Some(text) = source.text("/job_timeout").filter(|text| !text.is_empty()) {
        match duration(&text) {
            _ if is_service => {
                source.unserved("/job_timeout", "is for what ends: a spout or service is kept running");
            }
            Some(duration) => draft.set("/spec/timeout", duration),
            None => source.error("/job_timeout", "must be a duration, as in 30s or 1h30m"),
        }
    }
    let Some(tries) = source.integer("/datum_tries").filter(|tries| *tries > 0) else {
        if !is_service {
            source.note("/datum_tries", "is not said: Pachyderm tries a datum three times, and here a failed Pod is followed by no other unless retries is written");
        }
        return;
    };
    if is_service {
        source.unserved(
            "/datum_tries",
            "is for what ends: the kubelet starts a spout or service again as often as it takes",
        );
        return;
    }
    draft.set("/spec/retries", tries.saturating_sub(1));
    draft.comment(
        "/spec/retries",
        format!("datum_tries: {tries}. The first try does not count here, and the whole Pod is tried again."),
    );
    source.note(
        "/datum_tries",
        format!("becomes retries: {}: there are no datums, a failed Pod is tried again whole", tries.saturating_sub(1)),
    );
}

/// A duration of Go or of protobuf as ours: whole seconds, parts of one count as one. `None`: none, or not above zero.
fn duration(text: &str) -> Option<String> {
    let mut nanoseconds = 0_f64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(digits);
        let end = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
        let (unit, tail) = unit.split_at(end);
        let unit = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        nanoseconds += number.parse::<f64>().ok()? * unit;
        rest = tail;
    }
    let seconds: u64 = format!("{:.0}", (nanoseconds / 1e9).ceil()).parse().ok()?;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let parts = [(hours, "h"), (minutes, "m"), (seconds, "s")];
    let text: String = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .flat_map(|(count, unit)| [count.to_string(), (*unit).to_owned()])
        .collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go_and_of_protobuf_are_read() {
        for (text, ours) in [
            ("600s", "10m"),
            ("1h30m", "1h30m"),
            ("1.5h", "1h30m"),
            ("500ms", "1s"),
            ("90s", "1m30s"),
            ("0.000000001s", "1s"),
            ("1m0s", "1m"),
        ] {
            assert_eq!(duration(text).as_deref(), Some(ours), "{text}");
        }
        for text in ["", "0s", "5", "x", "-5s", "1d", "..s", "5 m"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
