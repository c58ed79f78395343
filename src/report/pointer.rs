//! Where a message sends its reader: which heading of the docs it ends in, and that this end is never cut off.

use crate::api::reason::{Reason, Trouble};
use crate::model::docs::Docs;

/// The heading of a reason, where there is something to be done or to be known. What keeps a Pod from running has a heading
/// of its own.
pub(super) fn heading(reason: Reason, trouble: Option<Trouble>) -> Option<&'static str> {
    match reason {
        Reason::PodsStarting => trouble.map(Trouble::as_str),
        // It is good, or gets on by itself.
        Reason::AllResolved
        | Reason::EndingOldRun
        | Reason::PodsRunning
        | Reason::Rolling
        | Reason::Succeeded
        | Reason::Suspended => None,
        Reason::SecretsNotLookedAt
        | Reason::WaitingForSecrets
        | Reason::WaitingForVolumes
        | Reason::SecretForbidden
        | Reason::VolumeForbidden
        | Reason::ServiceAccountNotFound
        | Reason::NotRead
        | Reason::SecretMissing
        | Reason::MissingSecretTimeout
        | Reason::InvalidSpec
        | Reason::Unreadable
        | Reason::PodRefused
        | Reason::QuotaExceeded
        | Reason::PodSecurityRefused
        | Reason::NameConflict
        | Reason::PodFailed
        | Reason::InvalidInput
        | Reason::RetryBackoff
        | Reason::TimedOut
        | Reason::RollStuck
        | Reason::WriteFailed
        | Reason::ExpiresSoon
        | Reason::Expired
        | Reason::ExpiryUnreadable => Some(reason.as_str()),
    }
}

/// The text with its pointer, in at most so many bytes. One that ends in its pointer already has it once, and it is the
/// text that is cut.
pub(super) fn end(docs: &Docs, text: &str, heading: Option<&str>, most: usize) -> String {
    let pointer = heading.map(|heading| docs.pointer(heading)).unwrap_or_default();
    let text = text.strip_suffix(&pointer).unwrap_or(text);
    format!("{}{pointer}", cut(text, most.saturating_sub(pointer.len())))
}

/// The beginning of the text, of at most so many bytes.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 400;

    #[test]
    fn a_pointer_is_never_cut_off_and_stands_once() {
        let docs = Docs::at(&format!("https://example.com/{}", "x".repeat(180))).unwrap();
        let pointer = docs.pointer("NotFound");
        for text in ["short", &"a".repeat(5000), &"ä".repeat(5000), &"a".repeat(MOST - pointer.len())] {
            let ended = end(&docs, text, Some("NotFound"), MOST);
            assert!(ended.len() <= MOST && ended.ends_with(&pointer), "{ended}");
            assert_eq!(end(&docs, &ended, Some("NotFound"), MOST), ended, "it has its pointer already");
            assert!(ended.len() + 1 >= MOST.min(text.len() + pointer.len()), "more was cut than had to be");
        }
    }

    #[test]
    fn without_a_heading_the_text_is_only_cut() {
        let docs = Docs::default();
        assert_eq!(end(&docs, "Pod edges runs", None, MOST), "Pod edges runs");
        assert_eq!(end(&docs, &"ä".repeat(5000), None, MOST), "ä".repeat(MOST / 2));
    }
}
