//! The decision of an election, pure: what stands in the Lease, and for how long by the local clock, becomes one step.
//!
//! The rules are those of client-go (`tools/leaderelection`): times that others wrote are never compared with a clock
//! of ours; only how long nothing has changed before our eyes counts.

use std::time::Duration;

use thiserror::Error;

/// client-go spreads its pauses by this factor, and wants the renew deadline to be longer than one of them.
const JITTER_PERCENT: u32 = 120;

/// How long everything may take. The defaults of client-go are 15 s, 10 s and 2 s.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// A Lease that was not renewed for so long may be taken.
    pub lease_duration: Duration,
    /// A leader that could not renew its Lease for so long is none any more.
    pub renew_deadline: Duration,
    /// The pause between two tries.
    pub retry_period: Duration,
}

impl Timing {
    /// Whether a leader is sure to stop before another begins.
    ///
    /// # Errors
    /// It is not; the sentence names the flag and the mend.
    pub fn check(&self) -> Result<(), String> {
        let Self { lease_duration, renew_deadline, retry_period } = *self;
        if lease_duration < Duration::from_secs(1) || lease_duration.subsec_nanos() != 0 {
            return Err(format!(
                "--leader-elect-lease-duration is {lease_duration:?}: give whole seconds, 1s or more (a Lease can hold nothing else)"
            ));
        }
        if renew_deadline >= lease_duration {
            return Err(format!(
                "--leader-elect-renew-deadline is {renew_deadline:?} and --leader-elect-lease-duration {lease_duration:?}: the deadline has to be shorter, or two would lead at once (as in 10s and 15s)"
            ));
        }
        if retry_period.is_zero() {
            return Err("--leader-elect-retry-period is 0: give a pause, as in 2s".into());
        }
        if retry_period.saturating_mul(JITTER_PERCENT) / 100 >= renew_deadline {
            return Err(format!(
                "--leader-elect-retry-period is {retry_period:?} and --leader-elect-renew-deadline {renew_deadline:?}: the deadline has to be more than 1.2 times the period, or one slow answer would end the leadership (as in 2s and 10s)"
            ));
        }
        Ok(())
    }
}

/// What a process knows when it decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// Its own name in the election.
    pub identity: &'a str,
    /// Who holds the Lease. `Some("")`: it was released. `None`: there is no Lease.
    pub holder: Option<&'a str>,
    /// How long the holder says that it is held after each renewal.
    pub promised: Duration,
    /// How long the Lease was not seen to change; if there is none, since the last change of the one that was held.
    /// `None`: none was ever seen held.
    pub unchanged: Option<Duration>,
    /// How long ago the last renewal that succeeded was *sent*. `None`: it does not lead.
    pub renewed: Option<Duration>,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Make the Lease.
    Create,
    /// Write our name and the time into it, under the resourceVersion that was seen.
    Update,
    /// Somebody else leads for at least so long.
    Wait(Duration),
    /// The leadership is over.
    GiveUp(Lost),
}

/// Why a leader leads no more.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Lost {
    /// The Lease could not be renewed in time. Also: the process or its machine stood still for so long.
    #[error(
        "the Lease could not be renewed for {0:?}, because the API server did not answer or this process was paused"
    )]
    NotRenewed(Duration),
    /// The Lease names another.
    #[error("the Lease is held by {0:?} now")]
    Taken(String),
}

