//! Literals that look like credentials: what stands in a spec can be read by whoever may read the Pipeline or its Pods.
//!
//! Only what is unmistakable is named, so that a finding is worth a look: the forms that vendors give their keys, and
//! names such as `PASSWORD` with a value behind them that is no variable. What was found is told by its kind and place,
//! never by its text.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::render::scan::{self, Piece};
use super::render::template::{self, Text};
use crate::api::pipeline::PipelineSpec;
use crate::api::transform::Transform;

/// A literal that looks like a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// The field, as in `spec.transform.stdin[2]`.
    pub field: String,
    /// What it looks like, as in `a private key`.
    pub looks_like: &'static str,
}

/// The forms, the surest first: (what it is called, regular expression).
const FORMS: [(&str, &str); 11] = [
    ("a private key", "-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----"),
    ("an AWS access key", r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", r"\bxox[abposr]-[A-Za-z0-9-]{10,}"),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a Stripe key", r"\b[sr]k_live_[0-9A-Za-z]{16,}"),
    ("a JSON Web Token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+"),
    ("a URL with a password", r"\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s:@$]+@"),
    ("an Authorization header", r#"(?i)\bauthorization["']?: *(bearer|basic) +[A-Za-z0-9+/._=-]{8,}"#),
    (
        "a password or token",
        r#"(?i)(^|[\s;"'-])[a-z0-9_-]*(password|passwd|token|secret|api[_-]?key|access[_-]?key|private[_-]?key) *= *["']?[^$\s"'<{(/][^\s"']{3,}"#,
    ),
];

/// Names of variables whose value is a credential.
const NAMES: &str = r"(?i)(^|_)(password|passwd|token|secret|api_?key|access_?key|private_?key|credentials?)$";

static COMPILED: LazyLock<Vec<(&str, Regex)>> =
    LazyLock::new(|| FORMS.iter().filter_map(|(name, form)| Some((*name, Regex::new(form).ok()?))).collect());
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(NAMES).ok());

/// Every literal of the spec that looks like a credential.
#[must_use]
pub fn literals(spec: &PipelineSpec) -> Vec<Literal> {
    let transform = spec.transform.iter().map(|transform| ("spec.transform".to_owned(), transform));
    let steps = spec.steps.iter().enumerate().map(|(index, step)| (format!("spec.steps[{index}]"), &step.container));
    transform.chain(steps).flat_map(|(base, container)| of_container(&base, container)).collect()
}

fn of_container(base: &str, container: &Transform) -> Vec<Literal> {
    let lists = [("cmd", &container.cmd), ("args", &container.args), ("stdin", &container.stdin)];
    let in_lists = lists.into_iter().flat_map(|(field, texts)| {
        texts.iter().enumerate().map(move |(index, text)| (format!("{base}.{field}[{index}]"), form_of(text)))
    });
    let in_env = container.env.iter().map(|(name, value)| {
        let named = NAMED.as_ref().is_some_and(|named| named.is_match(name));
        let literal = !value.is_empty() && !value.contains("$(");
        let by_name = (named && literal).then_some("a password or token");
        (format!("{base}.env.{name}"), form_of(value).or(by_name))
    });
    let in_input =
        container.input.iter().flat_map(|input| in_template(&format!("{base}.input.template"), &input.template));
    in_lists
        .chain(in_env)
        .chain(in_input)
        .filter_map(|(field, looks_like)| Some(Literal { field, looks_like: looks_like? }))
        .collect()
}

/// The strings of an input's template, without what is computed in them.
fn in_template(base: &str, template: &Value) -> Vec<(String, Option<&'static str>)> {
    let texts = template::texts(template).unwrap_or_default();
    let judged = texts.into_iter().filter_map(|Text { pointer, text }| {
        let pieces = scan::pieces(text).ok()?;
        let plain = |piece: &Piece<'_>| match piece {
            Piece::Text(text) => (*text).to_owned(),
            // As a variable would stand there.
            Piece::Expression(_) => "$()".to_owned(),
        };
        let plain: String = pieces.iter().map(plain).collect();
        let name = pointer.rsplit('/').next().unwrap_or_default();
        let named =
            NAMED.as_ref().is_some_and(|named| named.is_match(name)) && !plain.is_empty() && !plain.contains('$');
        let looks_like = form_of(&plain).or_else(|| named.then_some("a password or token"));
        Some((format!("{base}{}", template::field(template, &pointer)), looks_like))
    });
    judged.collect()
}

