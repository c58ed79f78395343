//! The file of `--pod-defaults`: structure first, as strict as for a manifest, then the rules of [`parse`].

use serde_json::Value;

use super::{strict, violation};
use crate::api::defaults::PodDefaults;
use crate::model::defaults::Defaults;
use crate::model::parse::{self, Violation};

/// Reads the document.
///
/// # Errors
/// Every mistake in it: those of its structure, or else the rules that it breaks.
pub fn pod_defaults(document: &Value) -> Result<Defaults, Vec<Violation>> {
    let mut found = Vec::new();
    let whole = |why: String| vec![violation("", why)];
    let document = strict::check_as::<PodDefaults>(document, &mut found).map_err(whole)?;
    if !found.is_empty() {
        return Err(found);
    }
    let wire: PodDefaults = serde_json::from_value(document).map_err(|error| whole(error.to_string()))?;
    parse::pod_defaults(&wire)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::rules;

    fn found(document: &Value) -> Vec<(String, String)> {
        let found = pod_defaults(document).unwrap_err();
        found.into_iter().map(|violation| (violation.field, violation.message)).collect()
    }

    #[test]
    fn what_is_left_out_empty_or_null_gives_nothing() {
        let empty = json!({"imagePullSecrets": null, "nodeSelector": {}, "tolerations": [], "priorityClassName": "", "podLabels": {}});
        for document in [json!({}), empty] {
            assert_eq!(pod_defaults(&document).unwrap(), Defaults::default());
        }
    }

    #[test]
    fn all_fields_are_read_and_a_pull_secret_counts_once() {
        let defaults = pod_defaults(&json!({
            "imagePullSecrets": ["mirror", "hub", "mirror"],
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [
                {"operator": "Exists"}, {"key": "a.io/b", "operator": "Equal", "value": "", "effect": "NoSchedule"},
                {"key": "gone", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
            ],
            "priorityClassName": "batch",
            "podLabels": {"team": "platform"},
        }))
        .unwrap();
        let names: Vec<&str> = defaults.pull_secrets.iter().map(crate::model::names::SecretName::as_str).collect();
        assert_eq!(names, ["mirror", "hub"]);
        assert_eq!(defaults.node_selector["disk"], "ssd");
        assert_eq!(defaults.tolerations[2].toleration_seconds, Some(30));
        assert_eq!((defaults.priority_class_name.as_deref(), defaults.tolerations.len()), (Some("batch"), 3));
        assert_eq!(defaults.labels["team"], "platform");
    }

    #[test]
    fn a_mistake_in_the_structure_is_named_with_its_field() {
        for (document, field, words) in [
            (json!([]), "", "must be of type object"),
            (json!({"nodeSelectr": {}}), "nodeSelectr", "unknown field"),
            (json!({"image_pull_secrets": []}), "image_pull_secrets", "unknown field"),
            (json!({"imagePullSecrets": [{"name": "a"}]}), "imagePullSecrets[0]", "must be of type string"),
            (json!({"tolerations": [{"efect": "NoSchedule"}]}), "tolerations[0].efect", "unknown field"),
            (json!({"nodeSelector": {"gpu": true}}), "nodeSelector.gpu", "must be of type string"),
            (json!({"priorityClassName": 1}), "priorityClassName", "must be of type string"),
        ] {
            let found = found(&document);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].0 == field && found[0].1.contains(words), "{found:?}");
        }
    }

    #[test]
    fn a_broken_rule_is_named_with_its_field_and_its_mend() {
        let toleration = |more: Value| json!({"tolerations": [more]});
        let label = |key: &str| json!({"podLabels": {key: "x"}});
        for (document, field, rule) in [
            (json!({"imagePullSecrets": ["good", "Bad"]}), "imagePullSecrets[1]", rules::SECRET_NAME),
            (json!({"imagePullSecrets": [""]}), "imagePullSecrets[0]", rules::SECRET_NAME),
            (json!({"nodeSelector": {"a/b/c": "x"}}), "nodeSelector", rules::LABEL_KEY),
            (json!({"nodeSelector": {"a": "-"}}), "nodeSelector", rules::LABEL_VALUE),
            (json!({"priorityClassName": "High!"}), "priorityClassName", rules::PRIORITY_CLASS_NAME),
            (json!({"podLabels": {"a": "b c"}}), "podLabels", rules::LABEL_VALUE),
            (label("lockgate.dev/run"), "podLabels.lockgate.dev/run", rules::POD_LABEL_RESERVED),
            (
                label("app.kubernetes.io/managed-by"),
                "podLabels.app.kubernetes.io/managed-by",
                rules::POD_LABEL_RESERVED,
            ),
            (label("app.kubernetes.io/instance"), "podLabels.app.kubernetes.io/instance", rules::POD_LABEL_RESERVED),
            (label("argocd.argoproj.io/instance"), "podLabels.argocd.argoproj.io/instance", rules::POD_LABEL_RESERVED),
            (toleration(json!({"key": "a b"})), "tolerations[0].key", rules::TOLERATION_KEY),
            (
                toleration(json!({"key": "a", "operator": "exists"})),
                "tolerations[0].operator",
                rules::TOLERATION_OPERATOR,
            ),
            (toleration(json!({"value": "x"})), "tolerations[0].operator", rules::TOLERATION_WITHOUT_KEY),
            (
                toleration(json!({"key": "a", "operator": "Exists", "value": "x"})),
                "tolerations[0].value",
                rules::TOLERATION_VALUE,
            ),
            (toleration(json!({"key": "a", "value": "x y"})), "tolerations[0].value", rules::TOLERATION_VALUE),
            (toleration(json!({"key": "a", "effect": "noExecute"})), "tolerations[0].effect", rules::TOLERATION_EFFECT),
            (
                toleration(json!({"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1})),
                "tolerations[0].tolerationSeconds",
                rules::TOLERATION_SECONDS,
            ),
        ] {
            assert_eq!(found(&document), [(field.to_owned(), rule.to_owned())]);
        }
        let many = json!({"imagePullSecrets": (0..33).map(|i| format!("s-{i}")).collect::<Vec<_>>()});
        assert!(found(&many)[0].1.contains("must have at most 32 items"));
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let both = json!({"priorityClassName": "High!", "podLabels": {"lockgate.dev/step": "x"}});
        assert_eq!(found(&both).len(), 2);
    }
}
