//! Names of other systems as names of ours.

use sha2::{Digest, Sha256};

/// The longest name of a Pipeline.
const LONGEST: usize = 52;

/// The name of a Pipeline that a name of another system becomes: lower case, `-` for what may not stand in it, at most 52
/// characters. One that is good stays as it is; one that is too long ends in a digest of the whole.
#[must_use]
pub fn pipeline(text: &str) -> String {
    short(&dns_label(text), LONGEST, text)
}

/// The same for a step, which has at most 40 characters.
#[must_use]
pub fn step(text: &str) -> String {
    short(&dns_label(text).replace('.', "-"), 40, text)
}

/// What is said of a name that had to be made good.
#[must_use]
pub fn renamed(name: &str, longest: usize) -> String {
    format!(
        "is renamed to {name}: names of Kubernetes are lower case, with '-', and this one has at most {longest} characters"
    )
}

fn dns_label(text: &str) -> String {
    let lower = text.to_lowercase();
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
    let name: String = lower.chars().map(|c| if good(c) { c } else { '-' }).collect();
    // A dot with a dash beside it would begin or end a label with one.
    let labels = name.split('.').map(|label| label.trim_matches('-')).filter(|label| !label.is_empty());
    labels.collect::<Vec<_>>().join(".")
}

fn short(name: &str, longest: usize, whole: &str) -> String {
    if name.is_empty() {
        return "unnamed".to_owned();
    }
    if name.len() <= longest {
        return name.to_owned();
    }
    let digest = Sha256::digest(whole).iter().take(3).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    let kept: String = name.chars().take(longest.saturating_sub(7)).collect();
    format!("{}-{digest:06x}", kept.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::names::is_dns_subdomain;

    #[test]
    fn good_names_stay_and_others_become_good() {
        for (text, name) in [
            ("edges", "edges"),
            ("Edge_Detect", "edge-detect"),
            ("_a_", "a"),
            ("a.-b", "a.b"),
            ("", "unnamed"),
            ("ä", "unnamed"),
            ("a b", "a-b"),
        ] {
            assert_eq!(pipeline(text), name);
        }
        assert_eq!(step("a.b"), "a-b");
        let (one, two) = (pipeline(&format!("{}1", "a".repeat(60))), pipeline(&format!("{}2", "a".repeat(60))));
        assert!(one != two && one.len() == 52, "{one}");
    }

    proptest! {
        #[test]
        fn every_name_becomes_a_good_one(text in any::<String>(), ascii in "[A-Za-z._-]{0,80}") {
            for text in [text, ascii] {
                let name = pipeline(&text);
                prop_assert!(is_dns_subdomain(&name) && name.len() <= 52, "{}", name);
                let name = step(&text);
                prop_assert!(is_dns_subdomain(&name) && name.len() <= 40 && !name.contains('.'), "{}", name);
            }
        }
    }
}
