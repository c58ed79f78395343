//! Keys in line, handed out round robin between namespaces: ten thousand of one hold back none of another's.

use std::collections::{HashMap, HashSet, VecDeque};

use super::key::ObjectKey;

/// The line. Each key stands in it once.
#[derive(Debug, Default)]
pub struct FairLine {
    /// Namespaces with keys, the one whose turn is next first.
    turns: VecDeque<String>,
    names: HashMap<String, VecDeque<String>>,
    all: HashSet<ObjectKey>,
}

impl FairLine {
    /// Puts a key at the end of its namespace's line. `false`: it stands there already, and keeps its place.
    pub fn push(&mut self, key: ObjectKey) -> bool {
        if !self.all.insert(key.clone()) {
            return false;
        }
        let ObjectKey { namespace, name } = key;
        let names = self.names.entry(namespace.clone()).or_default();
        if names.is_empty() {
            self.turns.push_back(namespace);
        }
        names.push_back(name);
        true
    }

    /// Whether no key is in line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// How many keys are in line.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The next key: the first of the namespace whose turn it is.
    pub fn pop(&mut self) -> Option<ObjectKey> {
        self.pop_if(|_| true)
    }

    /// As [`pop`](Self::pop), but a namespace whose first key may not go is passed over and keeps its turn.
    pub fn pop_if(&mut self, may_go: impl Fn(&ObjectKey) -> bool) -> Option<ObjectKey> {
        let (turn, key) = self.find(may_go)?;
        let namespace = self.turns.remove(turn)?;
        let names = self.names.get_mut(&namespace)?;
        names.pop_front();
        if names.is_empty() {
            self.names.remove(&namespace);
        } else {
            self.turns.push_back(namespace);
        }
        self.all.remove(&key);
        Some(key)
    }

    /// Whether [`pop_if`](Self::pop_if) would find one.
    #[must_use]
    pub fn any(&self, may_go: impl Fn(&ObjectKey) -> bool) -> bool {
        self.find(may_go).is_some()
    }

    fn find(&self, may_go: impl Fn(&ObjectKey) -> bool) -> Option<(usize, ObjectKey)> {
        self.turns.iter().enumerate().find_map(|(turn, namespace)| {
            let key = ObjectKey::new(namespace.as_str(), self.names.get(namespace)?.front()?.as_str());
            may_go(&key).then_some((turn, key))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(namespace: &str, name: &str) -> ObjectKey {
        ObjectKey::new(namespace, name)
    }

    fn line(keys: &[(&str, &str)]) -> FairLine {
        let mut line = FairLine::default();
        for (namespace, name) in keys {
            line.push(key(namespace, name));
        }
        line
    }

    fn drain(line: &mut FairLine) -> Vec<String> {
        std::iter::from_fn(|| line.pop()).map(|key| key.to_string()).collect()
    }

    #[test]
    fn namespaces_take_turns_and_within_one_the_first_comes_first() {
        let mut line = line(&[("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("b", "2"), ("c", "1")]);
        assert_eq!(drain(&mut line), ["a/1", "b/1", "c/1", "a/2", "b/2", "a/3"]);
        assert!(line.is_empty());
    }

    #[test]
    fn one_of_another_namespace_comes_after_one_of_each_that_stood_before_it() {
        let mut line = FairLine::default();
        for i in 0..10_000 {
            line.push(key("big", &i.to_string()));
        }
        line.pop();
        line.push(key("small", "only"));
        assert_eq!(line.pop(), Some(key("big", "1")));
        assert_eq!(line.pop(), Some(key("small", "only")));
    }

    #[test]
    fn a_key_stands_in_line_once_and_keeps_its_place() {
        let mut line = line(&[("a", "1"), ("a", "2")]);
        assert!(!line.push(key("a", "1")));
        assert_eq!(drain(&mut line), ["a/1", "a/2"]);
        assert!(line.push(key("a", "1")));
    }

    #[test]
    fn a_namespace_that_may_not_go_keeps_its_turn() {
        let mut line = line(&[("a", "1"), ("b", "1"), ("b", "2")]);
        let not_a = |key: &ObjectKey| key.namespace != "a";
        assert!(line.any(not_a));
        assert_eq!(line.pop_if(not_a), Some(key("b", "1")));
        assert_eq!(drain(&mut line), ["a/1", "b/2"]);
        assert!(!line.any(not_a));
    }

    /// What happens to a line: a key comes, or the next is taken.
    fn steps() -> impl Strategy<Value = Vec<Option<(u8, u8)>>> {
        proptest::collection::vec(proptest::option::weighted(0.6, (0..4_u8, 0..20_u8)), 0..200)
    }

    proptest! {
        #[test]
        fn every_key_comes_out_once(steps in steps()) {
            let mut line = FairLine::default();
            let (mut put, mut taken) = (BTreeMap::<ObjectKey, usize>::new(), BTreeMap::<ObjectKey, usize>::new());
            let mut take = |line: &mut FairLine| line.pop().map(|key| *taken.entry(key).or_default() += 1);
            for step in steps {
                match step {
                    Some((namespace, name)) => {
                        let key = key(&namespace.to_string(), &name.to_string());
                        if line.push(key.clone()) {
                            *put.entry(key).or_default() += 1;
                        }
                    }
                    None => {
                        take(&mut line);
                    }
                }
            }
            while take(&mut line).is_some() {}
            prop_assert!(line.is_empty());
            prop_assert_eq!(put, taken);
        }

        #[test]
        fn two_namespaces_with_work_get_as_much_within_one(steps in steps()) {
            let mut line = FairLine::default();
            let mut waits = [0_usize; 4];
            // Hand-outs to each of two namespaces since both have work.
            let mut got: BTreeMap<(usize, usize), [usize; 2]> = BTreeMap::new();
            for step in steps {
                if let Some((namespace, name)) = step {
                    let pushed = line.push(key(&namespace.to_string(), &name.to_string()));
                    waits[usize::from(namespace)] += usize::from(pushed);
                } else {
                    let Some(key) = line.pop() else { continue };
                    let namespace: usize = key.namespace.parse().unwrap();
                    waits[namespace] -= 1;
                    for (&(a, b), count) in &mut got {
                        count[0] += usize::from(a == namespace);
                        count[1] += usize::from(b == namespace);
                    }
                }
                for a in 0..4 {
                    for b in 0..a {
                        if waits[a] == 0 || waits[b] == 0 {
                            got.remove(&(a, b));
                        } else {
                            let [of_a, of_b] = *got.entry((a, b)).or_default();
                            prop_assert!(of_a.abs_diff(of_b) <= 1, "{} and {}", of_a, of_b);
                        }
                    }
                }
            }
        }
    }
}
