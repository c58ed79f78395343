//! The log of one Pod, to stdout, as it comes: what a run prints is its user's, so that no byte of it is changed.

use std::io::{self, Write};

use futures::AsyncBufReadExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use super::tell;

/// Copies the log of a Pod until its container ends, each line with this prefix. The error says why it could not be begun.
pub(super) async fn copy(pods: Api<Pod>, pod: String, prefix: String) -> (String, Result<(), kube::Error>) {
    let whole = LogParams { follow: true, ..LogParams::default() };
    let mut log = match pods.log_stream(&pod, &whole).await {
        Ok(log) => std::pin::pin!(log),
        Err(error) => return (pod, Err(error)),
    };
    let mut begins = true;
    loop {
        let count = match log.fill_buf().await {
            Ok([]) => break,
            Ok(bytes) => print(&mut io::stdout().lock(), bytes, &prefix, &mut begins).map(|()| bytes.len()),
            Err(error) => Err(error),
        };
        match count {
            Ok(count) => log.consume_unpin(count),
            Err(error) => {
                tell(&format!("the log of Pod {pod} broke off ({error}): see kubectl logs {pod}"));
                break;
            }
        }
    }
    (pod, Ok(()))
}

/// Prints bytes with the prefix before each line that begins in them.
fn print(out: &mut impl Write, bytes: &[u8], prefix: &str, begins: &mut bool) -> io::Result<()> {
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        if *begins {
            out.write_all(prefix.as_bytes())?;
        }
        out.write_all(piece)?;
        *begins = piece.ends_with(b"\n");
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_stands_before_each_line_however_the_bytes_come() {
        let (mut out, mut begins) = (Vec::new(), true);
        for bytes in ["a\nb", "c\n", "\nd"] {
            print(&mut out, bytes.as_bytes(), "[x] ", &mut begins).unwrap();
        }
        assert_eq!(String::from_utf8(out).unwrap(), "[x] a\n[x] bc\n[x] \n[x] d");
    }
}
