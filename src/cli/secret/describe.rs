//! What `inspect -o wide` says of a Secret below the table.

use std::io::{self, Write};

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::civil::Date;
use k8s_openapi::jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::content::Content;
use super::shown::Shown;
use crate::cli::output::printable;
use crate::cli::users::User;
use crate::model::secret::{EXPIRES_ON_LABEL, Expiry, Keys};

/// A Secret, its users, and what its values came to where they were read.
pub(super) struct Description {
    /// The Secret, which is there.
    pub secret: Shown,
    /// Why it is not known who uses it.
    pub users_unknown: Option<String>,
    /// Why it is not known whether a Registry names it.
    pub namers_unknown: Option<String>,
    /// What was read of its values; `None`: nothing.
    pub content: Option<Content>,
}

impl Description {
    /// For people.
    pub(super) fn print(&self, out: &mut impl Write, now: Timestamp) -> io::Result<()> {
        let Some(row) = &self.secret.row else { return Ok(()) };
        field(out, "Namespace", &row.namespace)?;
        field(out, "Type", &row.type_)?;
        field(out, "Created", &row.created.to_string())?;
        let labels: Vec<String> = row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        field(out, "Labels", &if labels.is_empty() { "<none>".to_owned() } else { labels.join(", ") })?;
        if let Some(text) = row.labels.get(EXPIRES_ON_LABEL) {
            field(out, "Expires on", &expiry(text, now.to_zoned(TimeZone::UTC).date()))?;
        }
        if let Some(whose) = row.managed_by {
            field(out, "Managed by", &format!("{whose}: what is changed here may be changed back"))?;
        }
        if !row.owners.is_empty() {
            field(out, "Belongs to", &format!("{}, and is deleted with it", row.owners.join(", ")))?;
        }
        if let Some(immutable) = self.immutable() {
            field(out, "Immutable", immutable)?;
        }
        self.data(out)?;
        if let Some(content) = &self.content {
            content.print(out)?;
        }
        self.users(out)
    }

    /// The field itself only comes with the values; who wrote it stands in `managedFields`.
    fn immutable(&self) -> Option<&'static str> {
        match self.content.as_ref().and_then(Content::immutable) {
            Some(true) => Some("yes: to change it, delete it and create it anew"),
            Some(false) => None,
            None => {
                self.secret.row.as_ref().filter(|row| row.may_be_immutable)?;
                Some("yes or no was written to it; --sizes reads which")
            }
        }
    }

    fn data(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(row) = &self.secret.row else { return Ok(()) };
        let sizes = self.content.as_ref().and_then(Content::sizes);
        field(out, "Data", &if row.count == 1 { "1 key".to_owned() } else { format!("{} keys", row.count) })?;
        match (sizes, &row.keys) {
            (Some(sizes), _) => {
                let width = sizes.keys().map(String::len).max().unwrap_or_default();
                sizes.iter().try_for_each(|(key, size)| writeln!(out, "  {:<width$}  {size} bytes", printable(key)))
            }
            (None, Keys::Known(keys)) => keys.iter().try_for_each(|key| writeln!(out, "  {}", printable(key))),
            (None, Keys::Unknown { .. }) => {
                writeln!(
                    out,
                    "  their names are not known: metadata.managedFields are gone or behind; --sizes reads them"
                )
            }
        }
    }

    fn users(&self, out: &mut impl Write) -> io::Result<()> {
        match (&self.secret.users, &self.users_unknown) {
            (Some(users), _) => {
                match (self.secret.is_used(), &self.namers_unknown) {
                    (true, _) => writeln!(out, "Used by:")?,
                    (false, None) => field(out, "Used by", "no Pipeline, no Registry")?,
                    (false, Some(why)) => field(out, "Used by", &format!("no Pipeline; {why}"))?,
                }
                users.iter().try_for_each(|user| self::user(out, user))?;
                self.secret.namers.iter().try_for_each(|namer| writeln!(out, "  {}", printable(&namer.to_string())))
            }
            (None, why) => field(out, "Used by", why.as_deref().unwrap_or("not known")),
        }
    }

    /// For `-o json`.
    pub(super) fn json(&self) -> Value {
        let mut object = self.secret.json();
        if let (Some(content), Some(fields)) = (&self.content, object.as_object_mut()) {
            fields.extend(content.json());
            fields.insert("immutable".into(), json!(content.immutable()));
        }
        object
    }
}

/// A line with a heading.
pub(in crate::cli) fn field(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{:<13}{}", format!("{name}:"), printable(text))
}

/// A Pipeline, and a line for each place.
fn user(out: &mut impl Write, user: &User) -> io::Result<()> {
    let restarts = if user.restarts() { ": fresh Pods when it changes" } else { "" };
    writeln!(out, "  {}{restarts}", printable(&user.pipeline))?;
    user.places.iter().try_for_each(|place| writeln!(out, "    {}", printable(&place.to_string())))
}

/// What the label says, and how far off that is.
fn expiry(text: &str, today: Date) -> String {
    let Expiry::On(day) = Expiry::parse(text) else {
        return format!("{text}, which is no date: write it as 2027-02-28");
    };
    match today.until(day).map(|span| span.get_days()) {
        Ok(0) => format!("{day}, which is today"),
        Ok(days @ 1..) => format!("{day}, in {days} days"),
        Ok(days) => format!("{day}, {} days ago", days.unsigned_abs()),
        Err(_) => day.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::jiff::civil::date;

    #[test]
    fn the_end_is_told_in_days() {
        for (text, says) in [
            ("2026-11-22", "2026-11-22, which is today"),
            ("2026-11-23", "2026-11-23, in 1 days"),
            ("2027-02-28", "2027-02-28, in 98 days"),
            ("2026-11-01", "2026-11-01, 21 days ago"),
            ("soon", "soon, which is no date: write it as 2027-02-28"),
        ] {
            assert_eq!(expiry(text, date(2026, 11, 22)), says);
        }
    }
}
