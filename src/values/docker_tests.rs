//! The kubelet's own tables (`pkg/credentialprovider/config_test.go` and `secrets/secrets_test.go` of Kubernetes 1.36.3), and what
//! they leave out. Passwords of theirs are kept: they are in public tests.

use super::*;

/// Key, login as text, faults.
type Shown = (String, Option<String>, Vec<Fault>);

/// What is read, in a form that can be compared: faults of the file; per entry its key, its login as text and its faults.
fn shown(form: Form, text: &str) -> (Vec<Fault>, Vec<Shown>) {
    let file = PullFile::read(form, text.as_bytes());
    let login = |login: Login| {
        let text = |value: &SecretValue| String::from_utf8_lossy(value.expose()).into_owned();
        format!("{}:{}", text(&login.user), text(&login.password))
    };
    let entries = file.entries.into_iter().map(|entry| (entry.key, entry.login.map(login), entry.faults));
    (file.faults, entries.collect())
}

/// The login and the faults of one entry.
fn entry(json: &str) -> (Option<String>, Vec<Fault>) {
    let (faults, entries) = shown(Form::ConfigJson, &format!(r#"{{"auths": {{"registry.test": {json}}}}}"#));
    assert_eq!(faults, [], "{json}");
    let [(_, login, faults)] = <[_; 1]>::try_from(entries).unwrap();
    (login, faults)
}

fn login_of(json: &str) -> Option<String> {
    entry(json).0
}

/// `TestDockerConfigJsonJSONDecode`, `TestDockerConfigJSONDecode`, `TestReadDockerConfigFileFromBytes` and
/// `TestReadDockerConfigJSONFileFromBytes`.
#[test]
fn both_forms_are_read() {
    let entries = r#"{"http://foo.example.com": {"username": "foo", "password": "bar", "email": "foo@example.com"},
        "http://bar.example.com": {"username": "bar", "password": "baz", "email": "bar@example.com"}}"#;
    let expected = vec![
        ("http://foo.example.com".to_owned(), Some("foo:bar".to_owned()), vec![]),
        ("http://bar.example.com".to_owned(), Some("bar:baz".to_owned()), vec![]),
    ];
    assert_eq!(shown(Form::Cfg, entries), (vec![], expected.clone()));
    assert_eq!(shown(Form::ConfigJson, &format!("{{\"auths\": {entries}}}")), (vec![], expected));
    for form in [Form::Cfg, Form::ConfigJson] {
        let cut = r#"{"http://foo.example.com": {"username": "foo", "password": "bar""#;
        assert_eq!(shown(form, cut), (vec![Fault::NotJson], vec![]));
    }
}

/// `TestDockerConfigEntryJSONDecode`.
#[test]
fn auth_wins_over_the_fields() {
    for (json, login) in [
        (r#"{"username": "foo", "password": "bar", "email": "foo@example.com"}"#, Some("foo:bar")),
        (r#"{"auth": "Zm9vOmJhcg==", "email": "foo@example.com"}"#, Some("foo:bar")),
        (
            r#"{"username": "foo", "password": "bar", "auth": "cGluZzpwb25n", "email": "foo@example.com"}"#,
            Some("ping:pong"),
        ),
        (r#"{"auth": "pants", "email": "foo@example.com"}"#, None),
        (r#"{"email": false}"#, None),
    ] {
        assert_eq!(login_of(json).as_deref(), login, "{json}");
    }
}

/// `TestDecodeDockerConfigFieldAuth`.
#[test]
fn auth_is_base64_of_user_and_password() {
    for (auth, login) in [
        ("Zm9vOmJhcg==", Ok("foo:bar")),
        ("Zm9vOmJhcg", Ok("foo:bar")),
        ("Zm9vOm\\nJhcg==\\n", Ok("foo:bar")),
        ("cGFudHM=", Err(Fault::AuthNoColon)),
        ("Zm9vOmJhcg== ", Err(Fault::AuthNotBase64)),
        ("pants", Err(Fault::AuthNotBase64)),
        // Beyond the kubelet's table; the same was asked of Go.
        ("Zm9vOmJhcg=", Err(Fault::AuthNotBase64)),
        ("Zm9vOmJhch==", Ok("foo:bar")),
        ("Zm9v\\tOmJhcg", Err(Fault::AuthNotBase64)),
        ("Zm9vOmJhcg=\\r\\n=", Ok("foo:bar")),
        ("\\n", Err(Fault::AuthNoColon)),
        ("Og", Ok(":")),
        ("Zm9vOmI6YQ", Ok("foo:b:a")),
        ("Zm9vOmJhcg-_", Err(Fault::AuthNotBase64)),
        ("Wm05dk9tSmhjZz09", Err(Fault::AuthEncodedTwice)),
    ] {
        let (read, faults) = entry(&format!(r#"{{"auth": "{auth}"}}"#));
        assert_eq!(read.as_deref(), login.ok(), "{auth}");
        if let Err(fault) = login {
            assert_eq!(faults, [fault], "{auth}");
        }
    }
}

/// `Test_MakeDockerKeyring`: what of a Secret is read.
#[test]
fn the_type_says_the_form_and_the_form_the_key() {
    for (type_, key) in [
        ("kubernetes.io/dockerconfigjson", Some(".dockerconfigjson")),
        ("kubernetes.io/dockercfg", Some(".dockercfg")),
        ("Opaque", None),
        ("", None),
    ] {
        assert_eq!(Form::of_type(type_).map(Form::key), key, "{type_}");
    }
}

#[test]
fn a_file_says_what_is_wrong_with_it() {
    for (text, faults, breaks) in [
        ("", &[Fault::NotJson][..], true),
        ("canary-7c1f", &[Fault::NotJson], true),
        ("{} canary-7c1f", &[Fault::NotJson], true),
        ("{}\0", &[Fault::NotJson], true),
        ("\u{feff}{}", &[Fault::NotJson], true),
        ("eyJhdXRocyI6IHt9fQ==\n", &[Fault::EncodedTwice], true),
        ("[]", &[Fault::NotAnObject], true),
        ("\"canary-7c1f\"", &[Fault::NotAnObject], true),
        (r#"{"auths": []}"#, &[Fault::NotAnObject], true),
        (r#"{"auths": {}, "HttpHeaders": {"a": 1}}"#, &[Fault::NotAnObject], true),
        ("null", &[Fault::NoAuths], false),
        ("{}", &[Fault::NoAuths], false),
        (r#"{"registry.test": {"auth": "Zm9vOmJhcg=="}}"#, &[Fault::NoAuths], false),
        (r#"{"auths": {}}"#, &[Fault::Empty], false),
        (r#"{"auths": null}"#, &[Fault::NoAuths], false),
        (r#"{"auths": {"registry.test": {}}, "credsStore": "desktop"}"#, &[Fault::HelpersOnly], false),
        (r#"{"credHelpers": {"registry.test": "ecr-login"}}"#, &[Fault::HelpersOnly], false),
        (r#" {"AUTHS": {"registry.test": {"auth": "Zm9vOmJhcg=="}}, "credsStore": "desktop"}"#, &[], false),
    ] {
        let file = PullFile::read(Form::ConfigJson, text.as_bytes());
        assert_eq!((file.faults.as_slice(), file.breaks()), (faults, breaks), "{text}");
    }
    for (text, faults) in [
        ("{}", &[Fault::Empty][..]),
        ("null", &[Fault::Empty]),
        ("[]", &[Fault::NotAnObject]),
        (r#"{"auths": {"registry.test": {"auth": "Zm9vOmJhcg=="}}}"#, &[Fault::WrongForm]),
    ] {
        assert_eq!(PullFile::read(Form::Cfg, text.as_bytes()).faults, faults, "{text}");
    }
}

#[test]
fn an_entry_says_what_is_wrong_with_it() {
    for (json, faults) in [
        (r#"{"Username": "foo", "PASSWORD": "bar"}"#, &[][..]),
        (r#""canary-7c1f""#, &[Fault::EntryShape]),
        (r#"{"username": 1}"#, &[Fault::EntryShape]),
        (r#"{"auth": null, "username": "foo", "password": "bar"}"#, &[]),
        ("null", &[Fault::NoLogin]),
        ("{}", &[Fault::NoLogin]),
        (r#"{"email": "foo@example.com", "other": [1, {"a": 1.5}]}"#, &[Fault::NoLogin]),
        (r#"{"identitytoken": "canary-7c1f"}"#, &[Fault::IdentityToken]),
        (r#"{"auth": "Zm9vOmJhcg==", "identitytoken": "canary-7c1f"}"#, &[]),
        (r#"{"username": "foo"}"#, &[Fault::NoPassword]),
        (r#"{"password": "bar"}"#, &[Fault::NoUser]),
        // Base64 of `foo:bar` and a line's end.
        (r#"{"auth": "Zm9vOmJhcgo="}"#, &[Fault::TrailingNewline]),
        (r#"{"username": " foo", "password": "bar"}"#, &[Fault::UserBlank]),
        (r#"{"username": "foo", "password": "baz", "auth": "Zm9vOmJhcg=="}"#, &[Fault::Contradiction]),
        (r#"{"username": "foo", "password": "bar", "auth": "Zm9vOmJhcg=="}"#, &[]),
    ] {
        assert_eq!(entry(json).1, faults, "{json}");
    }
}

#[test]
fn what_stands_twice_is_read_as_go_reads_it() {
    let twice = r#"{"auths": {"a.test": {"auth": "Zm9vOmJhcg=="}, "a.test": {"username": "ping"}},
        "Auths": {"b.test": {"auth": "Zm9vOmJhcg==", "AUTH": "cGluZzpwb25n"}}}"#;
    let (_, entries) = shown(Form::ConfigJson, twice);
    let logins: Vec<_> = entries.iter().map(|(key, login, _)| (key.as_str(), login.as_deref())).collect();
    assert_eq!(logins, [("a.test", Some("ping:")), ("b.test", Some("ping:pong"))]);
    let forgotten = r#"{"auths": {"a.test": {"auth": "Zm9vOmJhcg=="}}, "auths": null}"#;
    assert_eq!(shown(Form::ConfigJson, forgotten).1, []);
    for bad in [r#"{"auths": {"a.test": 1}, "auths": null}"#, r#"{"auths": {"a.test": 1, "a.test": {}}}"#] {
        assert!(PullFile::read(Form::ConfigJson, bad.as_bytes()).breaks(), "{bad}");
    }
}
