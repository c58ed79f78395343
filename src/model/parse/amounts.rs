//! Amounts written as text: durations, numeric ids, quantities.

use k8s_openapi::jiff::SignedDuration;

use crate::api::pipeline::Quantity;

/// The most digits before one unit of a duration; so no sum overflows.
const MAX_DIGITS: usize = 6;

/// A duration such as `1h30m`: hours, minutes, seconds, in this order, longer than zero.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let mut rest = text;
    let mut seconds: i64 = 0;
    for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((digits, after)) = rest.split_once(unit) {
            let well_formed =
                (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            if !well_formed {
                return None;
            }
            seconds = seconds.saturating_add(digits.parse::<i64>().ok()?.saturating_mul(factor));
            rest = after;
        }
    }
    (rest.is_empty() && seconds > 0).then(|| SignedDuration::from_secs(seconds))
}

/// A user's or group's number: decimal, without leading zeros, at most 2147483647 (Kubernetes' `IsValidUserID`).
pub(super) fn numeric_id(text: &str) -> Option<i64> {
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse::<i64>().ok().filter(|id| decimal && *id <= i64::from(i32::MAX))
}

/// A quantity in Kubernetes' notation, if it is one and not negative.
pub(super) fn quantity(quantity: &Quantity) -> Option<String> {
    match quantity {
        Quantity::Number(number) => (*number >= 0).then(|| number.to_string()),
        Quantity::Text(text) => is_quantity(text).then(|| text.clone()),
    }
}

/// The pattern of [`Quantity`]'s schema.
fn is_quantity(text: &str) -> bool {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let Some((number, suffix)) = text.split_at_checked(number_end) else {
        return false;
    };
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let points = number.len() - digits;
    text.len() <= 32 && digits > 0 && points <= 1 && is_suffix(suffix)
}

fn is_suffix(suffix: &str) -> bool {
    const UNITS: [&str; 16] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    UNITS.contains(&suffix) || is_exponent(suffix)
}

fn is_exponent(suffix: &str) -> bool {
    suffix.strip_prefix(['e', 'E']).is_some_and(|signed| {
        let digits = signed.strip_prefix(['+', '-']).unwrap_or(signed);
        (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_ordered_units_longer_than_zero() {
        let seconds = |text| duration(text).map(|d| d.as_secs());
        assert_eq!(seconds("24h"), Some(86_400));
        assert_eq!(seconds("1h30m"), Some(5_400));
        assert_eq!(seconds("1h2m3s"), Some(3_723));
        assert_eq!(seconds("999999h999999m999999s"), Some(999_999 * 3_661));
        for text in ["", "0s", "0h0m", "h", "5", "1m1h", "1.5h", "-1h", "+1h", "1000000h", " 1h", "1h ", "1d", "1ms"] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }

    #[test]
    fn ids_are_plain_decimal_numbers() {
        assert_eq!(numeric_id("0"), Some(0));
        assert_eq!(numeric_id("2147483647"), Some(2_147_483_647));
        for text in ["", "root", "2147483648", "-1", "+1", "01", "1 ", "1e3"] {
            assert_eq!(numeric_id(text), None, "{text:?}");
        }
    }

    #[test]
    fn quantities_are_kubernetes_notation_and_not_negative() {
        for text in ["0", "1", "1.", "0.5", ".5", "100m", "64Mi", "2E", "1e3", "1E-3", "12e+10"] {
            assert!(is_quantity(text), "{text:?}");
        }
        for text in ["", ".", "-1", "1 Gi", "1gi", "1.5.5", "1e", "1e333", "Mi", "1Mib"] {
            assert!(!is_quantity(text), "{text:?}");
        }
        assert_eq!(quantity(&Quantity::Number(-1)), None);
    }
}
