//! The operator's sentences, taken apart: what is wrong, and the command that mends it. Pure.

use super::way::Problem;

/// What every pointer into the docs holds.
const POINTER: &str = "troubleshooting.md#";
/// How commands begin in the operator's sentences.
const COMMANDS: [&str; 2] = ["kubectl ", "echo '"];

/// A problem from a sentence such as `Secret db does not exist: kubectl create secret …`.
pub(super) fn problem(reason: &str, sentence: &str) -> Problem {
    let (sentence, _) = pointer(sentence);
    let (said, command) = command(sentence);
    Problem { reason: reason.to_owned(), said: said.to_owned(), command: command.map(ToOwned::to_owned) }
}

/// The sentence and its command: behind a colon at the end, or in parentheses there.
fn command(sentence: &str) -> (&str, Option<&str>) {
    for begin in COMMANDS {
        if let Some((said, rest)) = sentence.split_once(&format!(": {begin}")) {
            let command = sentence.get(sentence.len() - rest.len() - begin.len()..);
            return (said, command);
        }
    }
    (sentence, None)
}

/// The sentence, and the heading of the docs that it ends in.
pub(super) fn pointer(sentence: &str) -> (&str, Option<&str>) {
    let parts = sentence.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
    match parts.filter(|(_, pointer)| pointer.contains(POINTER)) {
        Some((said, pointer)) => (said, Some(pointer)),
        None => (sentence, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_taken_apart() {
        for (sentence, said, command) in [
            (
                "Secret db (env A) does not exist: kubectl create secret generic db -n a --from-literal=password=VALUE",
                "Secret db (env A) does not exist",
                Some("kubectl create secret generic db -n a --from-literal=password=VALUE"),
            ),
            (
                "a pull secret: make it anew: kubectl delete secret a && kubectl create secret b (docs/troubleshooting.md#x)",
                "a pull secret: make it anew",
                Some("kubectl delete secret a && kubectl create secret b"),
            ),
            (
                "a claim does not exist: echo '{}' | kubectl apply -f -",
                "a claim does not exist",
                Some("echo '{}' | kubectl apply -f -"),
            ),
            ("no node takes the Pod: add a node", "no node takes the Pod: add a node", None),
            (
                "mend it (kubectl describe secrets -n a lists them)",
                "mend it (kubectl describe secrets -n a lists them)",
                None,
            ),
        ] {
            let found = problem("X", sentence);
            assert_eq!((found.said.as_str(), found.command.as_deref()), (said, command), "{sentence}");
        }
    }

    #[test]
    fn a_pointer_is_the_docs() {
        assert_eq!(pointer("a (b) (docs/troubleshooting.md#x)"), ("a (b)", Some("docs/troubleshooting.md#x")));
        assert_eq!(pointer("a (b)"), ("a (b)", None));
    }
}
