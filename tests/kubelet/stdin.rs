//! `stdin`: what the command reads, byte by byte; and `accept_return_code`: what its exit code then counts for.

use lockgate::api::reason::Phase;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{CANARY, condition, message, step};
use crate::{ended, journey, printed, shell, with};

/// What a shell, a YAML reader or the kubelet would change if it looked.
const LINES: [&str; 10] = [
    "$(HOME) $$(HOME) $HOME ${HOME} `id` $(id)",
    "$(DB_PASSWORD)",
    "'single' \"double\" \\\"escaped\\\" \\n \\\\",
    "",
    "  spaces before and after  ",
    "a line\nwith a newline in it",
    "grüße 👋 \u{202e}\u{feff}\u{0}\u{1}\u{7f}",
    "tab\tcarriage return\r",
    "* ? [a-z] ~ # ! & ; | < > EOF",
    "-n",
];

fn text(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn reads(image: &str, cmd: &[&str], lines: &[&str], more: Value) -> Value {
    json!({"transform": with(json!({"image": image, "cmd": cmd, "stdin": lines}), more)})
}

#[tokio::test]
async fn the_command_reads_its_lines_byte_by_byte() {
    let Some((space, node)) = journey("stdin").await else {
        return;
    };
    let image = node.preloaded_image();
    let secrets = || json!({"secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]});
    space.secret("db", &["password"]).await;

    space.pipeline("digest", reads(image, &["sha256sum"], &LINES, secrets())).await;
    // 204800 bytes, two for each `é`; all that there may be.
    let long = format!("{}x", "é".repeat(102_399));
    assert_eq!(text(&[&long]).len(), 204_800);
    space.pipeline("largest", reads(image, &["sha256sum"], &[&long], json!({}))).await;
    let user = reads(image, &["sha256sum"], &LINES, json!({"user": "1000"}));
    space.pipeline("user", with(user, json!({"security": "Restricted"}))).await;
    // The command's own words mean what they meant without stdin, and no shell reads them.
    let words = ["sh", "-c", "cat; printf '%s|' \"$0\" \"$@\"; echo; tr '\\0' ' ' </proc/1/cmdline; true"];
    let args = json!({"args": ["$(DB_PASSWORD)", "$$(DB_PASSWORD)", "a  'b\" $HOME `id`", ""]});
    space.pipeline("words", reads(image, &words, &["echo \"$(DB_PASSWORD)\"; exit 3"], with(args, secrets()))).await;
    // A script, as Pachyderm's pipelines have it.
    let script = ["set -eu", "greet() {", "  echo \"hello $1\"", "}", "greet $(echo \"$DB_PASSWORD\" | cut -c1-6)"];
    space.pipeline("script", reads(image, &["sh"], &script, secrets())).await;

    let expected = format!("{}  -\n", digest(&text(&LINES)));
    assert_eq!(printed(&space, "digest").await, expected);
    assert_eq!(printed(&space, "user").await, expected);
    assert_eq!(printed(&space, "largest").await, format!("{}  -\n", digest(&text(&[&long]))));
    let log = printed(&space, "words").await;
    let value = format!("{CANARY}-password");
    let words = format!("{value}|$(DB_PASSWORD)|a  'b\" $HOME `id`||\nsh -c cat;");
    assert!(log.starts_with(&format!("echo \"$(DB_PASSWORD)\"; exit 3\n{words}")), "{log}");
    assert_eq!(printed(&space, "script").await, "hello canary\n");

    // A program that is not there is told by the shell, as in any script.
    space.pipeline("nobody", reads(image, &["/no/such/program"], &["x"], json!({}))).await;
    let failed = ended(&space, "nobody").await;
    assert_eq!(step(&failed).unwrap().exit_code, Some(127));
}

#[tokio::test]
async fn an_accepted_exit_code_ends_the_run_well() {
    let Some((space, node)) = journey("accepted").await else {
        return;
    };
    let image = node.preloaded_image();
    let codes = || json!({"accept_return_code": [3, 127, 128]});
    space.pipeline("accepted", reads(image, &["sh"], &["exit 3"], codes())).await;
    space.pipeline("another", reads(image, &["sh"], &["exit 4"], codes())).await;
    // The runtime ends what it could not start with a code of its own.
    space.pipeline("unstarted", shell(image, "true", with(codes(), json!({"cmd": ["/no/such/program"]})))).await;

    let accepted = space.phase("accepted", Phase::Succeeded).await;
    assert_eq!(step(&accepted).unwrap().exit_code, Some(3));
    assert_eq!(condition(&accepted, "Complete"), "True/Succeeded");
    assert!(message(&accepted).ends_with("exit code 3, which accept_return_code accepts"), "{}", message(&accepted));
    for name in ["another", "unstarted"] {
        let failed = space.phase(name, Phase::Failed).await;
        assert_eq!(condition(&failed, "Ready"), "False/PodFailed", "{name}: {}", message(&failed));
        println!("{name}: {}", message(&failed));
    }
}
