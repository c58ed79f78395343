//! `secret create` beside the real kubectl: what is typed the same makes the same Secret.

use std::path::Path;

use serde_json::{Value, json};

use crate::shell::Shell;
use crate::support::CANARY;

/// What stands behind `create secret`, in forms that differ in one thing each.
pub const FORMS: [&str; 48] = [
    "generic NAME",
    "generic NAME --from-literal=a=canary-7c1f",
    "generic NAME --from-literal a=canary-7c1f --from-literal b=canary-7c1f-2",
    "generic NAME --from-literal=a=canary-7c1f=with=signs",
    "generic NAME --from-literal=a=",
    "generic NAME --from-literal=a=-canary-7c1f",
    "generic NAME --from-literal=a='canary-7c1f <&> \"quoted\" \\ ö €'",
    "generic NAME --from-literal=a=canary-7c1f,b=canary-7c1f",
    "generic NAME --from-literal=.hidden=canary-7c1f --from-literal=UP_per-9.x=canary-7c1f",
    "generic NAME --from-literal=on=canary-7c1f --from-literal=1=canary-7c1f --from-literal=null=canary-7c1f",
    "generic NAME --from-file=password",
    "generic NAME --from-file=./password",
    "generic NAME --from-file=folder/../password",
    "generic NAME --from-file=key=password",
    "generic NAME --from-file=password,other=password",
    "generic NAME --from-file=bytes",
    "generic NAME --from-file=empty",
    "generic NAME --from-file=folder",
    "generic NAME --from-file=folder/",
    "generic NAME --from-file=folder --from-file=password --from-literal=z=canary-7c1f",
    "generic NAME --from-file=link",
    "generic NAME --from-file=key=<(echo canary-7c1f)",
    "generic NAME --from-env-file=values.env",
    "generic NAME --from-env-file=values.env --from-env-file=more.env",
    "generic NAME --from-env-file=windows.env",
    "generic NAME --from-env-file=environment.env",
    "generic NAME --type=example.com/own --from-literal=a=canary-7c1f",
    "generic NAME --type=kubernetes.io/basic-auth --from-literal=username=ci --from-literal=password=canary-7c1f",
    "generic NAME --type=kubernetes.io/ssh-auth --from-file=ssh-privatekey=password",
    "generic NAME --type=kubernetes.io/dockercfg --from-file=.dockercfg=dockercfg",
    "generic NAME --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson=config.json",
    "generic NAME --from-literal=a=canary-7c1f --append-hash",
    "generic NAME --type='a<&>b' --from-literal=a=canary-7c1f --append-hash=true",
    "generic NAME --append-hash",
    "generic NAME --from-literal=a=canary-7c1f --append-hash=false",
    "generic --from-literal=a=canary-7c1f NAME --validate=ignore",
    "tls NAME --cert=rsa.crt --key=rsa.key",
    "tls NAME --cert rsa.crt --key rsa.pkcs1",
    "tls NAME --cert=chain.crt --key=rsa.key --append-hash",
    "tls NAME --cert=ec.crt --key=ec.key",
    "tls NAME --cert=ed.crt --key=ed.key",
    "tls NAME --cert=version1.crt --key=rsa.key",
    "docker-registry NAME --docker-username=ci --docker-password=canary-7c1f",
    "docker-registry NAME --docker-username=ci --docker-password=canary-7c1f --docker-email=ci@example.com",
    "docker-registry NAME --docker-server=registry.example.com:5000/team --docker-username=ci --docker-password=canary-7c1f",
    "docker-registry NAME --docker-server=r.test --docker-username='<ö>' --docker-password='canary-7c1f:\"&\\' --docker-email=",
    "docker-registry NAME --docker-server=r.test --docker-username=ci --docker-password=canary-7c1f --append-hash",
    "docker-registry NAME --from-file=config.json",
];

