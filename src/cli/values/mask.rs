//! Masks values in a stream of bytes, however it is cut into pieces. Pure.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::SecretValue;
use super::forms::{SHORTEST, forms};
use crate::cli::error::Error;

/// What stands in the place of a value.
const MASK: &[u8] = b"***";

/// The texts that are masked. Neither printed nor logged: it has no `Debug`.
pub(in crate::cli) struct Patterns {
    automaton: AhoCorasick,
    /// In their order, so that what begins one is found by halving.
    sorted: Vec<Vec<u8>>,
    longest: usize,
    /// How many values are too short to be masked.
    pub short: usize,
}

impl Patterns {
    /// Values have to be this long to be masked.
    pub(in crate::cli) const SHORTEST: usize = SHORTEST;

    /// The forms of all these values.
    pub(in crate::cli) fn of<'a>(values: impl Iterator<Item = &'a SecretValue>) -> Result<Self, Error> {
        let (mut sorted, mut short) = (std::collections::BTreeSet::new(), 0_usize);
        for value in values.filter(|value| !value.expose().is_empty()) {
            match forms(value.expose()) {
                Some(forms) => sorted.extend(forms),
                None => short = short.saturating_add(1),
            }
        }
        let sorted: Vec<Vec<u8>> = sorted.into_iter().collect();
        // A table for each state, which it would choose for a few patterns, is large where they are long.
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&sorted)
            .map_err(|_| Error::Usage("the Secrets hold more than --mask can look for: run it without".into()))?;
        let longest = sorted.iter().map(Vec::len).max().unwrap_or_default();
        Ok(Self { automaton, sorted, longest, short })
    }

    /// Where the text's end begins that may become one of the patterns; its length where there is none.
    fn open(&self, text: &[u8]) -> usize {
        let first = text.len().saturating_sub(self.longest.saturating_sub(1));
        (first..text.len()).find(|at| text.get(*at..).is_some_and(|end| self.begins(end))).unwrap_or(text.len())
    }

    /// Whether a pattern begins with this and goes on.
    fn begins(&self, text: &[u8]) -> bool {
        let next = self.sorted.partition_point(|pattern| pattern.as_slice() <= text);
        self.sorted.get(next).is_some_and(|pattern| pattern.starts_with(text))
    }

    /// Where patterns stand in the text; those that overlap are one.
    fn places(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let mut places: Vec<(usize, usize)> =
            self.automaton.find_overlapping_iter(text).map(|found| (found.start(), found.end())).collect();
        places.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::new();
        for (start, end) in places {
            match joined.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        joined
    }
}

/// One stream on its way through.
pub(in crate::cli) struct Masker<'a> {
    patterns: &'a Patterns,
    /// What may be the beginning of a value.
    held: Vec<u8>,
}

impl<'a> Masker<'a> {
    /// At the stream's beginning.
    pub(in crate::cli) fn new(patterns: &'a Patterns) -> Self {
        Self { patterns, held: Vec::new() }
    }

    /// Takes the next piece; what may be printed by now.
    pub(in crate::cli) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let open = self.patterns.open(&self.held);
        let places = self.patterns.places(&self.held);
        // A value that reaches into what is open may overlap with one that is still to come.
        let end = places.iter().find(|place| place.1 > open).map_or(open, |place| place.0.min(open));
        let printed = masked(&self.held, &places, end);
        self.held.drain(..end);
        printed
    }

    /// At the stream's end: what is left.
    pub(in crate::cli) fn finish(self) -> Vec<u8> {
        masked(&self.held, &self.patterns.places(&self.held), self.held.len())
    }
}

