//! Laws of copies, whatever stands in the Secrets that they are made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{registry, source, world};
use super::*;
use crate::model::registry::{Gravity, Host};
use crate::values::{Form, PullFile};

const HOSTS: [&str; 4] = ["a.example", "docker.io", "b.example:5000", "xa.example"];

/// Keys as people write them, near those hosts and beside them.
fn key() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just("a.example"),
        Just("A.example"),
        Just("xa.example"),
        Just("*.example"),
        Just("a.example:443"),
        Just("b.example:5000"),
        Just("docker.io"),
        Just("index.docker.io"),
        Just("registry-1.docker.io"),
        Just("u:p@a.example"),
    ];
    let scheme = prop_oneof![3 => Just(""), 1 => Just("https://"), 1 => Just("http://"), 1 => Just("oci://")];
    let path = prop_oneof![4 => Just(""), 1 => Just("/"), 1 => Just("/v1/"), 1 => Just("/team"), 1 => Just("/v2"), 1 => Just("/Te am")];
    prop_oneof![8 => (scheme, host, path).prop_map(|(scheme, host, path)| format!("{scheme}{host}{path}")), 1 => "\\PC{0,12}"]
}

fn entry() -> impl Strategy<Value = Value> {
    let word = "[a-z:\"\\\\é]{0,6}";
    prop_oneof![
        3 => (word, word).prop_map(|(user, password)| json!({"username": user, "password": password})),
        3 => ("[a-z]{1,4}", "[ -~]{1,6}").prop_map(|(user, password)| json!({"auth": BASE64_STANDARD.encode(format!("{user}:{password}"))})),
        1 => proptest::collection::vec(any::<u8>(), 0..12).prop_map(|bytes| json!({"auth": BASE64_STANDARD.encode(bytes)})),
        1 => "\\PC{0,12}".prop_map(|text| json!({"auth": text})),
        1 => Just(json!({"auth": 7})),
        1 => Just(json!(["canary"])),
        1 => Just(Value::Null),
        1 => Just(json!({"identitytoken": "t"})),
    ]
}

fn file() -> impl Strategy<Value = String> {
    let auths = proptest::collection::vec((key(), entry()), 0..5).prop_map(|entries| {
        let mut file = json!({"auths": entries.into_iter().collect::<serde_json::Map<_, _>>()});
        file["credHelpers"] = json!({"a.example": "canary-helper"});
        file["HttpHeaders"] = json!({"X": "canary-header"});
        file.to_string()
    });
    prop_oneof![8 => auths, 1 => "\\PC{0,40}"]
}

/// What the kubelet reads in a file for a host.
fn of_host(file: &PullFile, host: &Host) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let entries = file.entries.iter().filter(|entry| Host::of_key(&entry.key).as_ref() == Some(host));
    let good = entries.filter(|entry| entry.faults.iter().all(|fault| fault.gravity() == Gravity::Doubtful));
    good.filter_map(|entry| {
        let login = entry.login.as_ref()?;
        Some((entry.key.clone(), login.user.expose().to_vec(), login.password.expose().to_vec()))
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// No entry of a host that nobody asked for is copied, none that breaks a kubelet or is of no use, nothing beside entries; and
    /// of what is copied each login is its source's.
    #[test]
    fn a_copy_holds_the_logins_of_its_hosts_and_nothing_else(
        files in proptest::collection::vec((file(), 0..HOSTS.len()), 1..4),
        needed in proptest::collection::vec(0..HOSTS.len(), 0..4),
    ) {
        let mut world = world();
        world.registries.clear();
        let place = world.places.get_mut("team").unwrap();
        place.hosts = needed.iter().filter_map(|index| Host::parse(HOSTS[*index]).ok()).collect();
        let secrets = &mut world.sources.get_mut("sys").unwrap().secrets;
        for (index, (file, host)) in files.iter().enumerate() {
            let name = format!("s{index}");
            secrets.insert(name.clone(), source(file));
            world.registries.push(Arc::new(registry(&name, HOSTS[*host], &name)));
        }
        let needed: BTreeSet<Host> = world.places["team"].hosts.clone();
        let writes = plan(&world).writes;
        let Some(Write::Apply(content)) = writes.get("team") else {
            prop_assert!(writes.is_empty());
            return Ok(());
        };
        let text = String::from_utf8(content.file.expose().to_vec()).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["auths"]);
        let copy = PullFile::read(Form::ConfigJson, text.as_bytes());
        prop_assert!(copy.faults.is_empty() && !copy.breaks(), "{}", text);
        // Whatever an older one gives, a younger one does not give again.
        let mut given: BTreeMap<Target, &str> = BTreeMap::new();
        let mut expected = Vec::new();
        for registry in &world.registries {
            let wants = registry.wants.as_ref().unwrap();
            let Some((file, _)) = files.get(registry.name.trim_start_matches('s').parse::<usize>().unwrap()) else { continue };
            let file = PullFile::read(Form::ConfigJson, file.as_bytes());
            if !needed.contains(&wants.host) || file.faults.iter().any(|fault| fault.gravity() == Gravity::Breaks) {
                continue;
            }
            for (key, user, password) in of_host(&file, &wants.host) {
                if *given.entry(Target::of(&key).unwrap()).or_insert(&registry.name) == registry.name {
                    expected.push((key, user, password));
                }
            }
        }
        let mut found = Vec::new();
        for entry in &copy.entries {
            prop_assert!(entry.faults.iter().all(|fault| fault.gravity() == Gravity::Doubtful), "{}", entry.key);
            let login = entry.login.as_ref().unwrap();
            found.push((entry.key.clone(), login.user.expose().to_vec(), login.password.expose().to_vec()));
        }
        prop_assert_eq!(found, expected);
    }
}
