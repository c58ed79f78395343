//! What `helm install` says at its end.

use super::{IMAGE, helm};

fn notes(sets: &[&str]) -> String {
    let flags: Vec<&str> = sets.iter().chain([&IMAGE]).flat_map(|set| ["--set", set]).collect();
    let output =
        helm(&[&["install", "gate", ".", "--namespace", "lockgate-system", "--dry-run=client"], &flags[..]].concat());
    assert!(output.status.success(), "{sets:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_once("\nNOTES:\n").unwrap_or_else(|| panic!("no notes: {text}")).1.to_owned()
}

#[test]
fn version_scope_and_next_commands_are_told() {
    let text = notes(&[]);
    for words in [
        &format!("Lockgate {} is installed as gate in lockgate-system", env!("CARGO_PKG_VERSION")),
        "Pipelines in all namespaces",
        "MAY READ EVERY SECRET OF THE CLUSTER",
        "kubectl rollout status deployment/gate-lockgate -n lockgate-system",
        "helm test gate -n lockgate-system",
        "kubectl get lgp -A",
        "Tekton",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("Beware") && !text.contains("projector"), "{text}");
    let text = notes(&["watchNamespaces={team-a,team-b}", "secretAccess=namespaces"]);
    assert!(text.contains("Pipelines in team-a, team-b") && text.contains("read every Secret there"), "{text}");
    let text = notes(&["secretAccess=none"]);
    assert!(text.contains("Secrets: none") && !text.contains("READ EVERY SECRET"), "{text}");
}

#[test]
fn what_the_projector_means_is_told_and_how_its_first_registry_is_made() {
    let text = notes(&["projector.enabled=true,projector.sourceNamespaces={registries,others}"]);
    for words in [
        "from Secrets in registries, others,",
        "WHOEVER MAY CREATE A PIPELINE OR A POD IN A NAMESPACE",
        "OBTAINS ITS CREDENTIALS",
        "kubectl create secret docker-registry shared -n registries --docker-server=registry.example.com",
        "secret: {namespace: registries, name: shared}",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(notes(&["projector.enabled=true"]).contains("from Secrets in lockgate-system,"));
    // What it shows to apply is a ClusterRegistry that `lockgate crd` describes.
    let manifest = text.split_once("<<EOF\n").unwrap().1.split_once("  EOF").unwrap().0;
    let object: serde_json::Value = serde_saphyr::from_str(manifest).unwrap();
    let registry: lockgate::api::registry::ClusterRegistry = serde_json::from_value(object).unwrap();
    assert_eq!(registry.spec.secret.namespace, "registries");
}

#[test]
fn what_to_beware_of_is_told() {
    for (set, warning) in [
        ("crds.keep=false", "EVERY PIPELINE OF THE CLUSTER"),
        ("crds.install=false", "keep the three CRDs as new as this version"),
        ("rbac.create=false", "nothing happens until somebody grants"),
        ("replicaCount=0", "no Pipeline starts"),
        ("podDisruptionBudget.enabled=true,podDisruptionBudget.maxUnavailable=1", "with one replica protects nothing"),
        ("monitoring.serviceMonitor.enabled=true", "does not know the kind ServiceMonitor"),
    ] {
        let text = notes(&[set]);
        let (_, warnings) = text.split_once("Beware:").unwrap_or_else(|| panic!("{set}: {text}"));
        assert!(warnings.contains(warning), "{set}: {text}");
        assert_eq!(warnings.matches("\n- ").count(), 1, "{set}: {text}");
    }
}
