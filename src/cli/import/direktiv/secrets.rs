//! Direktiv's secrets, one value each, as keys of Secrets: what each is called here, and the line that makes it. No value is in a
//! workflow.

use std::collections::{BTreeMap, BTreeSet};

use super::super::line::{create_generic, word};
use super::super::names;
use super::super::source::Source;

/// The Secrets that a workflow names.
#[derive(Debug, Default)]
pub struct Secrets(BTreeMap<String, Named>);

/// A Secret, where it was named first, and what its keys were called.
#[derive(Debug, Default)]
struct Named {
    at: String,
    keys: BTreeMap<String, BTreeSet<String>>,
}

impl Secrets {
    /// The Secret and the key of what Direktiv calls so. The same in every workflow.
    pub fn of(&mut self, called: &str, at: &str) -> (String, String) {
        let name = names::pipeline(called);
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let key: String = called.chars().map(|c| if good(c) { c } else { '-' }).collect();
        let named = self.0.entry(name.clone()).or_insert_with(|| Named { at: at.to_owned(), ..Named::default() });
        named.keys.entry(key.clone()).or_default().insert(called.to_owned());
        (name, key)
    }

    /// Says of each Secret how it is made.
    pub fn report(&self, source: &mut Source, in_namespace: &str) {
        for (name, Named { at, keys }) in &self.0 {
            for (key, called) in keys.iter().filter(|(_, called)| called.len() > 1) {
                let called: Vec<String> = called.iter().map(|called| word(called)).collect();
                source.error(
                    at,
                    format!(
                        "{} would all be the key {key} of the Secret {name}: mend it in the source",
                        called.join(", ")
                    ),
                );
            }
            let line = create_generic(name, in_namespace, &keys.keys().cloned().collect::<Vec<_>>(), &BTreeMap::new());
            let called: Vec<String> = keys.values().flatten().map(|called| word(called)).collect();
            let subject = match called.as_slice() {
                [called] if called == name => format!("{name} is a key of the Secret of that name"),
                [called] => format!(
                    "{called} is a key of the Secret {name}, since names of Kubernetes are lower case, with '-'"
                ),
                many => format!("{} are keys of the Secret {name}", many.join(" and ")),
            };
            source.note(at, format!("{subject}: {line}"));
        }
    }
}

/// The variable that a value becomes where a shell needs one.
pub fn variable(called: &str) -> String {
    let name: String = called.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_same_everywhere() {
        let mut secrets = Secrets::default();
        for (called, name, key) in [
            ("secretToken", "secrettoken", "secretToken"),
            ("API_KEY", "api-key", "API_KEY"),
            ("api-key", "api-key", "api-key"),
            ("a b", "a-b", "a-b"),
        ] {
            assert_eq!(secrets.of(called, ""), (name.to_owned(), key.to_owned()));
        }
        assert_eq!((variable("api-key"), variable("1a")), ("api_key".to_owned(), "_1a".to_owned()));
    }
}
