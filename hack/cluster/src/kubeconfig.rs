//! Kubeconfig files: one cluster, one token. JSON, which is YAML too.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::encode;
use crate::error::{Action as _, Error, run};
use crate::run_dir::write_private;

/// The content of a kubeconfig.
pub(crate) fn content(server: &str, ca_pem: &[u8], user: &str, token: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lockgate", "cluster": {"server": server, "certificate-authority-data": encode::base64(ca_pem)}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "lockgate", "context": {"cluster": "lockgate", "user": user}}],
        "current-context": "lockgate",
    })
    .to_string()
}

/// Asks the API server for a token of a service account, valid for a day.
pub(crate) fn service_account_token(mut kubectl: Command, namespace: &str, name: &str) -> Result<String, Error> {
    let token = run(kubectl.args(["create", "token", name, "--namespace", namespace, "--duration=24h"]))?;
    Ok(token.trim().to_owned())
}

/// Writes a kubeconfig of a service account to `out`, readable by its owner only. The cluster is the
/// current one of `kubectl`, which must be allowed to create the token.
pub fn write_token_kubeconfig(
    kubectl: impl Fn() -> Command,
    namespace: &str,
    name: &str,
    out: &Path,
) -> Result<(), Error> {
    let view = run(kubectl().args(["config", "view", "--raw", "--minify", "--flatten", "--output=json"]))?;
    let mut config: Value =
        serde_json::from_str(&view).map_err(|error| Error::Unexpected(format!("kubeconfig: {error}")))?;
    let token = service_account_token(kubectl(), namespace, name)?;
    let user =
        config.pointer_mut("/users/0/user").ok_or_else(|| Error::Unexpected("the kubeconfig names no user".into()))?;
    *user = json!({ "token": token });
    write_private(out, config.to_string().as_bytes())
}

/// The certificate authority as it is put into kubeconfigs.
pub(crate) fn read_ca(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).action(|| format!("read {}", path.display()))
}
