//! The marks by which Argo CD, Flux and Helm know what they manage: if it is deleted, they make it anew.

use std::collections::BTreeMap;

type Map = BTreeMap<String, String>;

/// A label or an annotation, and whose it is.
const LABELS: [(&str, &str); 4] = [
    ("argocd.argoproj.io/instance", "Argo CD (label argocd.argoproj.io/instance)"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux (label kustomize.toolkit.fluxcd.io/name)"),
    ("helm.toolkit.fluxcd.io/name", "Flux (label helm.toolkit.fluxcd.io/name)"),
    // Argo CD's own label until its version 3, unless it was told to take another.
    ("app.kubernetes.io/instance", "Argo CD or Helm (label app.kubernetes.io/instance)"),
];
const ANNOTATIONS: [(&str, &str); 2] = [
    ("argocd.argoproj.io/tracking-id", "Argo CD (annotation argocd.argoproj.io/tracking-id)"),
    ("meta.helm.sh/release-name", "Helm (annotation meta.helm.sh/release-name)"),
];

/// The tool that manages an object with these labels and annotations, and the mark that says so.
#[must_use]
pub fn tool(labels: Option<&Map>, annotations: Option<&Map>) -> Option<&'static str> {
    let found = |map: Option<&Map>, marks: &[(&str, &'static str)]| {
        marks.iter().find(|(mark, _)| map.is_some_and(|map| map.contains_key(*mark))).map(|(_, whose)| *whose)
    };
    let by_helm = || {
        let says_so = labels?.get("app.kubernetes.io/managed-by").is_some_and(|tool| tool == "Helm");
        says_so.then_some("Helm (label app.kubernetes.io/managed-by)")
    };
    found(annotations, &ANNOTATIONS).or_else(by_helm).or_else(|| found(labels, &LABELS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_is_known() {
        let map = |key: &str, value: &str| Some(Map::from([(key.to_owned(), value.to_owned())]));
        let by_label = |key, value| tool(map(key, value).as_ref(), None);
        let by_annotation = |key| tool(None, map(key, "x").as_ref());
        for (mark, whose) in [
            ("argocd.argoproj.io/instance", "Argo CD"),
            ("app.kubernetes.io/instance", "Argo CD"),
            ("kustomize.toolkit.fluxcd.io/name", "Flux"),
            ("helm.toolkit.fluxcd.io/name", "Flux"),
        ] {
            assert!(by_label(mark, "x").is_some_and(|tool| tool.starts_with(whose)), "{mark}");
        }
        for (mark, whose) in [("argocd.argoproj.io/tracking-id", "Argo CD"), ("meta.helm.sh/release-name", "Helm")] {
            assert!(by_annotation(mark).is_some_and(|tool| tool.starts_with(whose)), "{mark}");
        }
        assert!(by_label("app.kubernetes.io/managed-by", "Helm").is_some());
        assert_eq!(by_label("app.kubernetes.io/managed-by", "somebody"), None);
        assert_eq!(by_label("app.kubernetes.io/name", "edges"), None);
        assert_eq!(by_annotation("kubectl.kubernetes.io/last-applied-configuration"), None);
        assert_eq!(tool(None, None), None);
    }
}
