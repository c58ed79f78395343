//! The chart grants what `deploy/` grants, and nothing else.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{IMAGE, object, objects, rendered};

fn deployed(file: &str) -> Vec<Value> {
    objects(&fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap())
}

/// Roles of the release: those of the operator, without people's and the test's.
fn granted(objects: &[Value]) -> Vec<(String, String)> {
    let is_role = |object: &&Value| matches!(object["kind"].as_str(), Some("Role" | "ClusterRole"));
    let of_operator = |object: &&Value| object["metadata"]["labels"]["app.kubernetes.io/component"] == "operator";
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> = objects
        .iter()
        .filter(is_role)
        .filter(of_operator)
        .map(|role| (text(&role["metadata"]["namespace"]), text(&role["metadata"]["name"])))
        .collect();
    found.sort();
    found
}

fn pair(namespace: &str, name: &str) -> (String, String) {
    (namespace.to_owned(), name.to_owned())
}

#[test]
fn by_default_the_cluster_role_has_the_rules_of_deploy() {
    let release = objects(&rendered(&["--set", IMAGE]));
    assert_eq!(granted(&release), [pair("", "lockgate")]);
    let rules = &object(&deployed("deploy/base/rbac.yaml"), "ClusterRole", "lockgate")["rules"].clone();
    assert!(rules.as_array().unwrap().len() > 5);
    assert_eq!(&object(&release, "ClusterRole", "lockgate")["rules"], rules);
}

#[test]
fn with_namespaces_there_are_roles_in_these_and_nothing_beyond() {
    let release = objects(&rendered(&["--values", "ci/namespaces-values.yaml"]));
    assert_eq!(granted(&release), [pair("team-a", "lockgate"), pair("team-b", "lockgate")]);
    let role = deployed("deploy/components/namespaced/rights/role.yaml");
    assert_eq!(object(&release, "Role", "lockgate")["rules"], object(&role, "Role", "lockgate")["rules"]);
    for binding in release.iter().filter(|object| object["kind"] == "RoleBinding") {
        assert_eq!(binding["subjects"][0]["namespace"], "lockgate-system", "{binding}");
    }
}

#[test]
fn without_access_to_secrets_no_rule_names_them() {
    // Of ClusterRegistries, which are in no namespace, a Role grants nothing.
    for (more, fewer) in [("watchNamespaces=null", 1), ("watchNamespaces={team-a}", 2)] {
        let release = objects(&rendered(&["--set", IMAGE, "--set", "secretAccess=none", "--set", more]));
        let roles: Vec<&Value> = release
            .iter()
            .filter(|object| matches!(object["kind"].as_str(), Some("Role" | "ClusterRole")))
            .filter(|object| object["metadata"]["name"] == "lockgate")
            .collect();
        assert_eq!(roles.len(), 1, "{more}");
        let rules = roles[0]["rules"].as_array().unwrap();
        let of_secrets = |rule: &&Value| rule["resources"].as_array().unwrap().contains(&"secrets".into());
        assert_eq!(rules.iter().filter(of_secrets).count(), 0, "{more}");
        let whole = deployed("deploy/base/rbac.yaml");
        assert_eq!(rules.len() + fewer, whole[0]["rules"].as_array().unwrap().len(), "{more}");
    }
}

/// The rules of the projector, and whose they are: nobody else reads what a Secret holds.
#[test]
fn the_projector_has_the_rules_of_its_component_and_an_account_of_its_own() {
    let name = "lockgate-projector";
    let wide = deployed("deploy/components/projector/rbac.yaml");
    let role = deployed("deploy/components/projector/sources/role.yaml");
    let release = objects(&rendered(&["--values", "ci/projector-values.yaml"]));
    assert_eq!(granted(&release), [pair("", "lockgate")], "the operator gets nothing by it");
    assert_eq!(object(&release, "ClusterRole", name)["rules"], object(&wide, "ClusterRole", name)["rules"]);
    let of_kind = |kind: &str| -> Vec<&Value> {
        release.iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name).collect()
    };
    let places: Vec<&Value> = of_kind("Role").into_iter().map(|role| &role["metadata"]["namespace"]).collect();
    assert_eq!(places, ["lockgate-system", "registries"]);
    for source in of_kind("Role") {
        assert_eq!(source["rules"], object(&role, "Role", name)["rules"]);
    }
    let bindings = [of_kind("RoleBinding"), of_kind("ClusterRoleBinding")].concat();
    assert_eq!(bindings.len(), 3);
    for binding in bindings {
        let account = json!({"kind": "ServiceAccount", "name": name, "namespace": "lockgate-system"});
        assert_eq!(binding["subjects"], json!([account]));
        assert_eq!(binding["roleRef"]["name"], name);
    }
    assert_eq!(object(&release, "Deployment", name)["spec"]["template"]["spec"]["serviceAccountName"], name);

    let alone = objects(&rendered(&["--set", IMAGE, "--set", "projector.enabled=true,rbac.create=false"]));
    let kinds: Vec<&Value> = alone.iter().filter(|o| o["metadata"]["name"] == name).map(|o| &o["kind"]).collect();
    assert_eq!(kinds, ["ServiceAccount", "Deployment"]);
}

#[test]
fn off_it_is_not_there_at_all() {
    for case in ["default", "ha", "namespaces", "none"] {
        let release = objects(&rendered(&["--values", &format!("ci/{case}-values.yaml")]));
        let of_it = |object: &&Value| {
            object["metadata"]["name"].as_str().unwrap().contains("projector")
                || object["metadata"]["labels"]["app.kubernetes.io/component"] == "projector"
        };
        assert_eq!(release.iter().filter(of_it).count(), 0, "{case}");
    }
}

#[test]
fn the_election_may_write_its_own_lease() {
    let deployed = deployed("deploy/components/ha/rbac.yaml");
    let release = objects(&rendered(&["--values", "ci/ha-values.yaml"]));
    let name = "lockgate-leader-election";
    assert_eq!(object(&release, "Role", name)["rules"], object(&deployed, "Role", name)["rules"]);
    let renamed = objects(&rendered(&["--values", "ci/ha-values.yaml", "--set", "leaderElection.leaseName=gate"]));
    assert_eq!(object(&renamed, "Role", name)["rules"][1]["resourceNames"][0], "gate");
    let container = &object(&renamed, "Deployment", "lockgate")["spec"]["template"]["spec"]["containers"][0];
    assert!(container["args"].as_array().unwrap().contains(&"--leader-elect-lease-name=gate".into()), "{container}");
}

#[test]
fn without_rbac_create_nothing_is_granted() {
    let flags =
        ["--values", "ci/ha-values.yaml", "--set", "rbac.create=false,userRoles.create=false,test.enabled=false"];
    let kinds: Vec<Value> = objects(&rendered(&flags)).iter().map(|object| object["kind"].clone()).collect();
    assert!(!kinds.iter().any(|kind| kind.as_str().unwrap().contains("Role")), "{kinds:?}");
}
