//! Names of images that are not what somebody meant to run.

use std::sync::LazyLock;

use regex::Regex;

use super::finding::{Finding, Severity};
use super::object::Object;
use super::offline::containers;
use super::rules::Rule;
use crate::api::pipeline::PipelineSpec;
use crate::model::image::Image;

/// What templates and pipelines put names between: `#(tag)#` and `#{tag}#` (Azure), `{{ .tag }}` (Helm, Jinja, Argo),
/// `${TAG}` and `$(TAG)` (shells, Make, Azure), `<TAG>`, `%TAG%`, `__TAG__`.
const TOKEN: &str = r"#\([^)]*\)#|#\{[^}]*\}#|\{\{.*\}\}|\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_][A-Za-z0-9_]*|<[^>]*>|%[A-Za-z_][^%]*%|__[A-Za-z][A-Za-z0-9_]*__";

static TOKENS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(TOKEN).ok());

/// What is to be mended in the images of a Pipeline.
pub(super) fn findings(pipeline: &Object<'_>, spec: &PipelineSpec) -> Vec<Finding> {
    let found = containers(spec).into_iter().filter_map(|(base, container)| {
        let (rule, severity, message) = judge(&container.image)?;
        Some(pipeline.finding(rule, severity, &format!("{base}.image"), message))
    });
    found.collect()
}

fn judge(image: &str) -> Option<(Rule, Severity, String)> {
    if let Some(token) = TOKENS.as_ref().and_then(|tokens| tokens.find(image)) {
        let message =
            format!("{} was not replaced: render the file first, and check and apply what comes out", token.as_str());
        return Some((Rule::TemplateToken, Severity::Error, message));
    }
    let parsed = Image::parse(image).ok().filter(|parsed| parsed.digest.is_none())?;
    let moves = match parsed.tag.as_deref() {
        None => "has no tag, which means latest".to_owned(),
        Some(tag) if floats(tag) => format!("the tag {tag} names a line of images, not one"),
        Some(_) => return None,
    };
    let message = format!(
        "{moves}: two Pods of one Pipeline may run different images; write a version, or best a digest, as in {}@sha256:…",
        parsed.repository()
    );
    Some((Rule::FloatingTag, Severity::Warning, message))
}

/// Whether a tag says no version: it has no digit (`latest`, `stable-slim`, `main`), and is no commit.
fn floats(tag: &str) -> bool {
    let is_commit = tag.len() >= 7 && tag.chars().all(|c| c.is_ascii_hexdigit());
    !is_commit && !tag.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(image: &str) -> Option<Rule> {
        judge(image).map(|(rule, _, _)| rule)
    }

    #[test]
    fn what_a_template_left_behind_is_named() {
        for image in [
            "app:#(dockertag)#",
            "app:#{tag}#",
            "app:{{ .Values.tag }}",
            "{{ registry }}/app:1.2",
            "${IMAGE}",
            "app:$TAG",
            "app:$(Build.BuildId)",
            "app:<TAG>",
            "app:%TAG%",
            "registry.example.com/app:__TAG__",
        ] {
            assert_eq!(rule(image), Some(Rule::TemplateToken), "{image}");
        }
        assert!(judge("app:#(tag)#").unwrap().2.starts_with("#(tag)# was not replaced"));
    }

    #[test]
    fn a_tag_that_is_moved_is_named() {
        for image in
            ["app", "app:latest", "registry.example.com:5000/app", "nginx:alpine", "app:main", "app:stable-slim"]
        {
            assert_eq!(rule(image), Some(Rule::FloatingTag), "{image}");
        }
    }

    #[test]
    fn a_version_a_commit_and_a_digest_are_left_alone() {
        let digest = format!("app@sha256:{}", "0123456789abcdef".repeat(4));
        for image in ["app:1", "app:v1.2.3", "app:2024-01-31", "app:deadbee", "app:main-3f2a1c", "app:a__b1", &digest] {
            assert_eq!(rule(image), None, "{image}");
        }
        assert_eq!(rule(&format!("app:latest@sha256:{}", "0123456789abcdef".repeat(4))), None);
        // Its grammar is judged elsewhere.
        assert_eq!(rule("App:Latest"), None);
    }
}
