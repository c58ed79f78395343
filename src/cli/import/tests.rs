//! The whole of `import`, on texts.

use super::*;
use clap::ValueEnum;
use proptest::prelude::*;
use serde_json::{Value, json};

fn imported(value: &Value, options: &Options) -> Imported {
    import(&[File { name: "in.json".to_owned(), bytes: value.to_string().into_bytes() }], options)
}

fn paths(imported: &Imported, severity: Severity) -> Vec<&str> {
    let found = imported.findings.iter().filter(|finding| finding.severity == severity);
    found.map(|finding| finding.path.as_str()).collect()
}

fn edges() -> Value {
    json!({"pipeline": {"name": "edges"}, "transform": {"image": "edges:1", "cmd": ["python3", "/edges.py"]},
        "input": {"pfs": {"repo": "images", "glob": "/*"}}})
}

#[test]
fn a_spec_becomes_a_pipeline_and_every_field_is_told() {
    let found = imported(&edges(), &Options::default());
    assert_eq!(
        found.drafts[0].object["spec"],
        json!({"transform": {"image": "edges:1", "cmd": ["python3", "/edges.py"]}})
    );
    assert_eq!(paths(&found, Severity::Lost), ["input.pfs.glob", "input.pfs.repo"]);
    assert_eq!(paths(&found, Severity::Error), Vec::<&str>::new());
}

#[test]
fn pipelines_that_read_each_other_become_steps() {
    let mut montage = edges();
    montage["pipeline"]["name"] = json!("Mon_tage");
    montage["input"] = json!({"cross": [{"pfs": {"repo": "images"}}, {"pfs": {"repo": "edges"}}]});
    let both = json!([edges(), montage]);
    let apart = imported(&both, &Options::default());
    assert_eq!(apart.drafts.len(), 2);
    assert!(apart.findings.iter().any(|finding| finding.text.contains("--as-steps")));
    let found = imported(&both, &Options { as_steps: true, ..Options::default() });
    assert_eq!(found.drafts.len(), 1);
    let steps = &found.drafts[0].object["spec"]["steps"];
    assert_eq!(
        (&steps[0]["name"], &steps[1]["name"], &steps[1]["needs"]),
        (&json!("edges"), &json!("mon-tage"), &json!(["edges"]))
    );
    assert_eq!(paths(&found, Severity::Error), Vec::<&str>::new());
}

#[test]
fn a_namespace_is_written_into_what_can_be_in_one() {
    let meta = json!({"metadata": {"name": "a"}});
    let of = |version: &str, kind: &str| {
        let mut object = meta.clone();
        object["apiVersion"] = json!(version);
        object["kind"] = json!(kind);
        object
    };
    let objects = json!([
        of("v1", "Namespace"),
        of("rbac.authorization.k8s.io/v1", "ClusterRole"),
        of("v1", "ConfigMap"),
        edges()
    ]);
    let found = imported(&objects, &Options { namespace: Some("team-a".to_owned()), ..Options::default() });
    let namespaces: Vec<&str> = found.drafts.iter().map(|draft| draft.text("/metadata/namespace")).collect();
    assert_eq!(namespaces, ["", "", "team-a", "team-a"]);
}

#[test]
fn zero_of_protobuf_is_nothing_said() {
    let mut spec = edges();
    spec["parallelism_spec"] = json!({"constant": 0});
    assert_eq!(imported(&spec, &Options::default()).drafts[0].object["spec"].get("parallelism"), None);
}

#[test]
fn a_type_of_dataos_that_came_later_is_told() {
    let found = imported(&json!({"name": "q", "version": "v1", "type": "lens", "lens": {"a": 1}}), &Options::default());
    assert_eq!(
        (found.drafts.len(), paths(&found, Severity::Error), paths(&found, Severity::Lost).len()),
        (0, vec![], 1)
    );
}

#[test]
fn a_comment_stands_once() {
    let mut spec = edges();
    spec["transform"]["cmd"] = json!(["cp", "/pfs/a", "/pfs/out"]);
    let found = imported(&spec, &Options::default());
    assert_eq!(found.drafts[0].comments["/spec/transform/cmd"].len(), 1);
    assert_eq!(found.findings.iter().filter(|finding| finding.text.contains("/pfs")).count(), 2, "each place is told");
}

