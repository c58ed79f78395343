//! Secrets as Table rows: what can be known of them without their values.

use std::collections::BTreeMap;

use http::StatusCode;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{GetParams, ListParams};
use kube::core::Request;
use serde::Deserialize;

use crate::cli::ask;
use crate::cli::error::Error;
use crate::model::managed_by;
use crate::model::secret::{HELM_RELEASE_TYPE, Keys};
use crate::model::table::{self, FieldNames, ManagedFields, Table};

/// A token of a ServiceAccount.
pub(in crate::cli) const TOKEN: &str = "kubernetes.io/service-account-token";

/// A Secret without its values.
#[derive(Debug)]
pub(in crate::cli) struct SecretRow {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Which object it is.
    pub uid: String,
    /// As in `kubernetes.io/tls`.
    pub type_: String,
    /// When it was made.
    pub created: Timestamp,
    /// How many keys it has.
    pub count: usize,
    /// Their names, where they are known.
    pub keys: Keys,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The objects that it goes with, as in `Certificate/web`.
    pub owners: Vec<String>,
    /// Who makes it anew, or what says so; `None`: nothing does.
    pub managed_by: Option<&'static str>,
    /// Whether `immutable` was ever written to it, be it `true` or `false`.
    pub may_be_immutable: bool,
}

/// Metadata as commands need it. Of annotations the names only: kubectl keeps a copy of the values in one of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    namespace: String,
    name: String,
    uid: String,
    creation_timestamp: Timestamp,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: FieldNames,
    #[serde(default)]
    owner_references: Vec<Owner>,
    #[serde(default)]
    managed_fields: Vec<ManagedFields>,
}

#[derive(Deserialize)]
struct Owner {
    kind: String,
    name: String,
}

/// Marks of tools that make Secrets, besides those that mark whatever they manage.
const MARKS: [(&str, &str); 3] = [
    ("reconcile.external-secrets.io/managed", "External Secrets (label reconcile.external-secrets.io/managed)"),
    ("reconcile.external-secrets.io/created-by", "External Secrets (label reconcile.external-secrets.io/created-by)"),
    ("cert-manager.io/certificate-name", "cert-manager (annotation cert-manager.io/certificate-name)"),
];

impl SecretRow {
    /// Why `delete --all` leaves it; `None`: it does not.
    pub(in crate::cli) fn is_kept(&self) -> Option<String> {
        match (self.type_.as_str(), self.owners.first()) {
            (HELM_RELEASE_TYPE, _) => Some("a release of Helm".to_owned()),
            (TOKEN, _) => Some("a token of a ServiceAccount".to_owned()),
            (_, Some(owner)) => Some(format!("it belongs to {owner}")),
            _ => None,
        }
    }
}

/// The Secrets that the server selects, by namespace and name; `None`: of all namespaces.
pub(in crate::cli) async fn list(
    client: &Client,
    namespace: Option<&str>,
    params: &ListParams,
) -> Result<Vec<SecretRow>, Error> {
    let path = ask::path("/api/v1", namespace, "secrets");
    let pages = ask::pages::<Table<Metadata>>(client, &path, params, ask::TABLE).await?;
    let rows: Result<Vec<Vec<SecretRow>>, Error> = pages.into_iter().map(rows).collect();
    Ok(rows?.into_iter().flatten().collect())
}

/// One Secret; `None`: there is none of that name. Who may not get it may perhaps list it.
pub(in crate::cli) async fn get(client: &Client, namespace: &str, name: &str) -> Result<Option<SecretRow>, Error> {
    let path = ask::path("/api/v1", Some(namespace), "secrets");
    let request = Request::new(path).get(name, &GetParams::default()).map_err(kube::Error::BuildRequest)?;
    match ask::ask::<Table<Metadata>>(client, request, ask::TABLE).await {
        Ok(table) => Ok(rows(table)?.into_iter().next()),
        Err(error) if error.status_code() == Some(StatusCode::NOT_FOUND) => Ok(None),
        Err(refused) if refused.status_code() == Some(StatusCode::FORBIDDEN) => {
            let params = ListParams::default().fields(&format!("metadata.name={name}"));
            let listed = list(client, Some(namespace), &params).await.map_err(|_| refused)?;
            Ok(listed.into_iter().next())
        }
        Err(error) => Err(error),
    }
}

