//! `input`: what Pachyderm reads from repositories, and when. Neither moves: what is left is the order of pipelines.

use serde_json::Value;

use crate::cli::import::draft::{Draft, Read};
use crate::cli::import::finding::path_of;
use crate::cli::import::source::Source;

/// Ways to put several inputs together.
const GROUPS: [&str; 4] = ["cross", "union", "join", "group"];

/// Notes what is read, and reports every field.
pub(super) fn map(source: &mut Source, draft: &mut Draft) {
    one(source, draft, "/input");
    source.take_empty("/input");
}

fn one(source: &mut Source, draft: &mut Draft, at: &str) {
    if let Some(repo) = source.text(&format!("{at}/pfs/repo")) {
        let pointer = format!("{at}/pfs/repo");
        let line = source.line(&pointer);
        draft.reads.push(Read { name: repo, path: path_of(&pointer), line });
        for (field, why) in [
            (
                "glob",
                "divides a repository into datums: there are none here; each of the equal Pods finds its number in LOCKGATE_INDEX",
            ),
            ("join_on", "matches datums: let the program do so"),
            ("group_by", "matches datums: let the program do so"),
            ("s3", "is Pachyderm's S3 gateway: give the program an object store, and its key as a Secret"),
            ("trigger", "starts a job by commits: rerun the Pipeline when there is new data"),
        ] {
            source.lost_unless_empty(&format!("{at}/pfs/{field}"), why);
        }
        for field in ["branch", "commit", "name", "project", "repo_type", "lazy", "empty_files", "outer_join"] {
            source.lost_unless_empty(
                &format!("{at}/pfs/{field}"),
                "is about a repository of Pachyderm, and there are none here",
            );
        }
        source.take_empty(&format!("{at}/pfs"));
    }
    if source.peek(&format!("{at}/cron")).is_some() {
        let schedule = source.text(&format!("{at}/cron/spec")).unwrap_or_default();
        draft.comment("", format!("Was started by cron, \"{schedule}\": docs/recipes/schedule.md has the CronJob."));
        source.unserved(
            &format!("{at}/cron/spec"),
            format!("is a schedule, \"{schedule}\": a CronJob asks for the runs, as in docs/recipes/schedule.md"),
        );
        for field in ["name", "repo", "commit", "project", "overwrite", "start"] {
            source.lost_unless_empty(
                &format!("{at}/cron/{field}"),
                "is about the commits of a cron input, and there are none here",
            );
        }
        source.take_empty(&format!("{at}/cron"));
    }
    source.lost(&format!("{at}/git"), "is not read: let the program clone the repository, with its key as a Secret");
    for group in GROUPS {
        let group = format!("{at}/{group}");
        for element in source.elements(&group) {
            one(source, draft, &element);
        }
        if source.peek(&group).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            source.take(&group);
        }
    }
}
