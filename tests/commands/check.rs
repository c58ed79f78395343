//! `lockgate check` and its formats. None of it needs the cluster.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("check").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockgate")).arg("check").args(arguments).current_dir(folder).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The findings in a manifest, as `RULE LINE:COLUMN FIELD`.
fn found(name: &str, text: &str) -> Vec<String> {
    let folder = folder(name);
    std::fs::write(folder.join("a.yaml"), text).unwrap();
    let json: Value = serde_json::from_slice(&check(&folder, &["-f", "a.yaml", "-o", "json"]).stdout).unwrap();
    let word = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let rows = json["findings"].as_array().unwrap().iter();
    rows.map(|row| format!("{} {}:{} {}", word(row, "rule"), row["line"], row["column"], word(row, "field"))).collect()
}

/// A Pipeline whose transform has these lines, the first of which is line 7.
fn pipeline(lines: &str) -> String {
    let lines: String = lines.lines().flat_map(|line| ["    ", line, "\n"]).collect();
    format!(
        "apiVersion: lockgate.dev/v1alpha1\nkind: Pipeline\nmetadata: {{name: edges}}\nspec:\n  transform:\n    image: a:1\n{lines}"
    )
}

#[test]
fn the_page_shows_what_is_printed() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/check.md")).unwrap();
    let (_, section) = page.split_once("\n## What it looks like\n").unwrap();
    let blocks: Vec<&str> = section.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let folder = folder("page");
    std::fs::write(folder.join("edges.yaml"), blocks[0]).unwrap();
    let output = check(&folder, &["-f", "edges.yaml"]);
    assert_eq!(stdout(&output), blocks[1], "what the page shows is old");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn every_rule_finds_its_place() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {a: Y2FuYXJ5LTdjMWY=}\n---\n";
    let pull = "apiVersion: v1\nkind: Secret\nmetadata: {name: pull}\n---\n";
    for (name, text, expected) in [
        ("not-readable", "a: [\n".to_owned(), vec!["not-readable 1:4 "]),
        ("unknown-field", pipeline("imagee: x"), vec!["unknown-field 7:5 spec.transform.imagee"]),
        ("invalid-field", pipeline("user: root"), vec!["invalid-field 7:11 spec.transform.user"]),
        (
            "a-field-that-is-not-there",
            pipeline("secrets:\n- env_var: X\n  key: x"),
            vec!["invalid-field 8:7 spec.transform.secrets[0].name"],
        ),
        (
            "literal",
            pipeline("env: {MODE: fast, API_TOKEN: canary-7c1f}"),
            vec!["literal-credential 7:23 spec.transform.env.API_TOKEN"],
        ),
        (
            "a-line",
            pipeline("cmd: [sh]\nstdin:\n- TOKEN=canary-7c1f x"),
            vec!["literal-credential 9:7 spec.transform.stdin[0]"],
        ),
        ("template-token", pipeline("").replace("a:1", "a:${TAG}"), vec!["template-token 6:12 spec.transform.image"]),
        ("floating-tag", pipeline("").replace("a:1", "a"), vec!["floating-tag 6:12 spec.transform.image"]),
        (
            "hidden",
            pipeline("secrets:\n- {name: db, mount_path: /etc}"),
            vec!["hidden-directory 8:30 spec.transform.secrets[0].mount_path"],
        ),
        (
            "twice",
            pipeline("secrets:\n- {name: db, mount_path: /a}\n- {name: db, mount_path: /a}"),
            vec!["mounted-twice 9:30 spec.transform.secrets[1].mount_path"],
        ),
        (
            "key",
            format!("{secret}{}", pipeline("secrets:\n- {name: db, env_var: X, key: b}")),
            vec!["secret-key-missing 13:35 spec.transform.secrets[0].key"],
        ),
        ("good-key", format!("{secret}{}", pipeline("secrets:\n- {name: db, env_var: X, key: a}")), vec![]),
        (
            "other-namespace",
            format!("{secret}{}", pipeline("secrets:\n- {name: db, env_var: X, key: b}"))
                .replace("{name: edges}", "{name: edges, namespace: x}"),
            vec![],
        ),
        (
            "pull",
            format!("{pull}{}", pipeline("image_pull_secrets: [pull]")),
            vec!["pull-secret-type 11:26 spec.transform.image_pull_secrets[0]"],
        ),
        ("a-kind-that-is-not", pipeline("").replace("Pipeline", "Pipline"), vec!["invalid-field 2:7 kind"]),
        ("another-kind", "apiVersion: tekton.dev/v1\nkind: Pipeline\nspec: {a: b}\n".to_owned(), vec![]),
        (
            "a-list",
            format!("apiVersion: v1\nkind: List\nitems:\n- {}", pipeline("user: root").replace('\n', "\n  ")),
            vec!["invalid-field 10:13 spec.transform.user"],
        ),
    ] {
        assert_eq!(found(name, &text), expected, "{name}");
    }
}

