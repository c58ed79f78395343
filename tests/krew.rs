//! Krew's manifest, as hack/krew.sh fills it in at a release.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // It is a test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with the archives of both architectures; each holds these files.
fn archives(name: &str, files: &[&str]) -> (PathBuf, [PathBuf; 2]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let made = ["amd64", "arm64"].map(|architecture| {
        let inner = folder.join(architecture);
        std::fs::create_dir_all(&inner).unwrap();
        for file in files {
            std::fs::write(inner.join(file), format!("{file} for {architecture}")).unwrap();
        }
        let archive = folder.join(format!("lockgate-linux-{architecture}.tar.gz"));
        let status = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&inner).args(files).status();
        assert!(status.unwrap().success());
        archive
    });
    (folder, made)
}

fn manifest(url: &str, archives: &[PathBuf; 2]) -> Output {
    let mut command = Command::new(root().join("hack/krew.sh"));
    command.args(["https://example.com/lockgate", url]).args(archives).output().unwrap()
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn the_manifest_is_krews_with_this_version_and_the_archives_sums() {
    let (folder, made) = archives("krew-good", &["lockgate", "LICENSE"]);
    let output = manifest("https://example.com/releases/", &made);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('@') && !text.contains('#'), "something was not filled in: {text}");
    let documents = lockgate::cli::manifest::read(&text).unwrap();
    let [plugin] = documents.as_slice() else { panic!("not one document: {text}") };
    assert_eq!(plugin["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!(plugin["kind"], "Plugin");
    // The name decides what it is called by: `kubectl lockgate`.
    assert_eq!(plugin["metadata"]["name"], "lockgate");
    let spec = &plugin["spec"];
    assert_eq!(spec["version"], format!("v{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(spec["homepage"], "https://example.com/lockgate");
    // `kubectl krew search` cuts longer ones off.
    assert!(spec["shortDescription"].as_str().unwrap().len() <= 50);
    let platforms = spec["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2);
    for ((platform, archive), architecture) in platforms.iter().zip(&made).zip(["amd64", "arm64"]) {
        assert_eq!(platform["selector"]["matchLabels"]["os"], "linux");
        assert_eq!(platform["selector"]["matchLabels"]["arch"], architecture);
        assert_eq!(platform["uri"], format!("https://example.com/releases/lockgate-linux-{architecture}.tar.gz"));
        assert_eq!(platform["sha256"], sha256(archive));
        // Each file that is taken is in the archive, and the program is one of them.
        let files: Vec<_> = platform["files"].as_array().unwrap().iter().map(|file| &file["from"]).collect();
        assert!(files.contains(&&platform["bin"]), "{files:?}");
        assert!(files.iter().all(|file| ["lockgate", "LICENSE"].contains(&file.as_str().unwrap())));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_would_not_install_is_refused() {
    let says = |output: Output| {
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let (folder, made) = archives("krew-bad", &["lockgate"]);
    assert!(says(manifest("https://example.com/", &made)).contains("has no LICENSE"));
    assert!(says(manifest("http://example.com/", &made)).contains("https://"));
    std::fs::remove_dir_all(folder).unwrap();
    assert!(says(manifest("https://example.com/", &made)).contains("is not there"));
}