/// The text up to there, with a mask for each place.
fn masked(text: &[u8], places: &[(usize, usize)], end: usize) -> Vec<u8> {
    let (mut printed, mut from) = (Vec::new(), 0);
    for (start, stop) in places.iter().filter(|place| place.1 <= end) {
        printed.extend_from_slice(text.get(from..*start).unwrap_or_default());
        printed.extend_from_slice(MASK);
        from = *stop;
    }
    printed.extend_from_slice(text.get(from..end).unwrap_or_default());
    printed
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    fn patterns(values: &[&str]) -> Patterns {
        let values: Vec<_> = values.iter().map(|value| SecretValue::new(value.as_bytes().to_vec())).collect();
        Patterns::of(values.iter()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn through(patterns: &Patterns, pieces: &[&[u8]]) -> String {
        let mut masker = Masker::new(patterns);
        let mut printed: Vec<u8> = pieces.iter().flat_map(|piece| masker.push(piece)).collect();
        printed.extend(masker.finish());
        String::from_utf8_lossy(&printed).into_owned()
    }

    #[test]
    fn values_are_masked_and_the_rest_is_as_it_was() {
        for (values, text, printed) in [
            (&["canary-7c1f"][..], "pw=canary-7c1f!\n", "pw=***!\n"),
            (&["canary-7c1f"], "canary-7c1canary-7c1f", "canary-7c1***"),
            (&["canary-7c1f"], "canary-7c1", "canary-7c1"),
            (&["canary-7c1f"], "canary-7c1fcanary-7c1f", "******"),
            (&["canary", "canary-7c1f"], "canary-7c1f canary-x", "*** ***-x"),
            // Both are values; what they have in common stands once.
            (&["canary-7c1f", "7c1f-more"], "<canary-7c1f-more>", "<***>"),
            (&["no"], "no", "no"),
            (&[""], "anything", "anything"),
            (&[], "anything", "anything"),
            (&["line one canary\nline two canary\n"], "a\nline one canary\nb\nline two canary\n", "a\n***\nb\n***\n"),
        ] {
            assert_eq!(through(&patterns(values), &[text.as_bytes()]), printed, "{values:?} in {text}");
        }
    }

    #[test]
    fn a_line_that_ends_in_no_value_is_not_held_back() {
        let patterns = patterns(&["canary-7c1f", &"x".repeat(5000)]);
        let mut masker = Masker::new(&patterns);
        assert_eq!(masker.push(b"a line\n"), b"a line\n");
        assert_eq!(masker.push(b"can"), b"");
        assert_eq!(masker.push(b"did\n"), b"candid\n");
        assert_eq!(masker.push(b"canary-7c1f\n"), b"***\n");
        assert_eq!(masker.push(b"canary-7c1f"), b"***", "no longer one begins with it");
    }

    #[test]
    fn a_value_inside_of_something_encoded_is_masked() {
        let patterns = patterns(&["canary-7c1f-long"]);
        for user in ["", "u:", "us:", "use:", "user:"] {
            let header = BASE64_STANDARD.encode(format!("{user}canary-7c1f-long-and-more"));
            let printed = through(&patterns, &[header.as_bytes()]);
            let middle = header.get(6..18).unwrap();
            assert!(printed.contains("***") && !printed.contains(middle), "{user}: {printed}");
        }
    }

    #[test]
    fn what_is_too_short_is_counted() {
        assert_eq!(patterns(&["no", "443", "", "canary-7c1f"]).short, 2);
    }

    /// Values that share beginnings and ends, so that they overlap in every way.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof!["[ab]{4,9}", "[ab\n %/\"+]{4,12}", "[a-c]{1,4}(ab){2,30}", "\\PC{4,20}"]
            .prop_filter("the mask's own sign", |value| !value.contains('*'))
    }

    fn text(values: &[String]) -> impl Strategy<Value = Vec<u8>> + use<> {
        let forms: Vec<Vec<u8>> = values.iter().filter_map(|value| forms(value.as_bytes())).flatten().collect();
        let form = if forms.is_empty() { Just(Vec::new()).boxed() } else { prop::sample::select(forms).boxed() };
        let noise = "[ab \n%]{0,6}".prop_map(String::into_bytes);
        prop::collection::vec(prop_oneof![form, noise], 0..12).prop_map(|parts| parts.concat())
    }

    fn case() -> impl Strategy<Value = (Vec<String>, Vec<u8>, Vec<prop::sample::Index>)> {
        prop::collection::vec(value(), 1..4).prop_flat_map(|values| {
            let text = text(&values);
            (Just(values), text, prop::collection::vec(any::<prop::sample::Index>(), 0..8))
        })
    }

    proptest! {
        #[test]
        fn no_form_of_a_value_survives_however_the_stream_is_cut((values, text, cuts) in case()) {
            let patterns = patterns(&values.iter().map(String::as_str).collect::<Vec<_>>());
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect();
            let printed = through(&patterns, &pieces);
            prop_assert_eq!(&printed, &through(&patterns, &[&text]), "it depends on the cuts");
            for value in &values {
                for form in forms(value.as_bytes()).into_iter().flatten() {
                    let form = String::from_utf8_lossy(&form).into_owned();
                    prop_assert!(!printed.contains(&form), "{:?} is in {:?}", form, printed);
                }
            }
        }
    }
}
