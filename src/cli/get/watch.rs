//! `lockgate get --watch`: the list, then a line for each change, by the API server's own table.

use std::io::Write;
use std::time::Duration;

use futures::{TryStreamExt, pin_mut};
use http::header::{ACCEPT, HeaderValue};
use kube::Client;
use kube::api::WatchParams;
use kube::core::WatchEvent;
use serde_json::Value;

use super::table::{Table, without_managed_fields};
use super::{ListFlags, print_objects, tables};
use crate::cli::ask;
use crate::cli::error::Error;
use crate::cli::output::{self, Format};
use crate::cli::states;

/// Between two tries of a watch that broke off.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints what is there and goes on until the process is ended.
pub(super) async fn follow(
    client: &Client,
    namespace: Option<&str>,
    names: &[String],
    flags: &ListFlags,
) -> Result<(), Error> {
    let name = match names {
        [] => None,
        [name] => Some(name.as_str()),
        _ => return Err(Error::Usage("--watch takes one name, or all: leave the others out".into())),
    };
    let accept = match flags.output.output {
        None | Some(Format::Wide) => ask::TABLE,
        Some(_) => ask::JSON,
    };
    let first = tables(client, namespace, names, flags).await?;
    // Objects come with the watch itself: from the version 0 on it begins with what is there.
    let mut version = if accept == ask::TABLE { first.version().to_owned() } else { "0".to_owned() };
    let mut printer = Printer { flags, table: first, widest: Vec::new(), begun: false };
    if accept == ask::TABLE {
        printer.rows()?;
    }
    let watch = kube::core::Request::new(states::path(namespace));
    let fields = name.map(|name| format!("metadata.name={name}"));
    loop {
        let params = WatchParams {
            label_selector: flags.selector.clone(),
            field_selector: fields.clone(),
            ..WatchParams::default()
        };
        let request = watch.watch(&params, &version).map_err(kube::Error::BuildRequest)?;
        let (mut parts, body) = request.into_parts();
        parts.headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let events = client.request_events::<Value>(http::Request::from_parts(parts, body)).await;
        match events {
            Ok(events) => {
                pin_mut!(events);
                // A watch that breaks off is begun anew where it ended.
                while let Ok(Some(event)) = events.try_next().await {
                    match event {
                        WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
                            version = printer.change(object)?.unwrap_or(version);
                        }
                        WatchEvent::Bookmark(_) => {}
                        // What it knew is too old: from now on.
                        WatchEvent::Error(_) => {
                            tables(client, namespace, names, flags).await?.version().clone_into(&mut version);
                            break;
                        }
                    }
                }
            }
            Err(error @ kube::Error::Api(_)) => return Err(error.into()),
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

struct Printer<'a> {
    flags: &'a ListFlags,
    /// What is printed next.
    table: Table,
    /// The widest cell of each column so far, so that rows stand below each other.
    widest: Vec<String>,
    begun: bool,
}

impl Printer<'_> {
    /// Prints a change, a table of one row or an object; its version.
    fn change(&mut self, object: Value) -> Result<Option<String>, Error> {
        let version = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned);
        if object.get("rows").is_some() {
            let version = version("/rows/0/object/metadata/resourceVersion");
            self.table.turn_to(serde_json::from_value(object)?);
            self.rows()?;
            return Ok(version);
        }
        let version = version("/metadata/resourceVersion");
        let mut out = std::io::stdout().lock();
        let format = self.flags.output.output.unwrap_or(Format::Json);
        if format == Format::Yaml && self.begun {
            writeln!(out, "---")?;
        }
        self.begun = true;
        let mut object = object;
        without_managed_fields(&mut object);
        print_objects(&mut out, format, vec![object], true)?;
        out.flush()?;
        Ok(version)
    }

    fn rows(&mut self) -> Result<(), Error> {
        let (wide, with_namespace) = (self.flags.is_wide(), self.flags.namespaces.all_namespaces);
        let rows = self.table.rows(wide, with_namespace);
        let header = self.table.header(wide, with_namespace);
        for cells in rows.iter().chain([&header]) {
            self.widest.resize(self.widest.len().max(cells.len()), String::new());
            for (widest, cell) in self.widest.iter_mut().zip(cells) {
                if cell.chars().count() > widest.chars().count() {
                    widest.clone_from(cell);
                }
            }
        }
        let with_header = !std::mem::replace(&mut self.begun, true) && !self.flags.no_headers;
        let above = [with_header.then(|| header.clone()), Some(self.widest.clone())];
        let all: Vec<Vec<String>> = above.into_iter().flatten().chain(rows).collect();
        let mut text = Vec::new();
        output::table(&mut text, None, &all)?;
        let mut out = std::io::stdout().lock();
        let hidden = usize::from(with_header);
        for (number, line) in String::from_utf8_lossy(&text).lines().enumerate() {
            if number != hidden {
                writeln!(out, "{line}")?;
            }
        }
        Ok(out.flush()?)
    }
}
