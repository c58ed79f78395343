//! ISO 8601 durations, as Direktiv writes them, in our form: `PT1H30M` is `1h30m`.

use serde_json::Value;

use super::super::draft::Draft;
use super::super::source::Source;

/// Sets a duration that was taken at `pointer`; says so where it is none.
pub fn set(source: &mut Source, pointer: &str, taken: Option<&Value>, draft: &mut Draft, to: &str) {
    match taken {
        None => {}
        Some(value) => match value.as_str().and_then(ours) {
            Some(text) => draft.set(to, text),
            None => source.error(
                pointer,
                "must be a duration as in PT15M, of at least a second and without months: mend it in the source",
            ),
        },
    }
}

/// Weeks, days, hours, minutes and seconds; months and years have no length.
fn ours(text: &str) -> Option<String> {
    let (days, clock) = text.strip_prefix('P')?.split_once('T').unwrap_or((text.strip_prefix('P')?, ""));
    let seconds = parts(days, &[('W', 604_800), ('D', 86_400)])?
        .checked_add(parts(clock, &[('H', 3600), ('M', 60), ('S', 1)])?)?;
    let units = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let written = units.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}"));
    let written = written.collect::<Vec<_>>().concat();
    (!written.is_empty()).then_some(written)
}

/// The sum of numbers with units, which come in this order.
fn parts(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut sum = 0_u64;
    for (unit, seconds) in units {
        if let Some((number, after)) = rest.split_once(*unit) {
            sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
            rest = after;
        }
    }
    rest.is_empty().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_means_the_same() {
        for (iso, text) in [
            ("PT15M", Some("15m")),
            ("PT1H30M", Some("1h30m")),
            ("P1D", Some("24h")),
            ("P1W", Some("168h")),
            ("P1DT1S", Some("24h1s")),
            ("PT90S", Some("1m30s")),
            ("PT0S", None),
            ("P1M", None),
            ("P1Y", None),
            ("15m", None),
            ("PT", None),
            ("PT1M1H", None),
            ("PT99999999999999999999H", None),
            ("", None),
        ] {
            assert_eq!(ours(iso).as_deref(), text, "{iso}");
        }
    }
}
