//! The values that the docs show are values of the chart, and do what is said beside them.

use serde_json::Value;

use super::{IMAGE, chart, objects, rendered};

/// The `yaml` blocks of all pages that hold values of the chart, with the page.
fn shown() -> Vec<(String, Value)> {
    let values = lockgate::cli::manifest::read(&std::fs::read_to_string(chart().join("values.yaml")).unwrap()).unwrap();
    let known = values[0].as_object().unwrap();
    let root = chart().join("../..");
    let mut pages = vec![root.join("README.md")];
    pages.extend(std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut found = Vec::new();
    for page in pages.iter().filter(|page| page.extension().is_some_and(|ending| ending == "md")) {
        let text = std::fs::read_to_string(page).unwrap();
        for block in text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let Ok(read) = lockgate::cli::manifest::read(block) else { continue };
            let Some(Value::Object(fields)) = read.into_iter().next() else { continue };
            if fields.keys().all(|key| known.contains_key(key)) {
                found.push((page.file_name().unwrap().to_string_lossy().into_owned(), Value::Object(fields)));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn every_block_of_values_in_the_docs_renders() {
    let mut kinds = Vec::new();
    let apis = ["ServiceMonitor", "PrometheusRule"].map(|kind| format!("monitoring.coreos.com/v1/{kind}"));
    for (page, values) in shown() {
        let values = values.to_string();
        let flags = ["--set", IMAGE, "--api-versions", &apis[0], "--api-versions", &apis[1], "--set-json", &values];
        kinds.extend(objects(&rendered(&flags)).iter().map(|object| format!("{page}: {}", object["kind"])));
    }
    let count = |line: &str| kinds.iter().filter(|kind| *kind == line).count();
    assert_eq!(count("policies.md: \"ValidatingAdmissionPolicy\""), 6);
    assert_eq!(count("metrics.md: \"ServiceMonitor\""), 1);
    assert_eq!(count("metrics.md: \"PrometheusRule\""), 1);
}
