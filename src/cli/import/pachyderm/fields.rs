//! What a pipeline spec has that has no counterpart, and why.

/// Fields of the spec, and what is said of each that is there.
const LOST: [(&str, &str); 27] = [
    ("pipeline/project", "is a project of Pachyderm: take a namespace, with -n"),
    ("tf_job", "is a Kubeflow TFJob: apply it as one"),
    ("datum_timeout", "there are no datums: job_timeout is the timeout of a whole run"),
    (
        "datum_set_spec",
        "there are no datums: parallelism is the number of Pods, and each finds its number in LOCKGATE_INDEX",
    ),
    (
        "chunk_spec",
        "there are no datums: parallelism is the number of Pods, and each finds its number in LOCKGATE_INDEX",
    ),
    ("max_queue_size", "there are no datums that could be fetched ahead"),
    ("hashtree_spec", "is about Pachyderm's storage, which is not here"),
    ("cache_size", "is about Pachyderm's storage, which is not here"),
    ("sidecar_resource_requests", "there is no sidecar: only your container runs in the Pod"),
    ("sidecar_resource_limits", "there is no sidecar: only your container runs in the Pod"),
    (
        "autoscaling",
        "the number of Pods does not follow the work: scale with kubectl scale, or a HorizontalPodAutoscaler for mode Service",
    ),
    ("standby", "a Job has no Pod between runs anyway; for mode Service, lockgate suspend takes its Pods away"),
    ("output_branch", "there are no branches: let the program put its results away itself"),
    ("egress", "nothing is moved for the program: let it write to its store itself, with the key as a Secret"),
    ("s3_out", "is Pachyderm's S3 gateway: give the program an object store, and its key as a Secret"),
    ("reprocess", "every run does its whole work"),
    ("reprocess_spec", "every run does its whole work"),
    ("salt", "every run does its whole work"),
    ("enable_stats", "there are no datums to count: docs/metrics.md has what is counted"),
    ("update", "is a flag of pachctl: apply the manifest again to update"),
    ("dry_run", "is a flag of pachctl: --dry-run has it here"),
    ("spec_commit", "is written by Pachyderm: the manifest in your repository is the specification here"),
    ("pod_spec", "would replace the Pod that is made: what a Pipeline has for it stands in docs/reference.md"),
    ("pod_patch", "would change the Pod that is made: what a Pipeline has for it stands in docs/reference.md"),
    ("determined", "is Pachyderm's tie to Determined: put its login into a Secret"),
    ("maximum_expected_uptime", "nobody warns of it: alert on the Pipeline's age, as in docs/metrics.md"),
    ("$schema", "names the schema of Pachyderm's specs; ours is served by the cluster"),
];

/// Pointers of fields without a counterpart, each with what is said where it is there.
pub fn lost() -> impl Iterator<Item = (String, &'static str)> {
    LOST.iter().map(|(field, why)| (format!("/{field}"), *why))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::LOST;
    use crate::cli::manifest;

    /// Objects whose names are the user's own.
    const FREE: [&str; 7] = ["labels", "annotations", "env", "node_selector", "unheard_of", "determined", "egress"];

    /// What a field holds that is reported as one.
    const WHOLE: [&str; 6] = ["tf_job", "chunk_spec", "datum_set_spec", "hashtree_spec", "spec_commit", "trigger"];

    fn fields(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                for (name, inner) in object {
                    let snake: String = name
                        .chars()
                        .flat_map(|c| c.is_ascii_uppercase().then_some('_').into_iter().chain([c.to_ascii_lowercase()]))
                        .collect();
                    if snake != "unheard_of" {
                        found.insert(snake.clone());
                    }
                    if !FREE.contains(&&*snake)
                        && !WHOLE.contains(&&*snake)
                        && !snake.starts_with("sidecar")
                        && snake != "build"
                    {
                        fields(inner, found);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| fields(item, found)),
            _ => {}
        }
    }

    #[test]
    fn the_page_names_every_field() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(root.join("docs/coming-from/pachyderm.md")).unwrap();
        let mut all: BTreeSet<String> =
            LOST.iter().filter_map(|(field, _)| Some(field.rsplit('/').next()?.to_owned())).collect();
        for file in std::fs::read_dir(root.join("tests/import/pachyderm")).unwrap().map(|entry| entry.unwrap().path()) {
            if file.is_file() {
                let documents = manifest::read(&std::fs::read_to_string(file).unwrap()).unwrap();
                for document in &documents {
                    fields(document, &mut all);
                }
            }
        }
        assert!(all.len() > 80, "{all:?}");
        let named = |field: &&String| {
            ["`", ".", "`$"]
                .iter()
                .any(|before| ["`", "."].iter().any(|after| page.contains(&format!("{before}{field}{after}"))))
        };
        let missing: Vec<&String> = all.iter().filter(|field| !named(field)).collect();
        assert!(missing.is_empty(), "docs/coming-from/pachyderm.md does not name {missing:?}");
    }
}
