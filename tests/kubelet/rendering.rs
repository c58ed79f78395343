//! All forms of what is rendered and of what is not, side by side in one Pod under the strictest rules.

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::{nothing_leaked, printed, receiving, rendering_journey, shell, with};

#[tokio::test]
async fn every_form_arrives_beside_every_other() {
    let Some((space, node)) = rendering_journey("rendered-forms", json!({})).await else {
        return;
    };
    let robot = json!({"metadata": {"name": "robot"}});
    let accounts = space.api::<ServiceAccount>();
    accounts.create(&PostParams::default(), &serde_json::from_value(robot).unwrap()).await.unwrap();
    receiving::secret(&space, "api", json!({"token": "canary-7c1f it's \"$HOME\" $(COST) ü"})).await;
    receiving::secret(&space, "app", json!({"db.user": "a b", "db.url": "x=y:z#ü"})).await;
    receiving::secret(&space, "tls", json!({"ca.crt": "pem"})).await;
    let input = |place: Value| {
        let input = json!({
            "secrets": [{"name": "api", "key": "token", "as": "t"}, {"name": "app"}],
            "template": {"t": "jq(.secrets.t)", "u": "<jq(.secrets.app[\"db.user\"])>", "cost": "jq(.env.COST)", "n": "jq(.index + .run)",
                "who": "jq(.namespace)/jq(.pipeline)/jq(.step)"},
        });
        json!({"input": with(input, place), "env": {"COST": "$5 $(NOBODY) $$"}})
    };
    let image = node.preloaded_image();
    let folder = json!({"user": "1000", "stdin": ["free"], "secrets": [
        {"name": "app", "mount_path": "/etc/app", "format": "properties"},
        {"name": "tls", "mount_path": "/etc/app", "items": [{"key": "ca.crt", "path": "sub/ca.pem", "mode": 0o400}]},
        {"name": "none", "mount_path": "/etc/app", "optional": true},
    ]});
    let script = "ls /lockgate; cat; cat /lockgate/input.json; echo; find /etc/app -type f | sort; cat /etc/app/app.properties /etc/app/sub/ca.pem; echo; ls -ln /etc/app/sub/ca.pem | cut -c1-10; id -u; (echo x > /etc/app/x) 2>&1 | grep -o 'Read-only file system'";
    let file = shell(image, script, with(folder, input(json!({"mount_path": "/lockgate/input.json"}))));
    space.pipeline("file", with(file, json!({"security": "Restricted", "service_account_name": "robot"}))).await;
    let variable = shell(image, "printf '%s\\n' \"$INPUT\" \"$COPY\"", input(json!({"env_var": "INPUT"})));
    let mut variable = variable;
    variable["transform"]["env"]["COPY"] = json!("copy of $(INPUT)");
    space.pipeline("variable", variable).await;

    let rendered = |pipeline: &str, quote: &str| {
        format!(
            r#"{{"cost":"$5 $(NOBODY) $$","n":1,"t":"canary-7c1f it{quote}s \"$HOME\" $(COST) ü","u":"<a b>","who":"rendered-forms/{pipeline}/main"}}"#
        )
    };
    let said = printed(&space, "file").await;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "input.json",
            "stdin",
            "free",
            &rendered("file", "'"),
            "/etc/app/app.properties",
            "/etc/app/sub/ca.pem",
            "db.url=x=y:z#\\u00FC",
            "db.user=a b",
            "pem",
            // 0400, and the Pod's group reads it, as in any Secret's volume.
            "-r--r-----",
            "1000",
            "Read-only file system",
        ]
    );
    let value = rendered("variable", "\\u0027");
    assert_eq!(printed(&space, "variable").await, format!("{value}\ncopy of {value}\n"));
    nothing_leaked(&space).await;
}
