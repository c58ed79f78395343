//! What is in the image, as a [CycloneDX 1.6] document.
//!
//! [CycloneDX 1.6]: https://cyclonedx.org/docs/1.6/json/

use serde_json::{Value, json};

use crate::crates::Crate;
use crate::system::DebianPackage;

/// The document. `created` is RFC 3339; `sha256` is that of the program, `image` the digest of its image.
#[must_use]
pub fn document(crates: &[Crate], packages: &[DebianPackage], created: &str, sha256: &str, image: &str) -> Value {
    let root = crates.iter().find(|one| one.root);
    let mut program = root.map(component).unwrap_or_default();
    if let Some(program) = program.as_object_mut() {
        program.insert("type".into(), "application".into());
        program.insert("hashes".into(), json!([{"alg": "SHA-256", "content": sha256}]));
        program.insert("properties".into(), json!([{"name": "org.opencontainers.image.digest", "value": image}]));
    }
    let components = crates.iter().filter(|one| !one.root).map(component).chain(packages.iter().map(debian));
    let dependencies = crates.iter().map(|one| {
        let used = one.uses.iter().filter_map(|index| crates.get(*index)).map(purl);
        // The program is linked with the libraries.
        let linked = packages.iter().filter(|_| one.root).map(debian_purl);
        json!({"ref": purl(one), "dependsOn": used.chain(linked).collect::<Vec<_>>()})
    });
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": created, "component": program},
        "components": components.collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    })
}

fn component(one: &Crate) -> Value {
    let mut component = json!({
        "type": "library", "bom-ref": purl(one), "name": one.name, "version": one.version, "purl": purl(one),
    });
    if let (Some(component), Some(license)) = (component.as_object_mut(), &one.license) {
        component.insert("licenses".into(), json!([{"expression": license}]));
    }
    component
}

fn debian(package: &DebianPackage) -> Value {
    let purl = debian_purl(package);
    json!({"type": "library", "bom-ref": purl, "name": package.name, "version": package.version, "purl": purl})
}

/// A [package URL](https://github.com/package-url/purl-spec), by which scanners look up what is known of a package.
fn purl(one: &Crate) -> String {
    format!("pkg:cargo/{}@{}", one.name, escaped(&one.version))
}

fn debian_purl(package: &DebianPackage) -> String {
    format!("pkg:deb/debian/{}@{}?arch={}", package.name, escaped(&package.version), package.architecture)
}

/// Percent-encodes what has a meaning of its own in a package URL and may stand in a version.
fn escaped(version: &str) -> String {
    version.replace('%', "%25").replace('+', "%2B").replace(':', "%3A")
}
