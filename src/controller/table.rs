//! A Secret as a Table row: its type, the number of its keys, and their names out of `managedFields`.
//!
//! The API server answers with the cells Name, Type, Data (a count) and Age and with the object's metadata
//! (`model/table.rs`). The types here have no field for `data`, `stringData` or
//! annotations, and of the labels for one only, so that what is not to be known cannot be kept.

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

use crate::model::secret::{Expiry, SecretFacts};
use crate::model::table::{self, ManagedFields, Table};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    managed_fields: Vec<ManagedFields>,
}

#[derive(Default, Deserialize)]
struct Labels {
    /// [`crate::model::secret::EXPIRES_ON_LABEL`]
    #[serde(default, rename = "lockgate.dev/expires-on")]
    expires_on: Option<String>,
}

/// Reads the answer to a Table GET of one Secret.
///
/// # Errors
/// What does not fit, without a word of the answer itself.
pub fn secret_facts(body: &[u8]) -> Result<SecretFacts, String> {
    let table = Table::<Metadata>::decode(body)?;
    let row = table.rows.first().ok_or("the API server's Table has no row")?;
    let type_ = table.text(row, "Type").ok_or("the API server's Table has no Type")?;
    let count = table.number(row, "Data").ok_or("the API server's Table has no count of keys")?;
    let metadata = &row.object.metadata;
    Ok(SecretFacts {
        uid: metadata.uid.clone(),
        resource_version: metadata.resource_version.clone(),
        type_: type_.to_owned(),
        keys: table::keys(&metadata.managed_fields, count),
        data_changed_at: data_changed_at(metadata),
        touched_since: touched_since(metadata),
        expires_on: metadata.labels.expires_on.as_deref().map(Expiry::parse),
    })
}

/// The newest time of a manager that wrote data; nothing where one of them has none, since it may be the newest.
fn data_changed_at(metadata: &Metadata) -> Option<Timestamp> {
    let writers = metadata.managed_fields.iter().filter(|entry| entry.data().is_some());
    let times: Option<Vec<Timestamp>> = writers.map(ManagedFields::time).collect();
    times?.into_iter().max()
}

/// Whether a manager that wrote no data has a newer time than all that did.
fn touched_since(metadata: &Metadata) -> bool {
    let others = metadata.managed_fields.iter().filter(|entry| entry.data().is_none());
    let newest = others.filter_map(ManagedFields::time).max();
    data_changed_at(metadata).is_some_and(|changed| newest.is_some_and(|newest| newest > changed))
}

