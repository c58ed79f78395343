//! `input`: the Secrets that its expressions can name, and where the result goes.

use std::collections::BTreeSet;

use super::report::Report;
use crate::api::input::Input as WireInput;
use crate::api::rules;
use crate::model::names::{EnvVarName, MountPath, SecretKey, SecretName};
use crate::model::render::template;
use crate::model::work::{Input, InputPlace, SecretUse, Usage};

/// The bound of `input.secrets`.
const MAX_SECRETS: usize = 16;

/// Parses the input that stands at `at`, as in `spec.transform.input`; its Secrets are added to `uses`.
pub(super) fn parse(at: &str, input: &WireInput, uses: &mut Vec<SecretUse>, report: &mut Report) -> Option<Input> {
    let list = format!("{at}.secrets");
    report.at_most(input.secrets.len(), MAX_SECRETS, &list);
    let mut names = BTreeSet::new();
    for (index, secret) in input.secrets.iter().enumerate() {
        let field = |name: &str| format!("{list}[{index}].{name}");
        report.length(secret.called(), 1, 253, &field("as"));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        report.require(
            secret.called().chars().all(plain) || secret.called.is_none(),
            &field("as"),
            rules::INPUT_CALLED,
        );
        report.require(names.insert(secret.called()), &list, rules::INPUT_NAMES_UNIQUE);
        let key = secret.key.as_deref().map(|key| report.keep(field("key"), SecretKey::parse(key)));
        let name = report.keep(field("name"), SecretName::parse(&secret.name));
        if let (Some(name), None | Some(Some(_))) = (name, &key) {
            let usage = Usage::Input { called: secret.called().to_owned(), key: key.flatten() };
            uses.push(SecretUse { secret: name, optional: false, usage });
        }
    }
    for refusal in template::expressions(&input.template).err().into_iter().flatten() {
        report.add(format!("{at}.template"), refusal.to_string());
    }
    let path = input
        .mount_path
        .as_deref()
        .map(|path| report.keep(format!("{at}.mount_path"), MountPath::of_input(path)).map(InputPlace::File));
    let var = input
        .env_var
        .as_deref()
        .map(|var| report.keep(format!("{at}.env_var"), EnvVarName::parse(var)).map(InputPlace::Env));
    report.require(path.is_some() != var.is_some(), at, rules::INPUT_ONE_PLACE);
    Some(Input { template: input.template.clone(), into: path.or(var).flatten()? })
}
