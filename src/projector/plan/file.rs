//! The file of a copy: entries as the kubelet reads them, and nothing beside.

use super::source::Entry;
use crate::values::SecretValue;

/// The text of a `.dockerconfigjson` with these entries.
pub(super) fn config_json<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> SecretValue {
    let mut text = String::from("{\"auths\":{");
    for (number, entry) in entries.into_iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        text.push_str(&quoted(&entry.key));
        text.push(':');
        push_login(&mut text, entry);
    }
    text.push_str("}}");
    SecretValue::new(text.into_bytes())
}

/// `auth` holds any bytes, but splits at the first colon; a user with a colon (which then is text) stands in fields of its own.
fn push_login(text: &mut String, entry: &Entry) {
    let (user, password) = (&entry.user, &entry.password);
    if user.expose().contains(&b':') {
        for (opening, value) in [("{\"username\":", user), (",\"password\":", password)] {
            text.push_str(opening);
            text.push_str(&quoted(value.expose_text().unwrap_or_default()));
        }
        text.push('}');
    } else {
        let pair = SecretValue::new([user.expose(), b":", password.expose()].concat()).to_base64();
        text.push_str("{\"auth\":\"");
        text.push_str(pair.expose_text().unwrap_or_default());
        text.push_str("\"}");
    }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