/// The `reason` of a `Status` answer: one word of a closed set, never the message, which may quote the request.
#[must_use]
pub fn status_reason(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Status {
        reason: Option<String>,
    }
    serde_json::from_slice::<Status>(body).ok()?.reason
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Keys;

    fn table(data: &str, managed: &str) -> String {
        format!(
            r#"{{"kind":"Table","columnDefinitions":[{{"name":"Name"}},{{"name":"Type"}},{{"name":"Data"}},{{"name":"Age"}}],
            "rows":[{{"cells":["db","Opaque",{data},"1s"],"object":{{"metadata":{{"name":"db","uid":"u","resourceVersion":"7",
            "annotations":{{"kubectl.kubernetes.io/last-applied-configuration":"canary-7c1f"}},"managedFields":{managed}}}}}}}]}}"#
        )
    }

    fn known(names: &[&str]) -> Keys {
        Keys::Known(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn keys_are_the_names_of_all_managers() {
        let text = table(
            "3",
            r#"[{"fieldsV1":{"f:data":{".":{},"f:user":{}}}},{"fieldsV1":{"f:stringData":{"f:password":{}},"f:data":{"f:a.b":{}}}}]"#,
        );
        assert_eq!(secret_facts(text.as_bytes()).unwrap().keys, known(&["user", "password", "a.b"]));
    }

    #[test]
    fn without_managed_fields_only_the_count_is_known() {
        assert_eq!(secret_facts(table("2", "[]").as_bytes()).unwrap().keys, Keys::Unknown { count: 2 });
        assert_eq!(secret_facts(table("0", "[]").as_bytes()).unwrap().keys, known(&[]));
    }

    #[test]
    fn names_that_are_more_or_fewer_than_the_keys_are_not_believed() {
        let text = table("1", r#"[{"fieldsV1":{"f:data":{"f:a":{},"f:b":{}}}}]"#);
        assert_eq!(secret_facts(text.as_bytes()).unwrap().keys, Keys::Unknown { count: 1 });
    }

    /// Of this manager's entry: its time, and what it wrote.
    fn entry(time: &str, fields: &str) -> String {
        format!(r#"{{"manager":"m","time":"2026-11-22T{time}Z","fieldsV1":{{{fields}}}}}"#)
    }

    #[test]
    fn data_changed_when_a_manager_of_data_wrote_last() {
        const DATA: &str = r#""f:data":{"f:a":{}}"#;
        const STRING: &str = r#""f:stringData":{"f:a":{}}"#;
        const LABEL: &str = r#""f:metadata":{"f:labels":{"f:team":{}}}"#;
        let no_time = format!(r#"{{"manager":"m","fieldsV1":{{{DATA}}}}}"#);
        let rows = [
            ("one", vec![entry("10:00:00", DATA)], Some("10:00:00"), false),
            ("the newest", vec![entry("10:00:00", DATA), entry("10:00:05", STRING)], Some("10:00:05"), false),
            ("in any order", vec![entry("10:00:05", DATA), entry("10:00:00", STRING)], Some("10:00:05"), false),
            ("a label by another", vec![entry("10:00:00", DATA), entry("10:00:09", LABEL)], Some("10:00:00"), true),
            ("in one second", vec![entry("10:00:00", DATA), entry("10:00:00", LABEL)], Some("10:00:00"), false),
            ("a label before", vec![entry("10:00:05", DATA), entry("10:00:00", LABEL)], Some("10:00:05"), false),
            ("nobody says", vec![entry("10:00:09", LABEL)], None, false),
            ("managedFields are gone", vec![], None, false),
            ("one does not say", vec![entry("10:00:00", DATA), no_time], None, false),
            ("no time", vec![entry("25:00:00", DATA)], None, false),
        ];
        for (what, entries, expected, touched) in rows {
            let facts = secret_facts(table("1", &format!("[{}]", entries.join(","))).as_bytes()).unwrap();
            let expected = expected.map(|time| format!("2026-11-22T{time}Z").parse().unwrap());
            assert_eq!((facts.data_changed_at, facts.touched_since), (expected, touched), "{what}");
        }
    }

    #[test]
    fn of_the_labels_only_the_date_is_kept() {
        let labelled = |labels: &str| {
            let text = table("0", "[]").replace(r#""uid":"u","#, &format!(r#""uid":"u","labels":{labels},"#));
            secret_facts(text.as_bytes()).unwrap()
        };
        let dated = labelled(r#"{"team":"canary-7c1f","lockgate.dev/expires-on":"2027-02-28"}"#);
        assert_eq!(dated.expires_on, Some(Expiry::On("2027-02-28".parse().unwrap())));
        let text = labelled(r#"{"team":"canary-7c1f","lockgate.dev/expires-on":"canary-7c1f"}"#);
        assert_eq!(text.expires_on, Some(Expiry::NoDate));
        assert_eq!(labelled("{}").expires_on, None);
        assert!(!format!("{dated:?}{text:?}").contains("canary"));
    }

    #[test]
    fn nothing_that_could_hold_a_value_goes_anywhere() {
        let text = table("1", &format!("[{}]", entry("10:00:00", r#""f:data":{"f:a":{"canary-7c1f":{}}}"#)));
        let values = r#""uid":"u","data":{"a":"canary-7c1f"},"stringData":{"a":"canary-7c1f"},"#;
        let facts = secret_facts(text.replace(r#""uid":"u","#, values).as_bytes()).unwrap();
        assert_eq!(facts.keys, known(&["a"]));
        assert!(!format!("{facts:?}").contains("canary"), "{facts:?}");
        // Beside the two names and the keys it has room for a time and a day, and for no text.
        assert!(size_of::<SecretFacts>() <= 136, "{}", size_of::<SecretFacts>());
    }

    #[test]
    fn what_cannot_be_read_is_not_quoted() {
        let error = secret_facts(br#"{"canary-7c1f": tru}"#).unwrap_err();
        assert!(!error.contains("canary"), "{error}");
    }
}
