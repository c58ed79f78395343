//! The login that flags, a file or standard input give. No part of it stands in an error.

use std::path::Path;

use super::args::CreateArgs;
use crate::cli::error::Error;
use crate::cli::secret::create::refuse::MAX_SIZE;
use crate::cli::values::{SecretValue, read_file, read_stdin};

/// A user and its token.
pub(super) struct Login {
    /// Without a colon.
    pub user: String,
    /// Anything but nothing.
    pub token: SecretValue,
}

/// What was given; `None`: a Secret that is there is to be used.
pub(super) fn read(args: &CreateArgs) -> Result<Option<Login>, Error> {
    if args.secret.is_some() {
        return Ok(None);
    }
    if let Some(user) = &args.username {
        let login = Login { user: user.clone(), token: without_line_end(&read_stdin(MAX_SIZE)?) };
        return checked(login, "--username").map(Some);
    }
    let given = match args.data.as_ref().map(SecretValue::expose) {
        _ if args.data_stdin => without_line_end(&read_stdin(MAX_SIZE)?),
        Some(b"-") => without_line_end(&read_stdin(MAX_SIZE)?),
        Some([b'@', b'@', rest @ ..]) => typed([b"@", rest].concat()),
        Some([b'@', path @ ..]) => {
            let path = std::str::from_utf8(path)
                .map_err(|_| Error::Usage("--data @FILE: the name of the file is no UTF-8".into()))?;
            without_line_end(&read_file(Path::new(path), MAX_SIZE)?)
        }
        Some(given) => typed(given.to_vec()),
        None => {
            return Err(Error::Usage(
                "give the login: --data - reads USER:TOKEN from standard input; or name a pull Secret that is there with --secret".into(),
            ));
        }
    };
    checked(halves(&given)?, "--data").map(Some)
}

/// It works, and it is said what it costs.
fn typed(bytes: Vec<u8>) -> SecretValue {
    eprintln!(
        "Warning: a login in the command line can be read by others on this machine, and your shell may keep it: --data - reads it from standard input, --data @FILE from a file"
    );
    SecretValue::new(bytes)
}

/// A line break at the end is the terminal's, or `echo`'s.
fn without_line_end(read: &SecretValue) -> SecretValue {
    let bytes = read.expose();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    SecretValue::new(bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec())
}

/// At the first colon, as Direktiv and everybody else does it.
fn halves(given: &SecretValue) -> Result<Login, Error> {
    let wrong = |why: &str| Error::Findings(format!("--data: {why}"));
    let text = given.expose_text().ok_or_else(|| wrong("it is no UTF-8, and a docker config is JSON"))?;
    let (user, token) = text.split_once(':').ok_or_else(|| {
        wrong("there is no ':' in it: write USER:TOKEN; where a registry knows no user, any word will do")
    })?;
    Ok(Login { user: user.to_owned(), token: SecretValue::new(token.as_bytes().to_vec()) })
}

/// What the kubelet would send otherwise than it was meant.
fn checked(login: Login, flag: &str) -> Result<Login, Error> {
    let Login { user, token } = &login;
    let wrong = |why: &str| Err(Error::Findings(format!("{flag}: {why}")));
    let Some(text) = token.expose_text() else {
        return wrong("the token is no UTF-8, and a docker config is JSON");
    };
    match () {
        () if user.is_empty() => {
            wrong("there is no user: write USER:TOKEN; where a registry knows no user, any word will do")
        }
        () if text.is_empty() => wrong("there is no token"),
        () if user.contains(':') => {
            wrong("the user's name ends at the first ':' for whoever pulls, so that it cannot have one")
        }
        () if user.trim() != user => wrong("blanks around the user's name would be sent with it: take them away"),
        () if text.ends_with(['\n', '\r']) => wrong("a line break behind the token would be sent with it: take it off"),
        () => Ok(login),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &[u8]) -> Result<(String, Vec<u8>), String> {
        let login = halves(&SecretValue::new(text.to_vec())).and_then(|login| checked(login, "--data"));
        login.map(|login| (login.user, login.token.expose().to_vec())).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_colon_divides_and_the_rest_is_the_token_s() {
        for (text, user, token) in [
            ("admin:Qx%7f$fake*", "admin", "Qx%7f$fake*"),
            ("u:a:b::c", "u", "a:b::c"),
            (r#"u:"quoted" \ 'too' {}"#, "u", r#""quoted" \ 'too' {}"#),
            ("u: blanks stay ", "u", " blanks stay "),
            ("u@example.com:schlüssel", "u@example.com", "schlüssel"),
        ] {
            assert_eq!(split(text.as_bytes()), Ok((user.to_owned(), token.as_bytes().to_vec())), "{text}");
        }
    }

    #[test]
    fn what_is_no_login_is_refused_and_not_shown() {
        for (text, says) in [
            (&b"canary-7c1f"[..], "write USER:TOKEN"),
            (b"", "write USER:TOKEN"),
            (b":canary-7c1f", "there is no user"),
            (b"canary-7c1f:", "there is no token"),
            (b" canary-7c1f:x", "blanks"),
            (b"u:canary-7c1f\n", "line break"),
            (b"u:canary-7c1f\xff", "no UTF-8"),
        ] {
            let said = split(text).expect_err(says);
            assert!(said.contains(says) && !said.contains("canary"), "{said}");
        }
    }
}
