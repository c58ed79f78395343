//! Sets of indexes as people read them: `0-3,7`, as an indexed Job's `completedIndexes` (KEP-2214).

use std::collections::BTreeSet;

/// Writes the set; empty for an empty one.
#[must_use]
pub fn format(indexes: &BTreeSet<i32>) -> String {
    let mut ranges: Vec<(i32, i32)> = Vec::new();
    for &index in indexes {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(index) => *last = index,
            _ => ranges.push((index, index)),
        }
    }
    let one = |(first, last): &(i32, i32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(one).collect::<Vec<_>>().join(",")
}

/// Reads the set; what is no range of at most 1000 indexes is left out.
#[must_use]
pub fn parse(text: &str) -> BTreeSet<i32> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.parse::<u16>().ok()?, last.parse::<u16>().ok()?))
    };
    let in_bounds = |&(first, last): &(u16, u16)| first <= last && last < 1000;
    text.split(',').filter_map(range).filter(in_bounds).flat_map(|(first, last)| first..=last).map(i32::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_are_written_as_a_range() {
        assert_eq!(format(&[0, 1, 2, 3, 7].into()), "0-3,7");
        assert_eq!(format(&[].into()), "");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(indexes in proptest::collection::btree_set(0..1000_i32, 0..50)) {
            prop_assert_eq!(parse(&format(&indexes)), indexes);
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            prop_assert!(parse(&text).len() <= 1000);
        }
    }
}