#[test]
fn findings_come_in_the_order_of_their_places() {
    let text = format!("{}---\n{}", pipeline("user: root\nimagee: x"), pipeline("user: x").replace("a:1", "a"));
    let found = found("order", &text);
    let places: Vec<&str> = found.iter().map(|row| row.split(' ').nth(1).unwrap()).collect();
    assert_eq!(places, ["7:11", "8:5", "15:12", "16:11"]);
}

#[test]
fn nothing_that_stands_in_a_secret_or_beside_what_is_meant_is_shown() {
    let canary = "canary-7c1f";
    let texts = [
        format!("a: [{canary}\n"),
        format!("a: {canary}: b\n"),
        format!("{canary}: 1\n{canary}: 2\n"),
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\nstringData: {{a: {canary}}}\n---\n{}",
            pipeline("secrets:\n- {name: db, env_var: X, key: b}")
        ),
        pipeline(&format!("enviroment: {{PASSWORD: {canary}}}")),
        pipeline(&format!("env: {{PASSWORD: {canary}, X: [1]}}")),
        pipeline(&format!("user: root # {canary}")),
        pipeline(&format!("env:\n  TOKEN: >-\n    {canary}")),
        pipeline(&format!("cmd: [sh, -c, 'PASSWORD={canary} x', {{}}]")),
        pipeline(&format!("secrets: [{{name: db, env_var: 'a b', key: k, value: {canary}}}]")),
        format!(
            "{{\"apiVersion\": \"lockgate.dev/v1alpha1\", \"kind\": \"Pipeline\", \"a\": \"{canary}\", \"spec\": 1}}"
        ),
    ];
    let folder = folder("canary");
    for (index, text) in texts.iter().enumerate() {
        std::fs::write(folder.join("a.yaml"), text).unwrap();
        for format in ["text", "json", "sarif", "github"] {
            let output = check(&folder, &["-f", "a.yaml", "-o", format]);
            assert!(!output.stdout.is_empty(), "{index}");
            for printed in [stdout(&output), String::from_utf8(output.stderr).unwrap()] {
                assert!(!printed.contains(canary), "{index} {format}: {printed}");
            }
        }
    }
}

/// What SARIF 2.1.0 requires, for the parts that we write: `required` of sarif-schema-2.1.0.json, and the kinds of its values.
#[test]
fn sarif_has_all_that_its_schema_requires() {
    let folder = folder("sarif");
    std::fs::write(folder.join("a b.yaml"), pipeline("user: root").replace("a:1", "a")).unwrap();
    let output = check(&folder, &["-f", ".", "-o", "sarif"]);
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    // sarifLog: version, runs; run: tool; tool: driver; toolComponent: name; reportingDescriptor: id.
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(log["runs"].as_array().unwrap().len(), 1);
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "lockgate");
    let rules = driver["rules"].as_array().unwrap();
    assert!(rules.len() >= 10);
    for rule in rules {
        assert!(rule["id"].is_string() && rule["shortDescription"]["text"].is_string(), "{rule}");
    }
    // result: message; message: text or id. ruleIndex and ruleId say the same.
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for result in results {
        assert!(result["message"]["text"].is_string());
        assert!(["error", "warning", "note", "none"].contains(&result["level"].as_str().unwrap()));
        assert_eq!(rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()]["id"], result["ruleId"]);
        let physical = &result["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"]["uri"], "a%20b.yaml");
        let region = &physical["region"];
        let number = |field: &str| region[field].as_u64().unwrap();
        assert!(number("startLine") >= 1 && number("startColumn") >= 1 && number("endColumn") > number("startColumn"));
    }
    let known: [(&Value, &[&str]); 4] = [
        (&log, &["$schema", "version", "runs"]),
        (run, &["tool", "columnKind", "results"]),
        (driver, &["name", "version", "rules"]),
        (&results[0], &["ruleId", "ruleIndex", "level", "message", "locations"]),
    ];
    for (object, names) in known {
        assert!(object.as_object().unwrap().keys().all(|key| names.contains(&key.as_str())), "{object}");
    }
}

