//! The corpus of hostile expressions: each ends within its limits, with a message that names it, and without a value.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::pod::{CANARY, Pod};

/// The corpus: blocks of an expression, a line `-- ` with what the message says of it, and a blank line. `REPEAT(n, text)` stands for
/// the text n times.
fn corpus() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/render/hostile.txt");
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    blocks
        .filter_map(|block| {
            let lines: Vec<&str> = block.lines().filter(|line| !line.starts_with("## ")).collect();
            let (said, expression) = lines.split_last()?;
            let said = said.strip_prefix("-- ").unwrap_or_else(|| panic!("{block}: no line begins with --"));
            Some((unfolded(&expression.join("\n")), said.to_owned()))
        })
        .collect()
}

/// The expression with its repetitions written out.
fn unfolded(expression: &str) -> String {
    let mut text = String::new();
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once("REPEAT(") {
        let (count, after) = after.split_once(", ").unwrap();
        let (repeated, after) = after.split_once("END)").unwrap();
        text.push_str(before);
        text.push_str(&repeated.repeat(count.parse().unwrap()));
        rest = after;
    }
    text + rest
}

#[test]
fn every_hostile_expression_ends_within_its_limits_and_says_why() {
    let corpus = corpus();
    assert!(corpus.len() > 60, "{}", corpus.len());
    // Some take all of their time, which is not the processor's alone.
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some((expression, said)) = corpus.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().unwrap().extend(judged(expression, said));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), corpus.len(), wrong.join("\n"));
}

/// What is wrong with how it ended.
fn judged(expression: &str, said: &str) -> Option<String> {
    let pod = Pod::new();
    let began = Instant::now();
    let ended = pod.render(&json!({"a": {"b/c": ["x", format!("é jq({expression})")]}}));
    let took = began.elapsed();
    let shown: String = expression.chars().take(60).collect();
    if said == "fine" {
        return (ended.code != 0).then(|| format!("{shown}: {} {}", ended.code, ended.message));
    }
    if ended.code != 65 || !ended.message.contains(said) {
        return Some(format!("{shown}: not {said:?} but {} {:?}", ended.code, ended.message));
    }
    // The place: which string, and where in it.
    let of_all = said.contains("at most 32768");
    if !of_all && !ended.message.starts_with("template at /a/b~1c/1, character ") {
        return Some(format!("{shown}: without its place: {}", ended.message));
    }
    if !pod.all().is_empty() {
        return Some(format!("{shown}: something was written"));
    }
    // The deadline, and what a busy machine adds to it.
    (took > Duration::from_secs(30)).then(|| format!("{shown}: {took:?}"))
}

#[test]
fn what_is_fine_is_fine_beside_it() {
    // The limits are for what is hostile: a large input that is none.
    let pod = Pod::new();
    let many: Vec<_> =
        (0..128).map(|index| json!({"index": index, "value": "jq(.secrets.token) and jq(.index + 1)"})).collect();
    let ended = pod.render(&json!(many));
    assert_eq!((ended.code, ended.message), (0, String::new()));
    let written: serde_json::Value = serde_json::from_str(&pod.written("input.json")).unwrap();
    assert_eq!(written[127], json!({"index": 127, "value": format!("{CANARY} and 3")}));
}
