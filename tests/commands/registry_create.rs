//! `registry create`: what no output has in it, and what stands where the Registry is refused after its Secret was made.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::shell::Shell;
use crate::support::CANARY;
use crate::wire::Wire;

#[tokio::test(flavor = "multi_thread")]
async fn no_output_has_a_part_of_the_login() {
    let shell = Shell::new("registry-leaks").await;
    let login = format!("ci:{CANARY}");
    shell.file("login", format!("{login}\n"));
    shell.file("no-colon", CANARY);
    shell.file("no-user", format!(":{CANARY}"));
    shell.file("no-text", [CANARY.as_bytes(), b":\xff"].concat());
    let encoded = BASE64_STANDARD.encode(&login);
    let twice = BASE64_STANDARD.encode(format!(r#"{{"auths":{{"leaks.test":{{"auth":"{encoded}"}}}}}}"#));
    let url = "--url leaks.test";
    for line in [
        &format!("lockgate registry create a {url} --data '{login}'"),
        &format!("lockgate registry create a {url} --data '{login}' --replace -o json"),
        &format!("lockgate registry create a {url} --data @login"),
        &format!("lockgate registry create b {url} --data - -o yaml < login"),
        &format!("lockgate registry create c {url} --data-stdin -o name < login"),
        &format!("lockgate registry create d {url} --username ci --password-stdin < no-colon"),
        &format!("lockgate registry create e {url} --data @login --dry-run=client"),
        &format!("lockgate registry create e {url} --data @login --dry-run=server"),
        &format!("lockgate registry create e {url} --data @no-colon"),
        &format!("lockgate registry create e {url} --data @no-user"),
        &format!("lockgate registry create e {url} --data @no-text"),
        &format!("lockgate registry create e {url} --data {CANARY}"),
        &format!("lockgate registry create {url} {login} {login}"),
        &format!("lockgate registry create {login} {url}"),
        &format!("lockgate registry create e --url https://{login}@leaks.test --data @login"),
        &format!("lockgate registry create e {url} --data '{login}' --scope everywhere"),
        &format!("lockgate registry create e {url} --data '{login}' --scope global --secret-namespace nowhere"),
        &format!("lockgate registry create e {url} --data '{login}' --as nobody"),
        &"lockgate registry list -A -o yaml".to_owned(),
        &"lockgate registry inspect a".to_owned(),
        &"lockgate registry inspect a -o json".to_owned(),
        &"lockgate registry test a --timeout 1s".to_owned(),
        &"lockgate registry delete a b c d".to_owned(),
    ] {
        let output = shell.run(line);
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        assert!(!printed.is_empty(), "{line} printed nothing");
        for part in [CANARY, &encoded, &twice] {
            assert!(!printed.contains(part), "{line} printed a part of the login");
        }
    }
    // The one form that is for other tools to take.
    let shown = shell.good(&format!("lockgate registry create e {url} --data @login --dry-run=client -o json"));
    assert!(shown.contains(&twice), "a dry run as JSON has the Secret whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_registry_is_refused_last_it_is_said_what_stands_and_how_to_go_on() {
    let shell = Shell::new("registry-half").await;
    shell.file("login", format!("ci:{CANARY}"));
    // Somebody makes one of that name between the question and the deed. The question is a dry run, and says so first.
    let theirs = r#"{"apiVersion":"lockgate.dev/v1alpha1","kind":"Registry","metadata":{"name":"half"},"spec":{"host":"other.test","secret":{"name":"theirs"}}}"#;
    let file = shell.file("theirs.json", theirs);
    let kubeconfig = shell.folder.join("kubeconfig");
    let kubectl = crate::shared().cluster.binary("kubectl");
    let make = move || {
        let mut create = std::process::Command::new(&kubectl);
        create.env("KUBECONFIG", &kubeconfig).args(["create", "-n", "registry-half", "-f"]).arg(&file);
        assert!(create.output().unwrap().status.success());
    };
    let path = "POST /apis/lockgate.dev/v1alpha1/namespaces/registry-half/registries?&fieldManager";
    let wire = Wire::with_hook(&shell, (path, Box::new(make)));
    let create = "lockgate registry create half --url half.test --data @login";
    let (code, said) = shell.bad(&format!("{create} --server {}", wire.url));
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("secret/half stands in registry-half"), "{said}");
    let go_on = "lockgate registry create half --url half.test --secret half -n registry-half";
    assert!(said.contains(go_on) && said.contains("Registry half is there already"), "{said}");
    assert!(!said.contains(CANARY));

    shell.good("kubectl delete lgr half");
    shell.good(go_on);
    assert_eq!(shell.good("kubectl get lgr half -o jsonpath={.spec.secret.name}"), "half");
}
