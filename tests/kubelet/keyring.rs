//! The kubelet's own code beside ours: thousands of pull Secrets and images, and the same answers. The Go program beside this file is built
//! from what hack/cluster pins, as the kubelet is.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lockgate::cli::registry::offered;
use lockgate::model::registry::Key;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::json;

const CASES: usize = 4000;

/// Images of every kind that a key may or may not be for.
const IMAGES: [&str; 18] = [
    "busybox",
    "team/app:1",
    "a.test/team/app",
    "a.test:5000/team/app:2",
    "b.a.test/app",
    "localhost/app",
    "localhost:5000/app",
    "docker.io/library/x",
    "index.docker.io/app",
    "registry-1.docker.io/library/x",
    "[::1]:5000/app",
    "[::1]/app",
    "TEAM/app",
    "A.test/team/app",
    "a_b.c/app",
    "x.io/v2/app",
    "a.test/team2/app",
    "App",
];

/// An entry's key, as people write them and as nobody should.
fn key() -> impl Strategy<Value = String> {
    let scheme = select(vec!["", "", "", "https://", "http://", "HTTPS://", "oci://"]);
    let host = select(vec![
        "a.test",
        "a.test:5000",
        "*.test",
        "*",
        "*.*",
        "a.*",
        "*.*.*",
        "b.a.test",
        "A.test",
        "docker.io",
        "a*t",
        "index.docker.io",
        "registry-1.docker.io",
        "localhost",
        "[::1]",
        "[::1]:5000",
        "user@a.test",
        "u:p@a.test",
        "a.test:",
        "a.test:x",
        "a b.test",
        "a_b.c",
        "%61.test",
        "a%C3%BC.test",
        "",
        "TEAM",
        "*.*.io",
        "a.test:1:2",
        "::1",
        "[1.2.3.4]",
        "x[::1]",
        "a\\.test",
        "a.te?t",
    ]);
    let path = select(vec![
        "",
        "",
        "",
        "/",
        "/v1/",
        "/v2/",
        "/v1",
        "/v2",
        "/team",
        "/team/",
        "/team/app",
        "/v1/team",
        "/v2//",
        "/te%61m",
        "/team?x",
        "/team#f",
        "/team%3F",
        "/team%23x",
        "/team%25",
        "/team%zz",
        "/library",
        "/libr",
        "//",
        "/Team",
        "/team#%zz",
        "/app%",
        "/t\u{1}",
        "/%ff",
    ]);
    (scheme, host, path).prop_map(|(scheme, host, path)| format!("{scheme}{host}{path}"))
}