/// What the text looks like, if it holds anything that looks like a credential.
#[must_use]
pub fn form_of(text: &str) -> Option<&'static str> {
    COMPILED.iter().find(|(_, form)| form.is_match(text)).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_compiles() {
        assert_eq!(COMPILED.len(), FORMS.len());
        assert!(NAMED.is_some());
    }

    #[test]
    fn what_looks_like_a_credential_is_named() {
        // Put together here, so that no scanner takes this file for a leak.
        let many = |n: usize| "a1B2".repeat(n);
        for (line, looks_like) in [
            (format!("-----BEGIN RSA {} KEY-----", "PRIVATE"), "a private key"),
            (format!("aws configure set k AKIA{}", "ABCD1234EFGH5678"), "an AWS access key"),
            (format!("git clone https://ghp_{}@x", many(9)), "a GitHub token"),
            (format!("glpat-{}", many(5)), "a GitLab token"),
            (format!("curl -d xoxb-{}", many(5)), "a Slack token"),
            (format!("k=AIza{}abc", many(8)), "a Google API key"),
            (format!("sk_live_{}", many(5)), "a Stripe key"),
            (format!("eyJ{0}.eyJ{0}.{0}", many(4)), "a JSON Web Token"),
            ("psql postgres://user:hunter2@db/x".to_owned(), "a URL with a password"),
            (format!("curl -H 'Authorization: Bearer {}'", many(4)), "an Authorization header"),
            ("export DB_PASSWORD=hunter2".to_owned(), "a password or token"),
            ("tool --api-key=\"hunter2\"".to_owned(), "a password or token"),
        ] {
            assert_eq!(form_of(&line), Some(looks_like), "{line}");
        }
    }

    #[test]
    fn what_names_a_variable_or_a_file_is_left_alone() {
        for line in [
            "echo hello",
            "export DB_PASSWORD=$DB_PASSWORD",
            "export DB_PASSWORD=\"${DB_PASSWORD}\"",
            "export DB_PASSWORD=$(cat /etc/db/password)",
            "export TOKEN=/etc/token",
            "psql postgres://user:$(DB_PASSWORD)@db/x",
            "psql \"postgres://user:$DB_PASSWORD@db/x\"",
            "curl -H \"Authorization: Bearer $TOKEN\"",
            "DB_PASSWORD_FILE=/etc/db/password",
            "https://example.com:8443/path",
            "git clone ssh://git@example.com:22/x",
            "if [ \"$PASSWORD\" = x ]; then",
        ] {
            assert_eq!(form_of(line), None, "{line}");
        }
    }

    #[test]
    fn an_input_is_looked_at_where_nothing_is_computed() {
        let template = json!({
            "url": "postgres://jq(.secrets.db.user):jq(.secrets.db.password)@db/x",
            "headers": {"Authorization": "Authorization: bearer jq(.secrets.token)", "a.token": "x", "token": "hunter2"},
            "args": ["--password=jq(.secrets.p)", "--password=hunter2", "jq(\"password=\" + .secrets.p)"],
            "password": "jq(.secrets.p)",
            "secret": "",
        });
        let spec = json!({"transform": {"image": "a", "input": {"template": template, "env_var": "I"}}});
        let found = literals(&serde_json::from_value(spec).unwrap());
        let fields: Vec<_> = found.iter().map(|literal| literal.field.as_str()).collect();
        let at = |field: &str| format!("spec.transform.input.template{field}");
        assert_eq!(fields, [at(".args[1]"), at(".headers.token")]);
    }

    #[test]
    fn the_place_is_told_and_not_the_text() {
        let spec = json!({"steps": [
            {"name": "a", "image": "a", "cmd": ["sh"], "stdin": ["echo", "export TOKEN=hunter2"]},
            {"name": "b", "image": "a", "env": {"API_KEY": "hunter2", "TOKEN_FILE": "/x", "DSN": "$(DB)", "SECRET": ""}},
        ]});
        let found = literals(&serde_json::from_value(spec).unwrap());
        let fields: Vec<_> = found.iter().map(|literal| literal.field.as_str()).collect();
        assert_eq!(fields, ["spec.steps[0].stdin[1]", "spec.steps[1].env.API_KEY"]);
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = form_of(&text);
        }
    }
}
