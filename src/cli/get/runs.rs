//! `lockgate get runs`: the current run of each Pipeline and those before it, as status has them. Pure but for printing.

use std::io::Write;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::ListFlags;
use crate::api::pipeline::Pipeline;
use crate::api::reason::{Phase, Reason, RunCause};
use crate::api::status::{PastRun, RunStatus};
use crate::cli::ages::age;
use crate::cli::error::Error;
use crate::cli::output::{self, Format};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    namespace: String,
    pipeline: String,
    number: i64,
    /// `Succeeded`, `Failed`, `Superseded` (the next run ended it), or the Pipeline's phase while it is on its way.
    result: String,
    reason: Option<Reason>,
    started_by: Option<RunCause>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
}

/// All runs that are known, of each Pipeline the latest first.
pub(super) fn rows(pipelines: &[Pipeline]) -> Vec<Row> {
    let of = |pipeline: &Pipeline| -> Vec<Row> {
        let Some(status) = &pipeline.status else { return Vec::new() };
        let namespace = pipeline.metadata.namespace.clone().unwrap_or_default();
        let name = pipeline.metadata.name.clone().unwrap_or_default();
        let current = status.run.iter().map(|run| Row::current(&namespace, &name, run, status.phase));
        current.chain(status.runs.iter().map(|run| Row::past(&namespace, &name, run))).collect()
    };
    pipelines.iter().flat_map(of).collect()
}

fn time(at: Option<&Time>) -> Option<Timestamp> {
    at.map(|time| time.0)
}

impl Row {
    fn current(namespace: &str, pipeline: &str, run: &RunStatus, phase: Option<Phase>) -> Self {
        let result = match &run.result {
            Some(result) => word(Some(result.succeeded)).to_owned(),
            None => phase.map_or_else(String::new, |phase| phase.to_string()),
        };
        Self {
            namespace: namespace.to_owned(),
            pipeline: pipeline.to_owned(),
            number: run.number,
            result,
            reason: run.result.as_ref().map(|result| result.reason),
            started_by: run.started_by,
            started_at: time(run.started_at.as_ref()),
            finished_at: time(run.finished_at.as_ref()),
        }
    }

    fn past(namespace: &str, pipeline: &str, run: &PastRun) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pipeline: pipeline.to_owned(),
            number: run.number,
            result: word(run.succeeded).to_owned(),
            reason: run.reason,
            started_by: run.started_by,
            started_at: time(run.started_at.as_ref()),
            finished_at: time(run.finished_at.as_ref()),
        }
    }

    fn cells(&self, now: Timestamp, wide: bool, with_namespace: bool) -> Vec<String> {
        let none = || "<none>".to_owned();
        let started = self.started_at.map_or_else(none, |at| format!("{} ago", age(now.duration_since(at))));
        let took = |from: Timestamp| age(self.finished_at.unwrap_or(now).duration_since(from));
        let namespace = with_namespace.then(|| self.namespace.clone());
        let mut cells: Vec<String> = namespace.into_iter().collect();
        cells.extend([
            self.pipeline.clone(),
            self.number.to_string(),
            self.result.clone(),
            started,
            self.started_at.map_or_else(none, took),
            self.started_by.map_or_else(none, |cause| cause.to_string()),
        ]);
        if wide {
            cells.push(self.reason.map_or_else(none, |reason| reason.to_string()));
        }
        cells
    }

    fn json(&self) -> Value {
        json!({
            "namespace": self.namespace, "pipeline": self.pipeline, "run": self.number, "result": self.result,
            "reason": self.reason, "startedBy": self.started_by,
            "startedAt": self.started_at.map(|at| at.to_string()), "finishedAt": self.finished_at.map(|at| at.to_string()),
        })
    }
}

fn word(succeeded: Option<bool>) -> &'static str {
    match succeeded {
        Some(true) => "Succeeded",
        Some(false) => "Failed",
        None => "Superseded",
    }
}

/// Prints them: for people, or `{"runs": […]}`.
pub(super) fn print(
    out: &mut impl Write,
    format: Option<Format>,
    rows: &[Row],
    flags: &ListFlags,
) -> Result<(), Error> {
    let all = || json!({"runs": rows.iter().map(Row::json).collect::<Vec<_>>()});
    match format {
        Some(Format::Json) => output::json(out, &all()),
        Some(Format::Yaml) => output::yaml(out, &all()),
        _ => {
            let (wide, with_namespace) = (flags.is_wide(), flags.namespaces.all_namespaces);
            let now = Timestamp::now();
            let cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells(now, wide, with_namespace)).collect();
            let header = header(wide, with_namespace);
            Ok(output::table(out, (!flags.no_headers).then_some(header.as_slice()), &cells)?)
        }
    }
}

fn header(wide: bool, with_namespace: bool) -> Vec<&'static str> {
    let mut header = vec!["PIPELINE", "RUN", "RESULT", "STARTED", "DURATION", "STARTED-BY"];
    if with_namespace {
        header.insert(0, "NAMESPACE");
    }
    if wide {
        header.push("REASON");
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline() -> Pipeline {
        serde_json::from_value(json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline",
            "metadata": {"name": "edges", "namespace": "team-a"}, "spec": {"transform": {"image": "a"}},
            "status": {
                "phase": "Running",
                "run": {"number": 3, "key": "v1:x/", "startedBy": "Requested", "startedAt": "2027-01-15T08:00:00Z"},
                "runs": [
                    {"number": 2, "startedBy": "SpecChanged"},
                    {
                        "number": 1, "succeeded": false, "reason": "TimedOut", "startedBy": "Created",
                        "startedAt": "2027-01-15T07:00:00Z", "finishedAt": "2027-01-15T07:02:05Z",
                    },
                ],
            },
        }))
        .unwrap()
    }

    #[test]
    fn runs_are_told_the_latest_first() {
        let now = "2027-01-15T08:00:30Z".parse().unwrap();
        let cells: Vec<String> = rows(&[pipeline()]).iter().map(|row| row.cells(now, true, true).join("|")).collect();
        assert_eq!(
            cells,
            [
                "team-a|edges|3|Running|30s ago|30s|Requested|<none>",
                "team-a|edges|2|Superseded|<none>|<none>|SpecChanged|<none>",
                "team-a|edges|1|Failed|60m ago|2m5s|Created|TimedOut",
            ]
        );
    }

    #[test]
    fn who_was_never_looked_at_has_no_runs() {
        let new = Pipeline { status: None, ..pipeline() };
        assert_eq!(rows(&[new]), []);
    }

    #[test]
    fn header_and_cells_are_as_many() {
        let now = Timestamp::UNIX_EPOCH;
        for (wide, with_namespace) in [(false, false), (true, false), (false, true), (true, true)] {
            let row = &rows(&[pipeline()])[0];
            assert_eq!(header(wide, with_namespace).len(), row.cells(now, wide, with_namespace).len());
        }
    }
}
