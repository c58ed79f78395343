//! `--namespace-selector`: kubectl's way to write a label selector, as far as it has no lists in it. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Expression, Selector};

use crate::model::names::{is_label_value, is_qualified_name};

/// `team=vision,tier!=test,audited,!sandbox`.
pub(super) fn parse(text: &str) -> Result<LabelSelector, String> {
    if text.contains(['(', ')']) {
        return Err("lists are not read here: write KEY=VALUE, KEY!=VALUE, KEY or !KEY with ',' between them, or apply a manifest of the ClusterRegistry".into());
    }
    let parts: Result<Vec<Expression>, String> = text.split(',').map(|part| expression(part.trim())).collect();
    Ok(LabelSelector::from(parts?.into_iter().collect::<Selector>()))
}

fn expression(part: &str) -> Result<Expression, String> {
    let wrong =
        || "write KEY=VALUE, KEY!=VALUE, KEY or !KEY, with ',' between them, as labels are in Kubernetes".to_owned();
    let checked = |key: &str, value: &str| {
        let (key, value) = (key.trim(), value.trim());
        (is_qualified_name(key) && is_label_value(value)).then(|| (key.to_owned(), value.to_owned())).ok_or_else(wrong)
    };
    if let Some((key, value)) = part.split_once("!=") {
        return checked(key, value).map(|(key, value)| Expression::NotEqual(key, value));
    }
    if let Some((key, value)) = part.split_once('=') {
        return checked(key, value.strip_prefix('=').unwrap_or(value))
            .map(|(key, value)| Expression::Equal(key, value));
    }
    if let Some(key) = part.strip_prefix('!') {
        return checked(key, "").map(|(key, _)| Expression::DoesNotExist(key));
    }
    checked(part, "").map(|(key, _)| Expression::Exists(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_selector_is_kubectl_s() {
        let read = parse("team=vision, tier!=test,audited,!sandbox,lockgate.dev/x==y").unwrap();
        assert_eq!(
            serde_json::to_value(read).unwrap(),
            json!({
                "matchLabels": {"team": "vision", "lockgate.dev/x": "y"},
                "matchExpressions": [
                    {"key": "tier", "operator": "NotIn", "values": ["test"]},
                    {"key": "audited", "operator": "Exists"},
                    {"key": "sandbox", "operator": "DoesNotExist"},
                ],
            })
        );
        for none in ["", "a=b,", "team in (a,b)", "a b=c", "=x", "!", "a=b=c", "a=ü"] {
            assert!(parse(none).is_err(), "{none}");
        }
    }
}
