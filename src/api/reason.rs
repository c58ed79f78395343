//! Closed sets of words that machines compare: phases, states, reasons. Free text lives in messages only.

use serde::{Deserialize, Serialize};

/// Declares a closed set: the enum, its wire form and the list of all its members.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every member, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word as it stands in status, events and metrics.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

closed_set! {
    /// One word for people, derived from the conditions.
    Phase {
        /// At least one reference is not there yet.
        Waiting,
        /// Everything is there; the Pods do not run yet.
        Starting,
        /// The Pods run.
        Running,
        /// The run ended well.
        Succeeded,
        /// The run ended badly, or the Pipeline is not valid.
        Failed,
        /// Nothing starts while `spec.suspend` is true.
        Suspended,
    }
}

closed_set! {
    /// Where a step, or one of its Pods, stands.
    StepState {
        /// A step that it needs has not ended.
        Pending,
        /// One of its references is not there yet.
        Waiting,
        /// Everything is there; it does not run yet.
        Starting,
        /// It runs.
        Running,
        /// It ended well.
        Succeeded,
        /// It ended badly.
        Failed,
        /// It does not start, because another step failed or the run's time is over.
        Skipped,
        /// It does not start while `spec.suspend` is true.
        Suspended,
    }
}

impl StepState {
    /// Whether nothing more comes of it in its run.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Skipped)
    }
}

closed_set! {
    /// The type of a condition.
    ConditionType {
        /// The Pipeline does, or did, what it was asked to.
        Ready,
        /// Every reference is good.
        SecretsResolved,
        /// The run of a Job ended well.
        Complete,
        /// A Secret's label `lockgate.dev/expires-on` names a day that is near or past. Present only while True.
        CredentialExpiring,
        /// kstatus: on its way. Present only while True.
        Reconciling,
        /// kstatus: will not get on without a change. Present only while True.
        Stalled,
    }
}

closed_set! {
    /// The state of one reference.
    ReferenceState {
        /// The Secret is there, of a fitting type, with its key.
        Resolved,
        /// There is no such object, or it is being deleted.
        NotFound,
        /// The Secret has no such key.
        KeyMissing,
        /// The Secret is there; which keys it has is not known, so the kubelet decides.
        KeyUnverified,
        /// A pull secret that is no docker config: the kubelet would skip it in silence.
        WrongType,
        /// Lockgate may not look at it.
        Forbidden,
        /// Optional, and not there.
        Absent,
        /// Not looked at yet, or the installation grants no access to Secrets.
        Unchecked,
    }
}

closed_set! {
    /// Where a reference is used.
    ReferenceUse {
        /// One key as an environment variable.
        Env,
        /// Every key as an environment variable.
        EnvPrefix,
        /// Keys as files.
        Mount,
        /// Named by the expressions of an input.
        Input,
        /// Credentials for the image's registry.
        ImagePull,
        /// A claim, or a ConfigMap's files.
        Volume,
    }
}

closed_set! {
    /// The kind of what is referred to, where it is no Secret.
    ObjectKind {
        /// Files.
        ConfigMap,
        /// Storage.
        PersistentVolumeClaim,
    }
}

closed_set! {
    /// What started a run.
    RunCause {
        /// The Pipeline was made.
        Created,
        /// A field that defines the work was changed.
        SpecChanged,
        /// The annotation `lockgate.dev/run-requested-at` was set anew.
        Requested,
    }
}

