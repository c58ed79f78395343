//! Which namespaces a ClusterRegistry is for, by its scope and its selector. kube's own selector matches; what Kubernetes refuses and
//! kube would take is refused before.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::SelectorExt;

use crate::api::registry::Scope;
use crate::model::names::{is_label_value, is_qualified_name};

/// The label of the platform's own namespaces, and its value.
pub(crate) const SYSTEM_LABEL: (&str, &str) = ("lockgate.dev/system", "true");

/// Labels, by key.
pub(crate) type Labels = BTreeMap<String, String>;

/// A selector whose words are all known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector(kube::core::Selector);

impl Selector {
    /// Reads one; an empty one selects all.
    ///
    /// # Errors
    /// What in it Kubernetes does not know.
    pub fn parse(selector: &LabelSelector) -> Result<Self, String> {
        for expression in selector.match_expressions.iter().flatten() {
            let (key, operator) = (&expression.key, expression.operator.as_str());
            match (operator, expression.values.as_ref().is_none_or(Vec::is_empty)) {
                ("In" | "NotIn", false) | ("Exists" | "DoesNotExist", true) => {}
                ("In" | "NotIn", true) => return Err(format!("{operator} needs values for {key}")),
                ("Exists" | "DoesNotExist", false) => return Err(format!("{operator} takes no values for {key}")),
                (other, _) => {
                    return Err(format!("the operator {other} is none of In, NotIn, Exists and DoesNotExist"));
                }
            }
        }
        // Nothing has a label that cannot be: behind `NotIn` and `DoesNotExist` it would select all there are.
        let words = selector.match_labels.iter().flatten().map(|(key, value)| (key, std::slice::from_ref(value)));
        let expressions = selector.match_expressions.iter().flatten();
        let expressions =
            expressions.map(|expression| (&expression.key, expression.values.as_deref().unwrap_or_default()));
        for (key, values) in words.chain(expressions) {
            if !is_qualified_name(key) {
                return Err(format!("{key:?} is no key of a label"));
            }
            if let Some(value) = values.iter().find(|value| !is_label_value(value)) {
                return Err(format!("{value:?} is no value of a label ({key})"));
            }
        }
        selector.clone().try_into().map(Self).map_err(|error: kube::core::ParseExpressionError| error.to_string())
    }

    /// Whether it selects what has these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.matches(labels)
    }
}

/// Whether a ClusterRegistry of this scope and with this selector is for a namespace with these labels.
pub(crate) fn reaches(scope: Scope, selector: Option<&Selector>, labels: &Labels) -> bool {
    let (system, is_one) = SYSTEM_LABEL;
    let in_scope = scope == Scope::Global || labels.get(system).is_some_and(|value| value == is_one);
    in_scope && selector.is_none_or(|selector| selector.matches(labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn selects(selector: serde_json::Value, labels: &[(&str, &str)]) -> Result<bool, String> {
        let labels = labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        Selector::parse(&serde_json::from_value(selector).unwrap()).map(|selector| selector.matches(&labels))
    }

    #[test]
    fn a_selector_selects_as_kubernetes_does() {
        let with = |operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": "tier", "operator": operator, "values": values}]});
        for (selector, on_gold, on_none) in [
            (json!({}), true, true),
            (json!({"matchLabels": {"tier": "gold"}}), true, false),
            (json!({"matchLabels": {"tier": "gold", "zone": "a"}}), false, false),
            (with("In", &["gold", "silver"]), true, false),
            (with("NotIn", &["gold"]), false, true),
            (with("Exists", &[]), true, false),
            (with("DoesNotExist", &[]), false, true),
        ] {
            assert_eq!(selects(selector.clone(), &[("tier", "gold")]), Ok(on_gold), "{selector}");
            assert_eq!(selects(selector.clone(), &[]), Ok(on_none), "{selector}");
        }
        for wrong in [with("In", &[]), with("Exists", &["x"]), with("Like", &["x"])] {
            assert!(selects(wrong, &[]).is_err());
        }
        // With one of these nothing could ever have the label.
        for (wrong, said) in [
            (json!({"matchLabels": {"a b": "x"}}), "\"a b\" is no key of a label"),
            (json!({"matchLabels": {"a/b/c": "x"}}), "\"a/b/c\" is no key of a label"),
            (json!({"matchLabels": {"tier": "not one"}}), "\"not one\" is no value of a label (tier)"),
            (json!({"matchExpressions": [{"key": "", "operator": "DoesNotExist"}]}), "\"\" is no key of a label"),
            (with("NotIn", &["gold", "silver,"]), "\"silver,\" is no value of a label (tier)"),
        ] {
            assert_eq!(selects(wrong, &[]), Err(said.to_owned()));
        }
        assert_eq!(
            selects(json!({"matchLabels": {"example.com/Tier_1": ""}}), &[("example.com/Tier_1", "")]),
            Ok(true)
        );
    }
}
