//! What GitOps tools make of a Registry and of a ClusterRegistry, whose one condition is `Ready`.

use serde_json::{Value, json};

use super::kstatus::{Kstatus, compute};
use super::{health_of, yaml_of};

const KINDS: [&str; 2] = ["Registry", "ClusterRegistry"];

/// One whose `Ready` has this status and message, and of which this generation was seen.
fn seen(kind: &str, ready: &str, message: &str, generation: i64) -> Value {
    let ready = json!({
        "type": "Ready", "status": ready, "reason": "Any", "message": message,
        "lastTransitionTime": "2026-11-22T00:00:00Z", "observedGeneration": generation,
    });
    json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": kind, "metadata": {"name": "images", "generation": 2},
        "status": {"observedGeneration": generation, "conditions": [ready]},
    })
}

#[test]
fn one_that_is_ready_is_healthy_and_every_other_is_waited_for() {
    for kind in KINDS {
        for (object, health, kstatus) in [
            (seen(kind, "True", "all is there", 2), "Healthy", Kstatus::Current),
            (seen(kind, "False", "Secret regcred does not exist", 2), "Progressing", Kstatus::InProgress),
            (seen(kind, "Unknown", "could not be read", 2), "Progressing", Kstatus::InProgress),
        ] {
            let said = health_of(kind, &object);
            assert_eq!(said["status"], health, "{kind}: {object}");
            assert_eq!(said["message"], object["status"]["conditions"][0]["message"], "{kind}");
            assert_eq!(compute(&object), kstatus, "{kind}: {object}");
        }
    }
}

#[test]
fn what_nobody_has_looked_at_is_progressing_and_says_who_should() {
    for (kind, words) in [("Registry", "Lockgate has not looked at"), ("ClusterRegistry", "projector, which is off")] {
        let born = json!({"metadata": {"name": "images", "generation": 1}, "status": {"observedGeneration": -1}});
        let bare = json!({"metadata": {"name": "images", "generation": 1}});
        for object in [&born, &bare, &seen(kind, "True", "of an older version", 1)] {
            let said = health_of(kind, object);
            assert_eq!(said["status"], "Progressing", "{kind}: {object}");
            assert!(said["message"].as_str().unwrap().contains(words), "{kind}: {said}");
        }
        assert_eq!(compute(&born), Kstatus::InProgress);
        assert_eq!(compute(&seen(kind, "True", "of an older version", 1)), Kstatus::InProgress);
    }
}

/// What `kubectl create` gives before anybody saw the object is what the test above takes it for.
#[test]
fn a_definition_gives_birth_to_what_is_in_progress() {
    for plural in ["registries", "clusterregistries"] {
        let crd = yaml_of(&format!("crds/{plural}.yaml"));
        let status = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
        assert_eq!(status["default"], json!({"observedGeneration": -1}), "{plural}");
    }
}
