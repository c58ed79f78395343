//! Which objects of a kind are there. Names only: a ConfigMap's data, and the annotation in which kubectl keeps a copy of
//! it, are dropped while they are decoded. No IO here; [`super::sightings`] feeds it.

use std::collections::HashMap;

use super::key::ObjectKey;
use crate::api::reason::ObjectKind;
use crate::model::volume::ObjectKnowledge;

/// What a metadata watch tells of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Which object.
    pub key: ObjectKey,
    /// Whether it is being deleted.
    pub leaving: bool,
}

/// The objects of one kind, in all namespaces.
#[derive(Debug, Default)]
pub struct Presence {
    /// Those that are there, and whether they are being deleted.
    there: HashMap<ObjectKey, bool>,
    /// Those that a list has told so far. What was known stands until the list is complete.
    listed: Option<HashMap<ObjectKey, bool>>,
    told: Told,
}

/// What the watch has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Told {
    /// No list is complete yet.
    #[default]
    Nothing,
    /// The list is complete and the watch goes on.
    All,
    /// The API server answers 403.
    Forbidden,
}

impl Presence {
    /// Whether there is an answer: a list, or a 403.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        self.told != Told::Nothing
    }

    /// What is known of an object.
    #[must_use]
    pub fn look_up(&self, key: &ObjectKey) -> ObjectKnowledge {
        match (self.told, self.there.get(key)) {
            (Told::Nothing, _) => ObjectKnowledge::Unread,
            (Told::Forbidden, _) => ObjectKnowledge::Forbidden,
            (Told::All, Some(false)) => ObjectKnowledge::Present,
            (Told::All, Some(true)) => ObjectKnowledge::Leaving,
            (Told::All, None) => ObjectKnowledge::Absent,
        }
    }

    /// An object was made or changed. Returns whether its users have to be woken: most changes are none of theirs.
    pub fn apply(&mut self, seen: Sighting) -> bool {
        self.there.insert(seen.key, seen.leaving) != Some(seen.leaving)
    }

    /// An object is gone. Returns whether its users have to be woken.
    pub fn delete(&mut self, key: &ObjectKey) -> bool {
        self.there.remove(key).is_some()
    }

    /// A list begins.
    pub fn init(&mut self) {
        self.listed = Some(HashMap::new());
    }

    /// An object of the list.
    pub fn init_apply(&mut self, seen: Sighting) {
        self.listed.get_or_insert_default().insert(seen.key, seen.leaving);
    }

    /// The list is complete. Of the objects that are `named` returns those whose users have to be woken.
    pub fn init_done<'a>(&mut self, named: impl Iterator<Item = &'a ObjectKey>) -> Vec<ObjectKey> {
        let listed = self.listed.take().unwrap_or_default();
        let old = std::mem::replace(&mut self.there, listed);
        let answers_anew = std::mem::replace(&mut self.told, Told::All) != Told::All;
        let changed = |key: &&ObjectKey| answers_anew || old.get(*key) != self.there.get(*key);
        named.filter(changed).cloned().collect()
    }

    /// The right to look was refused or taken away: what was known is known no more. Returns whether that is news.
    pub fn forbid(&mut self) -> bool {
        self.there = HashMap::new();
        self.listed = None;
        std::mem::replace(&mut self.told, Told::Forbidden) != Told::Forbidden
    }
}

/// The objects of every kind of which only their being there counts.
#[derive(Debug, Default)]
pub struct Objects {
    config_maps: Presence,
    claims: Presence,
}

impl Objects {
    /// Whether there is an answer for every kind.
    #[must_use]
    pub fn have_answers(&self) -> bool {
        ObjectKind::ALL.iter().all(|kind| self.of(*kind).has_answer())
    }

    /// Those of one kind.
    #[must_use]
    pub fn of(&self, kind: ObjectKind) -> &Presence {
        match kind {
            ObjectKind::ConfigMap => &self.config_maps,
            ObjectKind::PersistentVolumeClaim => &self.claims,
        }
    }

    /// Those of one kind.
    pub fn of_mut(&mut self, kind: ObjectKind) -> &mut Presence {
        match kind {
            ObjectKind::ConfigMap => &mut self.config_maps,
            ObjectKind::PersistentVolumeClaim => &mut self.claims,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("team-a", name)
    }

    fn seen(name: &str) -> Sighting {
        Sighting { key: key(name), leaving: false }
    }

    fn told(names: &[&str]) -> Presence {
        let mut presence = Presence::default();
        presence.init();
        for name in names {
            presence.init_apply(seen(name));
        }
        assert_eq!(
            presence.look_up(&key("app")),
            ObjectKnowledge::Unread,
            "nothing is missing before the list is complete"
        );
        presence.init_done(std::iter::empty());
        presence
    }

    #[test]
    fn an_object_comes_and_goes_and_its_other_changes_wake_nobody() {
        let mut presence = told(&[]);
        assert_eq!(presence.look_up(&key("app")), ObjectKnowledge::Absent);
        assert!(presence.apply(seen("app")));
        assert!(!presence.apply(seen("app")));
        assert_eq!(presence.look_up(&key("app")), ObjectKnowledge::Present);
        assert!(presence.apply(Sighting { leaving: true, ..seen("app") }));
        assert_eq!(presence.look_up(&key("app")), ObjectKnowledge::Leaving);
        assert!(presence.delete(&key("app")));
        assert!(!presence.delete(&key("app")));
        assert_eq!(presence.look_up(&key("app")), ObjectKnowledge::Absent);
    }

    #[test]
    fn a_relist_wakes_the_users_of_what_came_or_went_and_of_nothing_else() {
        let mut presence = told(&["stays", "goes"]);
        presence.init();
        presence.init_apply(seen("stays"));
        presence.init_apply(seen("comes"));
        assert_eq!(presence.look_up(&key("goes")), ObjectKnowledge::Present, "what was known stands meanwhile");
        let named = [key("stays"), key("goes"), key("comes"), key("never")];
        assert_eq!(presence.init_done(named.iter()), [key("goes"), key("comes")]);
        assert_eq!(presence.look_up(&key("goes")), ObjectKnowledge::Absent);
    }

    #[test]
    fn a_403_is_an_answer_and_is_not_missing_and_ends_with_the_next_list() {
        let mut presence = told(&["app"]);
        assert!(presence.forbid());
        assert!(!presence.forbid(), "it is news once");
        assert!(presence.has_answer());
        assert_eq!(presence.look_up(&key("app")), ObjectKnowledge::Forbidden);
        presence.init();
        presence.init_apply(seen("app"));
        assert_eq!(presence.look_up(&key("app")), ObjectKnowledge::Forbidden);
        let named = [key("app"), key("never")];
        assert_eq!(presence.init_done(named.iter()), named, "whoever was told of the 403 hears that it is over");
        assert_eq!(presence.look_up(&key("app")), ObjectKnowledge::Present);
    }
}
