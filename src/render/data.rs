//! What expressions can name.

use jaq_json::{Map, Num, Val};

use crate::values::SecretText;

/// What `.secrets.NAME` is.
#[derive(Clone)]
pub(crate) enum Secret {
    /// The value of one key: a string.
    Value(SecretText),
    /// All keys with their values: an object.
    Keys(Vec<(String, SecretText)>),
}

/// What `.` is. Without `Debug`: values of Secrets are in it.
#[derive(Clone)]
pub(crate) struct Data {
    /// `.pipeline`
    pub(crate) pipeline: String,
    /// `.namespace`
    pub(crate) namespace: String,
    /// `.step`
    pub(crate) step: String,
    /// `.index`
    pub(crate) index: i32,
    /// `.run`
    pub(crate) run: i64,
    /// `.env`: the step's literal variables.
    pub(crate) env: Vec<(String, String)>,
    /// `.secrets`
    pub(crate) secrets: Vec<(String, Secret)>,
}

impl Data {
    /// As jq has it.
    pub(super) fn value(&self) -> Val {
        let secret = |secret: &Secret| match secret {
            Secret::Value(value) => string(value.expose()),
            Secret::Keys(keys) => object(keys.iter().map(|(key, value)| (&**key, string(value.expose())))),
        };
        object([
            ("pipeline", string(&self.pipeline)),
            ("namespace", string(&self.namespace)),
            ("step", string(&self.step)),
            ("index", Val::Num(Num::from_integral(i64::from(self.index)))),
            ("run", Val::Num(Num::from_integral(self.run))),
            ("env", object(self.env.iter().map(|(name, value)| (&**name, string(value))))),
            ("secrets", object(self.secrets.iter().map(|(name, value)| (&**name, secret(value))))),
        ])
    }
}

fn string(text: &str) -> Val {
    Val::utf8_str(text.to_owned())
}

fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Val)>) -> Val {
    Val::obj(fields.into_iter().map(|(key, value)| (string(key), value)).collect::<Map>())
}
