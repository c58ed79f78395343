//! What became of a login: a closed set, each with its sentence and what to do.

/// What a registry made of a login, or why it was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum State {
    /// The login is good; with an image: it can be pulled.
    Ok,
    /// The registry asks for no login.
    Open,
    /// The login is refused.
    WrongLogin,
    /// There was no login, and one is needed.
    LoginNeeded,
    /// The login is good, and not for this image.
    NoPermission,
    /// No such repository, tag or digest.
    NoSuchImage,
    /// Nobody answers.
    Unreachable,
    /// The certificate, or none.
    Tls,
    /// Too many requests, or a failure of the registry's.
    Busy,
    /// Something else answers there.
    NotARegistry,
    /// The kubelet would not use this entry.
    NotTried,
}

impl State {
    /// A word for tables and JSON.
    pub(in crate::cli) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Open => "open",
            Self::WrongLogin => "wrong-login",
            Self::LoginNeeded => "login-needed",
            Self::NoPermission => "no-permission",
            Self::NoSuchImage => "no-such-image",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Busy => "busy",
            Self::NotARegistry => "not-a-registry",
            Self::NotTried => "not-tried",
        }
    }

    /// Whether the kubelet gets what it asks for.
    pub(in crate::cli) const fn is_good(self) -> bool {
        matches!(self, Self::Ok | Self::Open)
    }

    /// What it means and what to do.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Ok => "",
            Self::Open => "the registry asks for no login here, so that none was tried",
            Self::WrongLogin => {
                "the registry refuses user and password: give those that it knows, as with lockgate secret create NAME --add --docker-server HOST --docker-username USER --docker-password-stdin"
            }
            Self::LoginNeeded => {
                "the registry asks for a login, and no entry is for this image: add one for its host, as with lockgate secret create NAME --add --docker-server HOST …"
            }
            Self::NoPermission => {
                "the login is good, but not for this image, or there is no such image: look at its name, and let the registry's owner give this user the right to pull"
            }
            Self::NoSuchImage => "the registry has no such image: correct the name or the tag",
            Self::Unreachable => "no answer: look at the host's name and at the network between here and there",
            Self::Tls => {
                "no safe connection: for a registry with a CA of its own give --registry-ca (and let the nodes trust it), for one without TLS --plain-http (and set the nodes' runtime up for that)"
            }
            Self::Busy => "the registry is busy or fails: try again later",
            Self::NotARegistry => "what answers there is no registry: look at the host's name",
            Self::NotTried => "the kubelet would not use it",
        }
    }
}

/// A state, and what was said with it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Answer {
    /// In one word.
    pub(in crate::cli) state: State,
    /// The registry's words, or the cause; never with a part of the login.
    pub(in crate::cli) said: Option<String>,
}

impl From<State> for Answer {
    fn from(state: State) -> Self {
        Self { state, said: None }
    }
}

impl Answer {
    /// A sentence for people; empty where there is nothing to say.
    pub(in crate::cli) fn sentence(&self) -> String {
        match &self.said {
            Some(said) if self.state == State::NotTried => said.clone(),
            Some(said) => format!("{} ({said})", self.state.message()),
            None => self.state.message().to_owned(),
        }
    }
}