/// Decides.
pub(super) fn decide(timing: &Timing, view: &View<'_>) -> Step {
    let View { identity, holder, promised, unchanged, renewed } = *view;
    if let Some(ago) = renewed {
        return match holder {
            _ if ago >= timing.renew_deadline => Step::GiveUp(Lost::NotRenewed(timing.renew_deadline)),
            Some(holder) if holder == identity => Step::Update,
            Some(other) => Step::GiveUp(Lost::Taken(other.to_owned())),
            // Nobody takes it within our time: whoever saw it held waits as if it were.
            None => Step::Create,
        };
    }
    // A holder that promises more than we would wait for is believed: it may have been started with other flags.
    let left = unchanged.and_then(|so_long| promised.max(timing.lease_duration).checked_sub(so_long));
    let left = left.filter(|left| !left.is_zero());
    match (holder, left) {
        // Released; or ours, by a write of which the answer was lost.
        (Some(holder), _) if holder.is_empty() || holder == identity => Step::Update,
        (_, Some(left)) => Step::Wait(left),
        (Some(_), None) => Step::Update,
        (None, None) => Step::Create,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const TIMING: Timing = Timing { lease_duration: s(15), renew_deadline: s(10), retry_period: s(2) };

    fn lost() -> Step {
        Step::GiveUp(Lost::NotRenewed(s(10)))
    }

    #[test]
    fn who_does_not_lead() {
        let wait = |seconds| Step::Wait(s(seconds));
        let table = [
            ("there never was a Lease", None, 0, None, Step::Create),
            ("it is seen for the first time: its age is not known", Some("b"), 15, Some(0), wait(15)),
            ("the other renewed 14 s ago", Some("b"), 15, Some(14), wait(1)),
            ("the other has not renewed for as long as it said", Some("b"), 15, Some(15), Step::Update),
            ("the other is long gone", Some("b"), 15, Some(1000), Step::Update),
            ("the other was started with a longer duration", Some("b"), 60, Some(15), wait(45)),
            ("the other was started with a shorter duration", Some("b"), 5, Some(6), wait(9)),
            ("it was released a moment ago", Some(""), 1, Some(0), Step::Update),
            ("our write came through, its answer did not", Some("a"), 15, Some(0), Step::Update),
            ("the Lease was deleted while the other leads", None, 15, Some(4), wait(11)),
            ("the Lease was deleted and nobody made it anew", None, 15, Some(15), Step::Create),
        ];
        for (what, holder, promised, unchanged, expected) in table {
            let view =
                View { identity: "a", holder, promised: s(promised), unchanged: unchanged.map(s), renewed: None };
            assert_eq!(decide(&TIMING, &view), expected, "{what}");
        }
    }

    #[test]
    fn who_leads() {
        let taken = Step::GiveUp(Lost::Taken("b".into()));
        let released = Step::GiveUp(Lost::Taken(String::new()));
        let table = [
            ("it is time to renew", Some("a"), 2, Step::Update),
            ("the last tries failed, there is time for another", Some("a"), 9, Step::Update),
            ("the deadline has come", Some("a"), 10, lost()),
            ("it was paused for an hour", Some("a"), 3600, lost()),
            ("it was paused, and the Lease is gone, too", None, 3600, lost()),
            ("it was paused, and another leads", Some("b"), 3600, lost()),
            ("another leads", Some("b"), 2, taken),
            ("somebody wrote an empty holder", Some(""), 2, released),
            ("the Lease was deleted", None, 2, Step::Create),
        ];
        for (what, holder, renewed, expected) in table {
            // How long the Lease looks unchanged is nothing to a leader: it knows when it asked.
            for unchanged in [s(0), s(100)] {
                let view = View {
                    identity: "a",
                    holder,
                    promised: s(15),
                    unchanged: Some(unchanged),
                    renewed: Some(s(renewed)),
                };
                assert_eq!(decide(&TIMING, &view), expected, "{what}");
            }
        }
    }

    #[test]
    fn a_leader_stops_before_another_may_begin() {
        // The other sees a renewal after it was sent, never before, so its count is never ahead of the leader's.
        for sent_ago in 0..60 {
            for seen_later in 0..5_u64 {
                let leads = View {
                    identity: "a",
                    holder: Some("a"),
                    promised: s(15),
                    unchanged: None,
                    renewed: Some(s(sent_ago)),
                };
                let follows = View {
                    identity: "b",
                    unchanged: Some(s(sent_ago).saturating_sub(s(seen_later))),
                    renewed: None,
                    ..leads
                };
                let both = decide(&TIMING, &leads) == Step::Update && decide(&TIMING, &follows) == Step::Update;
                assert!(!both, "two lead {sent_ago} s after a renewal");
            }
        }
    }

    #[test]
    fn durations_with_which_two_would_lead_are_refused() {
        let ms = Duration::from_millis;
        let table = [
            (ms(15_000), ms(10_000), ms(2_000), ""),
            (ms(3_000), ms(2_000), ms(500), ""),
            (ms(10_000), ms(10_000), ms(2_000), "--leader-elect-renew-deadline"),
            (ms(9_000), ms(10_000), ms(2_000), "--leader-elect-renew-deadline"),
            (ms(15_000), ms(2_400), ms(2_000), "--leader-elect-retry-period"),
            (ms(15_000), ms(2_401), ms(2_000), ""),
            (ms(15_000), ms(10_000), ms(0), "--leader-elect-retry-period"),
            (ms(0), ms(0), ms(0), "--leader-elect-lease-duration"),
            (ms(1_500), ms(1_000), ms(100), "--leader-elect-lease-duration"),
        ];
        for (lease_duration, renew_deadline, retry_period, named) in table {
            let timing = Timing { lease_duration, renew_deadline, retry_period };
            match timing.check() {
                Ok(()) => assert_eq!(named, "", "{timing:?}"),
                Err(text) => assert!(!named.is_empty() && text.starts_with(named), "{timing:?}: {text}"),
            }
        }
    }
}