#[test]
fn github_gets_one_command_for_each() {
    let folder = folder("github");
    std::fs::write(folder.join("a,b.yaml"), pipeline("user: root").replace("a:1", "a:%TAG%")).unwrap();
    let output = check(&folder, &["a,b.yaml", "-o", "github"]);
    let printed = stdout(&output);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 2, "{printed}");
    let begin = "::error file=a%2Cb.yaml,line=6,col=12,endColumn=19,title=template-token::Pipeline edges: spec.transform.image: %25TAG%25 was";
    assert!(lines[0].starts_with(begin), "{printed}");
}

#[test]
fn folders_are_read_as_kubectl_reads_them() {
    let folder = folder("folders");
    std::fs::create_dir_all(folder.join("deploy/below")).unwrap();
    for (file, text) in [
        ("deploy/a.yaml", pipeline("")),
        ("deploy/b.yml", pipeline("")),
        ("deploy/c.json", "{\"apiVersion\": \"v1\", \"kind\": \"A\"}".to_owned()),
        ("deploy/d.txt", "a: [".to_owned()),
        ("deploy/below/e.yaml", pipeline("user: root")),
    ] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    let output = check(&folder, &["-f", "deploy"]);
    assert_eq!(stdout(&output), "2 Pipelines checked, nothing found\n");
    let output = check(&folder, &["-R", "-f", "deploy", "-f", "deploy/a.yaml"]);
    assert!(stdout(&output).starts_with("deploy/below/e.yaml:7:11: error: "), "{}", stdout(&output));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn exit_codes_are_those_of_the_page() {
    let folder = folder("codes");
    std::fs::write(folder.join("warned.yaml"), pipeline("").replace("a:1", "a")).unwrap();
    std::fs::write(folder.join("other.yaml"), "apiVersion: v1\nkind: A\n").unwrap();
    for (arguments, code) in [
        (&["-f", "warned.yaml"][..], 0),
        (&["-f", "warned.yaml", "--strict"], 1),
        (&["-f", "other.yaml"], 0),
        (&["-f", "other.yaml", "--strict"], 1),
        (&["-f", "nowhere.yaml"], 2),
        (&["-o", "xml", "-f", "other.yaml"], 2),
        (&[], 2),
    ] {
        assert_eq!(check(&folder, arguments).status.code(), Some(code), "{arguments:?}");
    }
    let told = String::from_utf8(check(&folder, &["other.yaml"]).stderr).unwrap();
    assert!(told.contains("no Pipeline and no Registry of lockgate.dev is in these files"), "{told}");
}

#[test]
fn every_expression_of_an_input_is_judged_at_its_place() {
    let manifest = pipeline(
        "input:
  secrets:
  - {name: api, key: token, as: token}
  template:
    fine: \"bearer jq(.secrets.token | ascii_downcase) jq(\\\"jq(\\\")\"
    none: jq(.secrets.token | foo)
    open: 'é jq(.a'
    list: [x, jq(now), {deep: \"jq(1 +)\", c: null}]
    jq(.run): a key
    unknown: jq(.secrets.tokn)jq(.secrets.token)
    block: |-
      a
      b jq(.secrets[\"my-db\"].user)
  env_var: INPUT",
    );
    let mut found = found("input", &manifest);
    found.sort();
    let template = "spec.transform.input.template";
    assert_eq!(
        found,
        [
            format!("input-expression 12:15 {template}.none"),
            format!("input-expression 13:15 {template}.open"),
            format!("input-expression 14:19 {template}.list[1]"),
            format!("input-expression 14:35 {template}.list[2].deep"),
            format!("input-expression 14:49 {template}.list[2].c"),
            format!("input-expression 15:19 {template}.jq(.run)"),
            format!("input-secret-unknown 16:18 {template}.unknown"),
            format!("input-secret-unknown 17:9 {template}.block"),
        ]
    );
}

#[test]
fn a_template_that_is_too_large_is_told_once() {
    let many = "jq(1)".repeat(257);
    for template in ["x".repeat(33000), many] {
        let found = found("large-input", &pipeline(&format!("input: {{template: {template}, env_var: INPUT}}")));
        assert_eq!(found, ["input-expression 7:13 spec.transform.input.template"]);
    }
    // Hostile nesting harms nobody who checks.
    let deep = format!("jq({}{})", "[".repeat(10_000), "]".repeat(10_000));
    let found = found("deep-input", &pipeline(&format!("input: {{template: \"{deep}\", env_var: INPUT}}")));
    assert_eq!(found, ["input-expression 7:13 spec.transform.input.template"]);
}
