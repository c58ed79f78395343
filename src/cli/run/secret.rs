//! `--secret NAME:…`: one use of a Secret, in the words of a command line.

use serde_json::{Value, json};

/// What `--secret` has to look like, for who wrote something else.
const FORMS: &str = "write NAME:KEY=VARIABLE (a key as an environment variable), NAME:/PATH (every key as a file), NAME:KEY=/PATH (a key as \
     this file), NAME:* or NAME:*=PREFIX_ (every key as a variable)";

/// An entry of `transform.secrets`, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretArg(Value);

impl SecretArg {
    /// The entry of `transform.secrets`.
    pub(super) fn entry(&self) -> Value {
        self.0.clone()
    }
}

/// Reads one `--secret`. Names are judged later, where all rules are; here it is only told what is meant.
pub(super) fn parse(text: &str) -> Result<SecretArg, &'static str> {
    let (name, usage) = text.split_once(':').ok_or(FORMS)?;
    if name.is_empty() {
        return Err(FORMS);
    }
    let entry = match usage.split_once('=') {
        None if usage == "*" => json!({"name": name, "env_prefix": ""}),
        Some(("*", prefix)) => json!({"name": name, "env_prefix": prefix}),
        Some((key, path)) if path.starts_with('/') && !key.is_empty() => {
            let file = path.rsplit('/').next().filter(|file| !file.is_empty()).ok_or(FORMS)?;
            json!({"name": name, "mount_path": path, "items": [{"key": key, "path": file}], "sub_path": file})
        }
        // A path may have a `=` in it.
        _ if usage.starts_with('/') => json!({"name": name, "mount_path": usage}),
        Some((key, variable)) if !key.is_empty() && !variable.is_empty() => {
            json!({"name": name, "key": key, "env_var": variable})
        }
        _ => return Err(FORMS),
    };
    Ok(SecretArg(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_an_entry_of_the_spec() {
        for (text, entry) in [
            ("db:password=DB_PASSWORD", json!({"name": "db", "key": "password", "env_var": "DB_PASSWORD"})),
            ("tls:/etc/tls", json!({"name": "tls", "mount_path": "/etc/tls"})),
            ("tls:/etc/a=b", json!({"name": "tls", "mount_path": "/etc/a=b"})),
            (
                "app:conf=/etc/app.conf",
                json!({"name": "app", "mount_path": "/etc/app.conf", "items": [{"key": "conf", "path": "app.conf"}],
                    "sub_path": "app.conf"}),
            ),
            ("app:*", json!({"name": "app", "env_prefix": ""})),
            ("app:*=APP_", json!({"name": "app", "env_prefix": "APP_"})),
        ] {
            assert_eq!(parse(text).unwrap().entry(), entry, "{text}");
        }
    }

    #[test]
    fn anything_else_is_answered_with_the_forms() {
        for text in ["", "db", "db:", ":password=A", "db:password", "db:password=", "db:=A", "db:key=/etc/"] {
            assert_eq!(parse(text), Err(FORMS), "{text}");
        }
    }
}