/// A login of this user, in one of the forms, some of them malformed.
fn login(user: &str, form: u8) -> String {
    let auth = BASE64_STANDARD.encode(format!("{user}:canary-7c1f"));
    let no_colon = BASE64_STANDARD.encode("canary-7c1f");
    match form {
        0 => json!({"auth": "canary-7c1f"}).to_string(),
        1 => json!({"auth": no_colon}).to_string(),
        2 => json!({"auth": format!("{auth} ")}).to_string(),
        3 => json!({"username": user, "password": 7}).to_string(),
        4 => format!(r#"{{"Username": "{user}", "PASSWORD": "canary-7c1f", "identitytoken": "canary-7c1f"}}"#),
        5 => json!({"username": "other", "auth": auth}).to_string(),
        6 => json!({"username": user, "auth": "", "email": null}).to_string(),
        7 => json!({"auth": auth.trim_end_matches('=')}).to_string(),
        8 => json!({"auth": format!("{}\r\n", auth.replacen('O', "O\n", 1))}).to_string(),
        _ => json!({"username": user, "password": "canary-7c1f"}).to_string(),
    }
}

/// What stands around the entries.
fn around(entries: &[String], form: u8) -> String {
    let auths = format!("{{{}}}", entries.join(", "));
    match form {
        0 => format!(r#"{{"auths": {auths}}} x"#),
        1 => format!(r#"{{"auths": {auths}, "HttpHeaders": {{"a": 1}}}}"#),
        2 => format!(r#"{{"auths": {auths}, "auths": null}}"#),
        3 => auths,
        4 => format!(r#" {{"AUTHS": {auths}, "credsStore": "desktop", "more": [1, {{"a": 1e5}}]}} "#),
        _ => format!(r#"{{"auths": {auths}}}"#),
    }
}

/// The files of one or two pull Secrets; each entry's user is unlike all others.
fn files() -> impl Strategy<Value = Vec<(String, Vec<(String, String)>)>> {
    let entry = (key(), 0..40_u8);
    let file = (prop::collection::vec(entry, 0..4), 0..20_u8);
    prop::collection::vec(file, 1..3).prop_map(|files| {
        let file = |(number, (entries, form)): (usize, (Vec<(String, u8)>, u8))| {
            let mut users: Vec<(String, String)> = Vec::new();
            let mut texts = Vec::new();
            for (key, form) in entries {
                // Of two keys of one file that come to the same the kubelet takes either first.
                let same = |(other, _): &(String, String)| *other == key || Key::parse(other) == Key::parse(&key);
                if users.iter().any(same) {
                    continue;
                }
                let user = format!("u{number}{}", users.len());
                texts.push(format!("{}: {}", json!(key), login(&user, form)));
                users.push((key, user));
            }
            (around(&texts, form), users)
        };
        files.into_iter().enumerate().map(file).collect()
    })
}

/// Builds the program; `None`: there is no Go here.
fn program() -> Option<std::path::PathBuf> {
    Command::new("go").arg("version").output().ok()?;
    let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("hack/cluster/kubernetes");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keyring");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["go.mod", "go.sum"] {
        std::fs::copy(pins.join(file), folder.join(file)).unwrap();
    }
    std::fs::write(folder.join("main.go"), include_str!("keyring.go")).unwrap();
    let built = Command::new("go").args(["build", "-mod=mod", "-o", "keyring", "."]).current_dir(&folder).status();
    assert!(built.unwrap().success(), "the kubelet's code was not built");
    Some(folder.join("keyring"))
}

#[test]
fn the_kubelets_own_code_gives_the_same_answers() {
    let Some(program) = program() else {
        assert!(std::env::var_os("CI").is_none(), "in CI there must be Go");
        println!("SKIPPED: there is no Go here");
        return;
    };
    let mut runner = TestRunner::deterministic();
    let cases: Vec<_> = (0..CASES).map(|_| files().new_tree(&mut runner).unwrap().current()).collect();
    let question = |case: &Vec<(String, Vec<(String, String)>)>| {
        let files: Vec<&String> = case.iter().map(|(text, _)| text).collect();
        format!("{}\n", json!({"files": files, "images": IMAGES}))
    };
    let questions = cases.iter().map(question).collect::<Vec<_>>().concat();
    let mut asked =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = asked.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(questions.as_bytes()).unwrap());
    let answers = String::from_utf8(asked.wait_with_output().unwrap().stdout).unwrap();
    writer.join().unwrap();

    assert_eq!(answers.lines().count(), CASES);
    let (mut broken, mut found) = (0, 0);
    for (case, theirs) in cases.iter().zip(answers.lines()) {
        let texts: Vec<&[u8]> = case.iter().map(|(text, _)| text.as_bytes()).collect();
        let user = |(file, key): (usize, String)| {
            let (_, users) = &case[file];
            users.iter().find(|(known, _)| *known == key).unwrap().1.clone()
        };
        let ours: Option<Vec<String>> = IMAGES
            .iter()
            .map(|image| match offered(&texts, image) {
                Err(_) => Some("no image".to_owned()),
                Ok(logins) => logins.map(|logins| logins.into_iter().map(user).collect::<Vec<_>>().join(",")),
            })
            .collect();
        let ours = match ours {
            Some(answers) => answers.join(";"),
            // An image that is none was refused before the files were read.
            None => "broken".to_owned(),
        };
        assert_eq!(ours, theirs, "{case:#?}");
        broken += usize::from(theirs == "broken");
        found += usize::from(theirs.contains('u'));
    }
    println!("{CASES} cases: {broken} malformed, {found} with a login for an image");
    assert!(broken > CASES / 10 && found > CASES / 10, "{broken} {found}");
}