#[test]
fn what_is_of_no_system_is_an_error() {
    let found = imported(&json!({"a": 1}), &Options::default());
    assert_eq!((found.drafts.len(), paths(&found, Severity::Error)), (0, vec![""]));
}

/// A law: what goes out is valid, or an error was found.
#[test]
fn what_is_no_object_is_an_error_whoever_it_is_said_to_be_of() {
    for from in System::value_variants().iter().copied().map(Some).chain([None]) {
        let file = File { name: "a".to_owned(), bytes: b"apiVersion: v1\nkind: List\nitems:\n- st".to_vec() };
        let found = import(&[file], &Options { from, ..Options::default() });
        assert_eq!((found.drafts.len(), paths(&found, Severity::Error)), (0, vec![""]), "{from:?}");
    }
}

fn valid_or_told(imported: &Imported) -> bool {
    paths(imported, Severity::Error).is_empty().then(|| {
        imported.drafts.iter().filter(|draft| draft.is_pipeline()).all(|draft| validate(&draft.object).is_empty())
    }) != Some(false)
}

#[test]
fn a_literal_is_moved_into_a_secret_and_shown_nowhere() {
    let mut spec = edges();
    spec["transform"]["env"] = json!({"DB_PASSWORD": "canary-7c1f", "LEVEL": "info"});
    let found = imported(&spec, &Options::default());
    assert!(found.findings.iter().any(|finding| finding.text.contains("--extract-env DB_PASSWORD")));
    assert!(found.secrets.is_empty());
    let extract = |text: &str| Options { extract: vec![Extract::parse(text).unwrap()], ..Options::default() };
    for (asked, secret, key) in
        [("DB_PASSWORD", "edges-env", "DB_PASSWORD"), ("DB_PASSWORD=db/password", "db", "password")]
    {
        let found = imported(&spec, &extract(asked));
        let transform = &found.drafts[0].object["spec"]["transform"];
        assert_eq!(transform["env"], json!({"LEVEL": "info"}));
        assert_eq!(transform["secrets"], json!([{"name": secret, "env_var": "DB_PASSWORD", "key": key}]));
        let manifest: Value = serde_json::from_slice(found.secrets[0].manifest().expose()).unwrap();
        assert_eq!(
            (&manifest["metadata"]["name"], &manifest["data"][key]),
            (&json!(secret), &json!("Y2FuYXJ5LTdjMWY="))
        );
        let printed: String = found.drafts.iter().map(yaml::write).collect();
        assert!(!format!("{printed}{:?}", found.findings).contains("canary"));
    }
    let found = imported(&spec, &extract("OTHER"));
    assert_eq!(paths(&found, Severity::Error), [""]);
}

#[test]
fn a_finding_has_the_line_of_its_field() {
    let text = "pipeline: {name: a}\ntransform:\n  image: a:1\n  errCmd: [x]\njobTimeout: x\ninput:\n  pfs:\n    repo: b\nspout: {}\n";
    let found = import(&[File { name: "a.yaml".to_owned(), bytes: text.into() }], &Options::default());
    let said: Vec<_> = found.findings.iter().map(|finding| (finding.line, finding.path.as_str())).collect();
    let told = [(9, "spout"), (4, "transform.errCmd"), (5, "jobTimeout"), (8, "input.pfs.repo")];
    assert_eq!(said, told.map(|(line, path)| (Some(line), path)));
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = import(&[File { name: "x".to_owned(), bytes }], &Options::default());
    }

    #[test]
    fn what_comes_out_is_valid_or_an_error_is_told(
        name in "[a-zA-Z_.-]{0,60}", image in "[a-zA-Z:/.]{0,9}", user in "(root|[0-9]{0,4}|bob)", as_steps: bool,
        mount in "(/[a-z.]{0,4}){0,3}/?", timeout in "[0-9]{1,3}[smhd]", count: i64, cpu: f64, spout: bool,
    ) {
        let mut spec = json!({
            "pipeline": {"name": name}, "transform": {"image": image, "user": user, "secrets": [{"name": "a", "mountPath": mount}]},
            "job_timeout": timeout, "parallelismSpec": {"constant": count}, "resource_requests": {"cpu": cpu},
        });
        if spout {
            spec["spout"] = json!({"service": {"internalPort": count}});
        }
        let found = imported(&spec, &Options { as_steps, ..Options::default() });
        prop_assert!(valid_or_told(&found), "{:?}", found.findings);
    }
}
