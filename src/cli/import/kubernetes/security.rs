//! Security contexts.

use serde_json::{Value, json};

use crate::cli::import::draft::Draft;
use crate::cli::import::finding::child;
use crate::cli::import::source::Source;

/// The Pod's and the container's, of which the container's counts where both say something.
pub(super) fn map(source: &mut Source, draft: &mut Draft, contexts: &[String; 2]) {
    for context in contexts {
        for (from, to) in [("runAsUser", "user"), ("runAsGroup", "group"), ("fsGroup", "fs_group")] {
            let id = source.integer(&child(context, from)).map(|id| id.to_string());
            draft.set(&child("/spec/transform", to), id);
        }
        let seccomp = format!("{context}/seccompProfile/type");
        if source.peek(&seccomp).and_then(Value::as_str) == Some("RuntimeDefault") {
            source.take(&seccomp);
        }
    }
    if is_restricted(source, contexts) {
        draft.set("/spec/security", "Restricted");
        draft.comment("/spec/security", "Sets what the securityContext asked for, and seccomp RuntimeDefault.");
        for context in contexts {
            for name in ["runAsNonRoot", "allowPrivilegeEscalation", "capabilities"] {
                source.take(&child(context, name));
            }
        }
    }
    for context in contexts {
        for (name, says_nothing) in
            [("privileged", false), ("readOnlyRootFilesystem", false), ("allowPrivilegeEscalation", true)]
        {
            if source.peek(&child(context, name)) == Some(&json!(says_nothing)) {
                source.take(&child(context, name));
            }
        }
        for name in ["runAsNonRoot", "allowPrivilegeEscalation", "capabilities"] {
            source.lost(
                &child(context, name),
                "is set together with the others of the Pod Security level restricted: write security: Restricted",
            );
        }
        source.lost(
            &child(context, "readOnlyRootFilesystem"),
            "the container may write to its own file system, which goes with it",
        );
        source.lost(&child(context, "privileged"), "no container of a Pipeline is privileged");
        source.take_empty(context);
    }
}

/// Whether it asks for what `security: Restricted` sets.
fn is_restricted(source: &Source, contexts: &[String; 2]) -> bool {
    let says = |name: &str, value: &Value| {
        let mut all = contexts.iter().filter_map(|context| source.peek(&child(context, name)));
        all.next_back() == Some(value)
    };
    says("runAsNonRoot", &json!(true))
        && says("allowPrivilegeEscalation", &json!(false))
        && says("capabilities", &json!({"drop": ["ALL"]}))
}