/// The files that the forms speak of.
pub fn files(shell: &Shell) {
    shell.file("password", format!("{CANARY}\n"));
    shell.file("bytes", [&[0, 255, 10, 13][..], CANARY.as_bytes()].concat());
    shell.file("empty", "");
    shell.file("folder/one", CANARY);
    shell.file("folder/two.txt", CANARY);
    shell.file("folder/below/three", CANARY);
    shell.file("values.env", format!("\u{feff}# none\n\n  A={CANARY}\nB.c-d= {CANARY} \nC='{CANARY}'\nD=\n\t#E=1\n"));
    shell.file("more.env", format!("E={CANARY}=x"));
    shell.file("windows.env", format!("A={CANARY}\r\nB=2\r\n"));
    shell.file("environment.env", "FROM_OUTSIDE\nEMPTY_OUTSIDE\n");
    shell.file("config.json", r#"{"auths": {"r.test": {"auth": "Y2k6Y2FuYXJ5LTdjMWY="}}}"#);
    shell.file("dockercfg", r#"{"r.test": {"username": "ci", "password": "canary-7c1f"}}"#);
    shell.good("ln -s ../password folder/link && ln -s password link");
    let certificate = "openssl req -x509 -nodes -days 3650 -subj /CN=example.test";
    shell.good(&format!("{certificate} -newkey rsa:2048 -keyout rsa.key -out rsa.crt 2>&1"));
    shell.good(&format!("{certificate} -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout ec.key -out ec.crt 2>&1"));
    shell.good(&format!("{certificate} -newkey ed25519 -keyout ed.key -out ed.crt 2>&1"));
    shell.good("openssl rsa -in rsa.key -traditional -out rsa.pkcs1 2>&1");
    shell.good("cat rsa.crt ec.crt > chain.crt");
    shell.good("openssl req -new -key rsa.key -subj /CN=example.test -out request 2>&1 && openssl x509 -req -in request -signkey rsa.key -out version1.crt 2>&1");
}

/// A line of bash that runs both in the same surroundings.
fn line(program: &str, form: &str, more: &str) -> String {
    format!("FROM_OUTSIDE=canary-7c1f {program} create secret {form} {more}")
}

fn secrets(shell: &Shell, name: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(&shell.good("kubectl get secrets -o json")).unwrap();
    let all = list["items"].as_array().unwrap().iter();
    let is_ours = |secret: &&Value| secret["metadata"]["name"].as_str().unwrap().starts_with(name);
    all.filter(is_ours).map(bare).collect()
}

/// Without what differs between any two objects.
fn bare(secret: &Value) -> Value {
    let mut secret = secret.clone();
    let metadata = secret["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
        metadata.remove(field);
    }
    secret
}

#[tokio::test]
async fn what_is_printed_is_kubectls_byte_for_byte() {
    let shell = Shell::new("create-dry-run").await;
    tokio::task::spawn_blocking(move || {
        files(&shell);
        for form in FORMS {
            let form = form.replace("NAME", "some");
            for more in [
                "--dry-run=client -o json",
                "--dry-run=client -o yaml -n there",
                "--dry-run=client",
                "--dry-run=client -o name",
            ] {
                let theirs = shell.good(&line("kubectl", &form, more));
                let ours = shell.good(&line("lockgate", &form, more));
                assert_eq!(ours, theirs, "{form} {more}");
                // The other word order.
                let other = format!("FROM_OUTSIDE=canary-7c1f lockgate secret create {form} {more}");
                assert_eq!(shell.good(&other), theirs, "{other}");
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_server_has_the_same_secret_as_from_kubectl_and_from_what_kubectl_prints() {
    let shell = Shell::new("create-equal").await;
    tokio::task::spawn_blocking(move || {
        files(&shell);
        for form in FORMS {
            // One after the other under the same name: the hash covers the name.
            let form = form.replace("NAME", "some");
            let mut made = Vec::new();
            let print = line("kubectl", &form, "--dry-run=client -o");
            for (how, says) in [
                (line("kubectl", &form, ""), true),
                (line("lockgate", &form, ""), true),
                (format!("{print} json | lockgate secret create -f -"), true),
                (format!("{print} yaml | lockgate create secret -f -"), true),
                (line("lockgate", &form, "--dry-run=server"), false),
            ] {
                let printed = shell.good(&how);
                let secrets = secrets(&shell, "some");
                if says {
                    assert_eq!(secrets.len(), 1, "{how}");
                    let name = secrets[0]["metadata"]["name"].as_str().unwrap();
                    assert_eq!(printed, format!("secret/{name} created\n"), "{how}");
                    shell.good(&format!("kubectl delete secret {name}"));
                    made.push((how, secrets));
                } else {
                    assert!(printed.ends_with(" created (server dry run)\n"), "{printed}");
                    assert_eq!(secrets, [] as [Value; 0], "{how} created it");
                }
            }
            let (_, theirs) = &made[0];
            for (how, ours) in &made {
                assert_eq!(ours, theirs, "{how}");
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_kubectl_refuses_is_refused() {
    let shell = Shell::new("create-refused").await;
    tokio::task::spawn_blocking(move || {
        files(&shell);
        shell.file("bad.env", format!("A B={CANARY}\n"));
        shell.file("bytes.env", [b"A=\xff", CANARY.as_bytes()].concat());
        shell.file("bad-names/a b", CANARY);
        shell.file("garbage.key", format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"));
        shell.good("openssl rsa -in rsa.key -aes128 -passout pass:canary-7c1f -out locked.key 2>&1");
        shell.file("text.json", CANARY);
        for (form, says) in [
            ("generic", "NAME"),
            ("generic a b", "3 words"),
            ("generic UP --from-literal=a=canary-7c1f", "cannot be a name"),
            ("generic NAME --from-literal=canary-7c1f", "--from-literal, number 1"),
            ("generic NAME --from-literal==canary-7c1f", "--from-literal, number 1"),
            ("generic NAME --from-literal=a/b=canary-7c1f", "number 1: what stands before '=' cannot be a key"),
            ("generic NAME --from-literal=canary-7c1f/x==", "number 1: what stands before '=' cannot be a key"),
            ("generic NAME --from-literal=..a=canary-7c1f", "what stands before '=' cannot be a key"),
            ("generic NAME --from-literal=a=canary-7c1f --from-literal=a=canary-7c1f", "the key a is given twice"),
            ("generic NAME --from-file=missing", "missing cannot be read"),
            ("generic NAME --from-file==password", "--from-file"),
            ("generic NAME --from-file=a=", "--from-file"),
            ("generic NAME --from-file=a=b=password", "--from-file"),
            ("generic NAME --from-file=key=folder", "a folder has no key"),
            ("generic NAME --from-file=bad-names", "a b cannot be a key"),
            ("generic NAME --from-env-file=bad.env", "bad.env, line 1"),
            ("generic NAME --from-env-file=bytes.env", "bytes.env, line 1"),
            ("generic NAME --from-env-file=folder", "folder cannot be read"),
            (
                "generic NAME --from-env-file=values.env --from-literal=z=canary-7c1f",
                "--from-env-file does not go with",
            ),
            ("generic NAME --from-literal=a=canary-7c1f --type=kubernetes.io/tls", "tls.crt"),
            ("generic NAME --type=kubernetes.io/ssh-auth --from-file=ssh-privatekey=empty", "ssh-privatekey is empty"),
            ("generic NAME --type=kubernetes.io/basic-auth --from-literal=a=canary-7c1f", "username, password"),
            ("tls NAME --cert=rsa.crt", "--key"),
            ("tls NAME --cert=rsa.crt --key=ec.key", "does not belong to"),
            ("tls NAME --cert=ec.crt --key=rsa.key", "does not belong to"),
            ("tls NAME --cert=password --key=rsa.key", "no certificate"),
            ("tls NAME --cert=rsa.crt --key=password", "no private key"),
            ("tls NAME --cert=rsa.crt --key=garbage.key", "private key"),
            ("tls NAME --cert=rsa.crt --key=locked.key", "passphrase"),
            ("docker-registry NAME --docker-username=ci", "--docker-password"),
            ("docker-registry NAME --docker-password=canary-7c1f", "--docker-username"),
            (
                "docker-registry NAME --docker-server= --docker-username=ci --docker-password=canary-7c1f",
                "cannot be empty",
            ),
            ("docker-registry NAME --from-file=text.json", "is no JSON"),
            ("docker-registry NAME --from-file=other=config.json", "has to have the key .dockerconfigjson"),
            ("unknown NAME", "the first of two words is the type"),
        ] {
            let form = form.replace("NAME", "some");
            let (_, theirs) = shell.bad(&line("kubectl", &form, ""));
            assert!(!theirs.is_empty());
            for program in ["lockgate create secret", "lockgate secret create"] {
                let output = shell.run(&format!("{program} {form}"));
                let printed = [output.stdout, output.stderr].concat();
                let printed = String::from_utf8(printed).unwrap();
                assert!(matches!(output.status.code(), Some(1 | 2)), "{form}: {printed}");
                assert!(printed.contains(says), "{form}: {printed}");
                assert!(!printed.contains(CANARY), "{form} shows a value: {printed}");
            }
        }
        assert_eq!(secrets(&shell, ""), [] as [Value; 0]);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn every_type_is_created_and_found_by_a_pipeline() {
    let shell = Shell::new("create-types").await;
    let space = shell.space.clone();
    let names = tokio::task::spawn_blocking(move || {
        files(&shell);
        let forms = [
            ("opaque", "generic NAME --from-literal=key=canary-7c1f", "key"),
            ("own", "generic NAME --type=example.com/own --from-literal=key=canary-7c1f", "key"),
            ("basic", "generic NAME --type=kubernetes.io/basic-auth --from-literal=password=canary-7c1f", "password"),
            ("ssh", "generic NAME --type=kubernetes.io/ssh-auth --from-file=ssh-privatekey=password", "ssh-privatekey"),
            ("cfg", "generic NAME --type=kubernetes.io/dockercfg --from-file=.dockercfg=dockercfg", ".dockercfg"),
            ("config", "docker-registry NAME --docker-username=ci --docker-password=canary-7c1f", ".dockerconfigjson"),
            ("tls", "tls NAME --cert=rsa.crt --key=rsa.key", "tls.key"),
            ("bootstrap", "generic NAME --type=bootstrap.kubernetes.io/token --from-literal=token-id=abcdef", "token-id"),
        ];
        for (name, form, _) in forms {
            shell.good(&format!("lockgate secret create {}", form.replace("NAME", name)));
        }
        // A token of a ServiceAccount is not created here; one that is there can be named.
        let token = "generic token --type=kubernetes.io/service-account-token --from-literal=extra=canary-7c1f";
        let (code, says) = shell.bad(&format!("lockgate secret create {token}"));
        assert_eq!(code, 1);
        assert!(says.contains("kubernetes.io/service-account-token") && says.contains("kubectl create token"), "{says}");
        shell.file(
            "token.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: token, annotations: {kubernetes.io/service-account.name: default}}\ntype: kubernetes.io/service-account-token\n",
        );
        let (code, says) = shell.bad("lockgate secret create -f token.yaml");
        assert_eq!(code, 1);
        assert!(says.contains("kubernetes.io/service-account-token"), "{says}");
        shell.good("kubectl create -f token.yaml");
        forms.map(|(name, _, key)| (name, key))
    })
    .await
    .unwrap();
    // The controller fills the token in.
    space
        .until::<k8s_openapi::api::core::v1::Secret>("token", "has a token", |secret| {
            secret.data.as_ref().is_some_and(|data| data.contains_key("token"))
        })
        .await;
    let all: Vec<_> = names.into_iter().chain([("token", "token")]).collect();
    let uses: Vec<Value> = all
        .iter()
        .enumerate()
        .flat_map(|(at, (name, key))| {
            [
                json!({"name": name, "env_var": format!("VALUE_{at}"), "key": key}),
                json!({"name": name, "mount_path": format!("/etc/{name}")}),
            ]
        })
        .collect();
    space.pipeline("all", json!({"transform": {"image": "registry.test/x:1", "secrets": uses}})).await;
    let count = uses.len();
    space
        .until("all", "resolved", move |pipeline: &lockgate::api::pipeline::Pipeline| {
            let states = crate::support::states(pipeline);
            states.len() == count && states.iter().all(|state| state.ends_with("Resolved"))
        })
        .await;
}

#[tokio::test]
async fn writers_at_the_same_time_lose_nothing() {
    const WRITERS: usize = 4; // Of these one loses three times at most, and five tries are made.
    let shell = Shell::new("create-race").await;
    tokio::task::spawn_blocking(move || {
        shell.good("lockgate secret create regcred --docker-username=ci --docker-password=canary-7c1f");
        shell.good("lockgate secret create generic db --from-literal=a=canary-7c1f");
        std::thread::scope(|scope| {
            for at in 0..WRITERS {
                let shell = &shell;
                scope.spawn(move || {
                    shell.good(&format!(
                        "lockgate secret create regcred --add --docker-server=r{at}.test --docker-username=ci --docker-password=canary-7c1f"
                    ));
                    shell.good(&format!("lockgate secret set db key{at}=canary-7c1f"));
                });
            }
        });
        let config = "kubectl get secret regcred -o go-template='{{index .data \".dockerconfigjson\" | base64decode}}'";
        let config: Value = serde_json::from_str(&shell.good(config)).unwrap();
        assert_eq!(config["auths"].as_object().unwrap().len(), WRITERS + 1, "{config}");
        let data: Value = serde_json::from_str(&shell.good("kubectl get secret db -o jsonpath='{.data}'")).unwrap();
        assert_eq!(data.as_object().unwrap().len(), WRITERS + 1);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_label_alone_is_written_by_another_manager_than_the_values() {
    let shell = Shell::new("create-label").await;
    tokio::task::spawn_blocking(move || {
        shell.good("lockgate secret create generic db --from-literal=a=canary-7c1f --expires-on=2027-01-01");
        shell.good("lockgate secret set db --expires-on=2027-06-30");
        let fields = "kubectl get secret db --show-managed-fields -o json";
        let secret: Value = serde_json::from_str(&shell.good(fields)).unwrap();
        let managers = secret["metadata"]["managedFields"].as_array().unwrap();
        let owner = |field: &str| {
            let owns = |entry: &&Value| !entry["fieldsV1"].pointer(field).unwrap_or(&Value::Null).is_null();
            managers.iter().filter(owns).map(|entry| entry["manager"].as_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(owner("/f:data/f:a"), ["lockgate-cli"]);
        assert_eq!(owner("/f:metadata/f:labels/f:lockgate.dev~1expires-on"), ["lockgate-cli-labels"]);
    })
    .await
    .unwrap();
}

#[test]
fn no_command_of_the_transcripts_that_fails_shows_a_value() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/transcripts");
    let mut failed = 0;
    for name in ["create", "create-limits", "create-manifests", "coming-from-pi", "set"] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
        for block in text.split("\n\n").filter(|block| block.lines().last().is_some_and(|line| line.starts_with("? ")))
        {
            let printed: Vec<&str> =
                block.lines().filter(|line| !line.starts_with("$ ") && !line.starts_with("# ")).collect();
            assert!(!printed.concat().contains(CANARY), "{name}: {block}");
            failed += 1;
        }
    }
    assert!(failed > 30, "only {failed} commands fail");
}

#[tokio::test]
async fn the_encodings_of_the_aks_page_are_what_its_commands_print() {
    let page = include_str!("../../docs/coming-from/aks.md");
    let shell = Shell::new("create-aks").await;
    tokio::task::spawn_blocking(move || {
        let shown: Vec<(&str, &str)> = page
            .split("```text\n$ ")
            .skip(1)
            .map(|rest| rest.split_once("\n```").unwrap().0.split_once('\n').unwrap())
            .collect();
        assert_eq!(shown.len(), 2);
        for (line, printed) in &shown {
            assert_eq!(shell.good(line), *printed, "{line}");
        }
        // The first goes into the second, the second into the manifest.
        let [(_, auth), (file, data)] = shown[..] else { panic!("two are shown") };
        assert!(file.contains(auth));
        let (_, manifest) = page.split_once("```yaml\n").unwrap();
        let (manifest, _) = manifest.split_once("```").unwrap();
        assert!(manifest.contains(data));
        // It is what one command makes.
        shell.file("manifest.yaml", manifest);
        shell.good("lockgate secret create -f manifest.yaml");
        let by_hand = secrets(&shell, "acr-secret");
        shell.good("kubectl delete secret acr-secret");
        let command = page.lines().find(|line| line.contains("lockgate secret create docker-registry")).unwrap();
        shell.good(&command.replace("--expires-on=2027-06-30", ""));
        assert_eq!(secrets(&shell, "acr-secret"), by_hand);
    })
    .await
    .unwrap();
}
