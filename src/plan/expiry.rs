//! Expiry: Secrets whose label says that what they hold ends soon, or has ended. It is told, and stops nothing.

use k8s_openapi::jiff::civil::Date;
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{Span, Timestamp};

use super::{Plan, advice};
use crate::api::reason::Reason;
use crate::model::names::SecretName;
use crate::model::secret::{EXPIRES_ON_LABEL, Expiry, SecretKnowledge};
use crate::model::world::World;

/// So many days before the date it is told.
const DAYS_AHEAD: i64 = 14;

/// Adds to a plan what is to be told of the Secrets that are used, and when that changes though no event comes: of every
/// Secret that is there, pull secrets of the ServiceAccount included. A run that is over uses none any more.
pub(super) fn tell(world: &World, plan: Plan) -> Plan {
    if plan.verdict.result.is_some() {
        return plan;
    }
    // Days are those of UTC.
    let today = world.now.to_zoned(TimeZone::UTC).date();
    let mut found: Vec<(Reason, String)> = Vec::new();
    let mut look_again = plan.look_again;
    for (name, known) in &world.secrets {
        let SecretKnowledge::Present(facts) = known else { continue };
        let Some(expiry) = facts.expires_on else { continue };
        if let Expiry::On(date) = expiry {
            let next = [begins(date), date.tomorrow().ok()].into_iter().flatten().filter(|day| *day > today).min();
            look_again = look_again.into_iter().chain(next.and_then(midnight)).min();
        }
        found.extend(judge(world, name, expiry, today));
    }
    // The worst first: it is the condition's reason.
    found.sort_by_key(|(reason, _)| match reason {
        Reason::Expired => 0,
        Reason::ExpiresSoon => 1,
        _ => 2,
    });
    let messages: Vec<String> = found.iter().map(|(_, message)| message.clone()).collect();
    Plan { expiring: found.first().map(|(reason, _)| (*reason, advice::all(&messages))), look_again, ..plan }
}

/// The first day on which it is told.
fn begins(date: Date) -> Option<Date> {
    date.checked_sub(Span::new().days(DAYS_AHEAD)).ok()
}

fn midnight(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn judge(world: &World, name: &SecretName, expiry: Expiry, today: Date) -> Option<(Reason, String)> {
    let namespace = &world.subject.namespace;
    let label = format!("kubectl label secret {name} -n {namespace} --overwrite {EXPIRES_ON_LABEL}=YYYY-MM-DD");
    match expiry {
        Expiry::NoDate => {
            let message = format!(
                "the label {EXPIRES_ON_LABEL} of Secret {name} is no date such as 2027-01-31; correct it: {label}"
            );
            Some((Reason::ExpiryUnreadable, message))
        }
        Expiry::On(date) if today > date => {
            let message = format!("Secret {name} has expired on {date}: rotate it, then set the new date: {label}");
            Some((Reason::Expired, message))
        }
        Expiry::On(date) if begins(date).is_none_or(|day| today >= day) => {
            let message = format!("Secret {name} expires on {date}: rotate it, then set the new date: {label}");
            Some((Reason::ExpiresSoon, message))
        }
        Expiry::On(_) => None,
    }
}