closed_set! {
    /// Why a condition stands as it does, and why an event was sent.
    Reason {
        /// `SecretsResolved`: every reference is good.
        AllResolved,
        /// `SecretsResolved`: no Secret is looked at, since the installation grants no access to any.
        SecretsNotLookedAt,
        /// At least one Secret, or a key of one, is missing or of the wrong type.
        WaitingForSecrets,
        /// At least one ConfigMap or PersistentVolumeClaim is missing.
        WaitingForVolumes,
        /// Lockgate may not look at a Secret that is named.
        SecretForbidden,
        /// Lockgate may not look at the ConfigMaps or PersistentVolumeClaims.
        VolumeForbidden,
        /// The ServiceAccount of the Pods does not exist.
        ServiceAccountNotFound,
        /// What the API server knows could not be read yet.
        NotRead,
        /// A Secret is missing and `on_missing_secret` is `Fail`.
        SecretMissing,
        /// The wait for Secrets reached `missing_secret_timeout`.
        MissingSecretTimeout,
        /// The spec breaks a rule.
        InvalidSpec,
        /// The stored object cannot be read by this version.
        Unreadable,
        /// Pods do not run yet.
        PodsStarting,
        /// A Pod of an earlier run has to end first.
        EndingOldRun,
        /// The API server refused the Pod.
        PodRefused,
        /// The refusal was a ResourceQuota's or a LimitRange's.
        QuotaExceeded,
        /// The refusal was Pod Security's.
        PodSecurityRefused,
        /// A Pod that is not ours has the name of ours.
        NameConflict,
        /// The Pods run.
        PodsRunning,
        /// The run ended well.
        Succeeded,
        /// The container ended badly.
        PodFailed,
        /// What `input` or `format: properties` asks for cannot be rendered.
        InvalidInput,
        /// A try failed; the next one comes after a pause.
        RetryBackoff,
        /// The run took longer than its `timeout`.
        TimedOut,
        /// Pods of a Service are exchanged for fresh ones.
        Rolling,
        /// A fresh Pod of a Service is not ready within `progress_deadline`; the others are left as they are.
        RollStuck,
        /// `spec.suspend` is true.
        Suspended,
        /// A write to the API server failed and is tried again.
        WriteFailed,
        /// `CredentialExpiring`: the day that a Secret's label names is at most 14 days away.
        ExpiresSoon,
        /// `CredentialExpiring`: the day that a Secret's label names is past.
        Expired,
        /// `CredentialExpiring`: a Secret's label `lockgate.dev/expires-on` is no date.
        ExpiryUnreadable,
    }
}

closed_set! {
    /// Why a Registry is ready or not.
    RegistryReason {
        /// Its Secret is there, of a type that the kubelet reads.
        SecretResolved,
        /// There is no such Secret.
        SecretNotFound,
        /// The Secret is no pull secret: the kubelet would skip it in silence.
        WrongType,
        /// Lockgate may not look at the Secret.
        SecretForbidden,
        /// What the API server knows of the Secret could not be read yet.
        NotRead,
        /// No Secret is looked at, since the installation grants no access to any.
        SecretsNotLookedAt,
        /// `host` is not the host of any image.
        InvalidHost,
        /// The spec cannot be read by this version.
        InvalidSpec,
    }
}

closed_set! {
    /// What keeps a Pod from running, in the kubelet's and the scheduler's words, sorted by cause.
    Trouble {
        /// No node takes the Pod.
        Unschedulable,
        /// The kubelet cannot read the image's name.
        InvalidImageName,
        /// The registry wants other credentials, or any.
        ImageUnauthorized,
        /// The credentials are good, but do not cover this image.
        ImageForbidden,
        /// The registry has no such image or tag.
        ImageNotFound,
        /// The registry does not answer.
        RegistryUnreachable,
        /// The registry's certificate is not trusted, or it does not speak TLS.
        RegistryTls,
        /// A listed pull secret cannot be parsed, which fails every image of the Pod.
        PullSecretMalformed,
        /// `image_pull_policy: Never`, and the node does not hold the image.
        ImageNeverPull,
        /// The image could not be pulled for another reason.
        ImagePullFailed,
        /// A Secret or key that the container needs went away, or was never there.
        SecretGone,
        /// The image would run as root, which `security: Restricted` forbids.
        RootImage,
        /// The kubelet could not set the container up.
        ContainerConfig,
        /// The container could not be started, as where its command does not exist.
        ContainerStart,
        /// A volume could not be mounted.
        VolumeMount,
        /// The container of a Service ends again and again.
        CrashLoop,
    }
}

closed_set! {
    /// Why a ClusterRegistry's `Ready` is what it is. The worst that holds is named; the message names all.
    ClusterRegistryReason {
        /// Its spec cannot be read.
        Invalid,
        /// Its Secret is in a namespace that the projector was not given.
        SourceNamespaceNotAllowed,
        /// The projector may not read Secrets there.
        SourceForbidden,
        /// Its Secret is not there.
        SecretNotFound,
        /// Its Secret is no pull secret.
        WrongType,
        /// Its Secret has nothing for its host.
        NoEntryForHost,
        /// Its Secret has an entry for its host that no kubelet can use.
        EntryMalformed,
        /// A Secret of somebody else has the copy's name.
        NameConflict,
        /// A copy could not be written or removed.
        CopyFailed,
        /// An older ClusterRegistry gives credentials for the same images.
        Shadowed,
        /// Its credentials stand wherever they are needed.
        Copied,
        /// Nobody needs them.
        NotNeeded,
    }
}
