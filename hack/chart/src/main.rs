//! `lockgate-chart`: writes what the Helm chart repeats, or with `--check` says what of it is stale.
//!
//! One source each: values.schema.json and the table in README.md come from the comments in values.yaml, both versions in
//! Chart.yaml from the workspace's.

mod schema;
mod table;
mod values;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let check = std::env::args().skip(1).any(|argument| argument == "--check");
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/lockgate");
    match generated(&chart).and_then(|files| settle(&files, check)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("charts/lockgate: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Every generated file, with what should stand in it.
fn generated(chart: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let entries =
        values::read(&read(&chart.join("values.yaml"))?).map_err(|problem| format!("values.yaml, {problem}"))?;
    let [schema, readme, about] = ["values.schema.json", "README.md", "Chart.yaml"].map(|name| chart.join(name));
    Ok(vec![
        (schema, schema::write(&entries)?),
        (readme.clone(), table::renew(&read(&readme)?, &entries)?),
        (about.clone(), versioned(&read(&about)?)),
    ])
}

/// Writes the files, or says which of them are not as they should be.
fn settle(files: &[(PathBuf, String)], check: bool) -> Result<(), String> {
    for (path, text) in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if fs::read_to_string(path).is_ok_and(|old| old == *text) {
            continue;
        }
        if check {
            return Err(format!("{name} is stale: make generate"));
        }
        fs::write(path, text).map_err(|error| format!("write {name}: {error}"))?;
        println!("wrote charts/lockgate/{name}");
    }
    Ok(())
}

/// Chart.yaml with the version of the workspace, which this program has, too.
fn versioned(chart: &str) -> String {
    let line = |line: &str| match line.split_once(':') {
        Some((key @ ("version" | "appVersion"), _)) => format!("{key}: {}\n", env!("CARGO_PKG_VERSION")),
        _ => format!("{line}\n"),
    };
    chart.lines().map(line).collect()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))
}
