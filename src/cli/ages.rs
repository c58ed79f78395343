//! How long ago something was, in the two forms that people know: kubectl's and pachctl's.

use k8s_openapi::jiff::SignedDuration;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// kubectl's column AGE (`k8s.io/apimachinery/pkg/util/duration`, `HumanDuration`): two or three digits that count.
pub(super) fn age(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let two = |first: i64, unit: &str, second: i64, smaller: &str| match second {
        0 => format!("{first}{unit}"),
        second => format!("{first}{unit}{second}{smaller}"),
    };
    let (minutes, hours, days) = (seconds / MINUTE, seconds / HOUR, seconds / DAY);
    match seconds {
        // Two clocks may differ by a second.
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % MINUTE, "s"),
        _ if hours < 3 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if days < 8 => two(days, "d", hours % 24, "h"),
        _ if seconds < 2 * YEAR => format!("{days}d"),
        _ if seconds < 8 * YEAR => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// pachctl's column CREATED: the words of `github.com/docker/go-units` (`HumanDuration`), and "ago".
pub(super) fn ago(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds / MINUTE;
    // Hours are rounded, all others cut off.
    let hours = (seconds + HOUR / 2) / HOUR;
    let words = match seconds {
        ..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        _ if minutes == 1 => "About a minute".to_owned(),
        _ if minutes < 60 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / HOUR / 24 / 365),
    };
    format!("{words} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds; what `kubectl` prints; what `pachctl` prints. Each was printed by the two Go libraries themselves
    /// (apimachinery 0.36.3, go-units 0.5.0).
    const TABLE: &[(i64, &str, &str)] = &[
        (-3, "<invalid>", "Less than a second ago"),
        (-2, "<invalid>", "Less than a second ago"),
        (-1, "0s", "Less than a second ago"),
        (0, "0s", "Less than a second ago"),
        (1, "1s", "1 second ago"),
        (2, "2s", "2 seconds ago"),
        (11, "11s", "11 seconds ago"),
        (45, "45s", "45 seconds ago"),
        (59, "59s", "59 seconds ago"),
        (60, "60s", "About a minute ago"),
        (61, "61s", "About a minute ago"),
        (119, "119s", "About a minute ago"),
        (120, "2m", "2 minutes ago"),
        (121, "2m1s", "2 minutes ago"),
        (180, "3m", "3 minutes ago"),
        (299, "4m59s", "4 minutes ago"),
        (300, "5m", "5 minutes ago"),
        (599, "9m59s", "9 minutes ago"),
        (600, "10m", "10 minutes ago"),
        (601, "10m", "10 minutes ago"),
        (3599, "59m", "59 minutes ago"),
        (3600, "60m", "About an hour ago"),
        (3601, "60m", "About an hour ago"),
        (5399, "89m", "About an hour ago"),
        (5400, "90m", "2 hours ago"),
        (7260, "121m", "2 hours ago"),
        (8999, "149m", "2 hours ago"),
        (9000, "150m", "3 hours ago"),
        (10_799, "179m", "3 hours ago"),
        (10_800, "3h", "3 hours ago"),
        (10_859, "3h", "3 hours ago"),
        (10_860, "3h1m", "3 hours ago"),
        (28_740, "7h59m", "8 hours ago"),
        (28_800, "8h", "8 hours ago"),
        (30_660, "8h", "9 hours ago"),
        (170_940, "47h", "47 hours ago"),
        (171_000, "47h", "2 days ago"),
        (172_799, "47h", "2 days ago"),
        (172_800, "2d", "2 days ago"),
        (176_400, "2d1h", "2 days ago"),
        (259_200, "3d", "3 days ago"),
        (262_799, "3d", "3 days ago"),
        (691_140, "7d23h", "8 days ago"),
        (691_200, "8d", "8 days ago"),
        (795_600, "9d", "9 days ago"),
        (1_206_000, "13d", "13 days ago"),
        (1_207_800, "13d", "2 weeks ago"),
        (1_209_600, "14d", "2 weeks ago"),
        (1_728_000, "20d", "2 weeks ago"),
        (1_814_400, "21d", "3 weeks ago"),
        (5_097_600, "59d", "8 weeks ago"),
        (5_184_000, "60d", "2 months ago"),
        (5_270_400, "61d", "2 months ago"),
        (12_960_000, "150d", "5 months ago"),
        (31_449_600, "364d", "12 months ago"),
        (31_536_000, "365d", "12 months ago"),
        (63_071_999, "729d", "1 years ago"),
        (63_070_200, "729d", "1 years ago"),
        (63_072_000, "2y", "2 years ago"),
        (63_158_400, "2y1d", "2 years ago"),
        (111_888_000, "3y200d", "3 years ago"),
        (157_680_000, "5y", "5 years ago"),
        (252_287_999, "7y364d", "7 years ago"),
        (252_288_000, "8y", "8 years ago"),
        (278_208_000, "8y", "8 years ago"),
        (1_576_800_000, "50y", "50 years ago"),
    ];

    #[test]
    fn both_forms_are_those_of_their_libraries() {
        for (seconds, kubectl, pachctl) in TABLE {
            let duration = SignedDuration::from_secs(*seconds);
            assert_eq!((&*age(duration), &*ago(duration)), (*kubectl, *pachctl), "{seconds}");
        }
    }

    #[test]
    fn parts_of_a_second_are_cut_off_on_both_sides_of_now() {
        for (millis, kubectl) in [(-1_999, "0s"), (-2_000, "<invalid>"), (-999, "0s"), (999, "0s"), (1_999, "1s")] {
            assert_eq!(age(SignedDuration::from_millis(millis)), kubectl, "{millis}");
        }
        assert_eq!(ago(SignedDuration::from_millis(1_999)), "1 second ago");
        let half = SignedDuration::from_secs(2 * HOUR + HOUR / 2) - SignedDuration::from_millis(1);
        assert_eq!(ago(half), "2 hours ago");
    }
}