fn rows(mut table: Table<Metadata>) -> Result<Vec<SecretRow>, Error> {
    let objects = std::mem::take(&mut table.rows);
    let mut rows = Vec::with_capacity(objects.len());
    for row in objects {
        let lacks = |what| Error::Findings(format!("the API server's Table has no {what}"));
        let type_ = table.text(&row, "Type").ok_or_else(|| lacks("Type"))?.to_owned();
        let count = table.number(&row, "Data").ok_or_else(|| lacks("count of keys"))?;
        rows.push(secret(row.object.metadata, type_, count));
    }
    Ok(rows)
}

fn secret(metadata: Metadata, type_: String, count: usize) -> SecretRow {
    let annotations: BTreeMap<String, String> =
        metadata.annotations.0.into_iter().map(|name| (name, String::new())).collect();
    let marked = |(mark, _): &&(&str, &str)| metadata.labels.contains_key(*mark) || annotations.contains_key(*mark);
    let tool = managed_by::tool(Some(&metadata.labels), Some(&annotations));
    SecretRow {
        keys: table::keys(&metadata.managed_fields, count),
        managed_by: tool.or_else(|| MARKS.iter().find(marked).map(|(_, whose)| *whose)),
        may_be_immutable: metadata.managed_fields.iter().any(ManagedFields::wrote_immutable),
        owners: metadata.owner_references.iter().map(|Owner { kind, name }| format!("{kind}/{name}")).collect(),
        namespace: metadata.namespace,
        name: metadata.name,
        uid: metadata.uid,
        created: metadata.creation_timestamp,
        labels: metadata.labels,
        type_,
        count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn table(metadata: &Value) -> SecretRow {
        let mut whole =
            json!({"name": "db", "namespace": "team-a", "uid": "u", "creationTimestamp": "2026-11-22T13:00:00Z"});
        whole.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        let table = json!({"metadata": {"continue": ""},
            "columnDefinitions": [{"name": "Name"}, {"name": "Type"}, {"name": "Data"}, {"name": "Age"}],
            "rows": [{"cells": ["db", "Opaque", 1, "1s"], "object": {"metadata": whole}}]});
        let table = Table::decode(table.to_string().as_bytes()).unwrap();
        rows(table).unwrap().pop().unwrap()
    }

    #[test]
    fn what_kubectl_keeps_in_an_annotation_is_not_kept_here() {
        let row = table(&json!({
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary-7c1f"},
            "managedFields": [{"fieldsV1": {"f:data": {"f:password": {}}, "f:immutable": {}}}],
        }));
        assert_eq!((row.count, row.keys.clone()), (1, Keys::Known(["password".to_owned()].into())));
        assert!(row.may_be_immutable);
        assert!(!format!("{row:?}").contains("canary"));
    }

    #[test]
    fn who_makes_it_anew_is_told_by_marks() {
        for (metadata, whose) in [
            (json!({"labels": {"argocd.argoproj.io/instance": "x"}}), Some("Argo CD")),
            (json!({"labels": {"reconcile.external-secrets.io/managed": "true"}}), Some("External Secrets")),
            (json!({"annotations": {"cert-manager.io/certificate-name": "web"}}), Some("cert-manager")),
            (json!({"labels": {"team": "a"}}), None),
        ] {
            let found = table(&metadata).managed_by.and_then(|text| text.split(" (").next());
            assert_eq!(found, whose);
        }
    }

    #[test]
    fn what_belongs_to_others_is_kept() {
        let owned =
            json!({"ownerReferences": [{"apiVersion": "v1", "kind": "Certificate", "name": "web", "uid": "o"}]});
        assert_eq!(table(&owned).is_kept().as_deref(), Some("it belongs to Certificate/web"));
        let mut row = table(&json!({}));
        assert_eq!(row.is_kept(), None);
        row.type_ = HELM_RELEASE_TYPE.into();
        assert_eq!(row.is_kept().as_deref(), Some("a release of Helm"));
        row.type_ = TOKEN.into();
        assert_eq!(row.is_kept().as_deref(), Some("a token of a ServiceAccount"));
    }
}
