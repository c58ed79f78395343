//! A label selector: which namespaces a ClusterRegistry is for.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// Labels, by key.
pub(in crate::projector) type Labels = BTreeMap<String, String>;

/// A selector whose words are all known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::projector) struct Selector(Vec<Requirement>);

/// One demand.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    wants: Wants,
}

/// What is wanted of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wants {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads one; an empty one selects all.
    ///
    /// # Errors
    /// What in it Kubernetes does not know.
    pub fn parse(selector: &LabelSelector) -> Result<Self, String> {
        let equal = selector.match_labels.iter().flatten();
        let mut all: Vec<Requirement> =
            equal.map(|(key, value)| Requirement { key: key.clone(), wants: Wants::In(vec![value.clone()]) }).collect();
        for expression in selector.match_expressions.iter().flatten() {
            let values = expression.values.clone().unwrap_or_default();
            let wants = match (expression.operator.as_str(), values.is_empty()) {
                ("In", false) => Wants::In(values),
                ("NotIn", false) => Wants::NotIn(values),
                ("Exists", true) => Wants::Exists,
                ("DoesNotExist", true) => Wants::DoesNotExist,
                ("In" | "NotIn", true) => {
                    return Err(format!("{} needs values for {}", expression.operator, expression.key));
                }
                ("Exists" | "DoesNotExist", false) => {
                    return Err(format!("{} takes no values for {}", expression.operator, expression.key));
                }
                (other, _) => {
                    return Err(format!("the operator {other} is none of In, NotIn, Exists and DoesNotExist"));
                }
            };
            all.push(Requirement { key: expression.key.clone(), wants });
        }
        Ok(Self(all))
    }

    /// Whether it selects what has these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|Requirement { key, wants }| {
            let value = labels.get(key);
            match wants {
                Wants::In(values) => value.is_some_and(|value| values.contains(value)),
                Wants::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Wants::Exists => value.is_some(),
                Wants::DoesNotExist => value.is_none(),
            }
        })
    }
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
    }
}
