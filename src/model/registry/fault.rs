//! What can be wrong with a pull Secret: a closed set, each with its sentence and what to do. No sentence holds a value.

use super::key::Key;

/// How much harm a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gravity {
    /// Worth knowing; the login may work.
    Doubtful,
    /// The login is never of use, or is refused.
    Useless,
    /// The kubelet pulls no image at all for a Pod that names this Secret, also none that needs no login.
    Breaks,
}

/// Declares the faults: name, id, gravity, what is wrong, and the mend.
macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident, $id:literal, $gravity:ident, $message:literal, $fix:literal;)*) => {
        /// What is wrong with a file of logins, an entry or its key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// A stable id, as in `pull-secret-hub-alias`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("pull-secret-", $id),)*
                }
            }

            /// How much harm it does.
            #[must_use]
            pub const fn gravity(self) -> Gravity {
                match self {
                    $(Self::$name => Gravity::$gravity,)*
                }
            }

            /// What is wrong, as the end of a sentence that begins with the file or the entry.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => $message,)*
                }
            }

            /// What to do.
            #[must_use]
            pub const fn fix(self) -> &'static str {
                match self {
                    $(Self::$name => $fix,)*
                }
            }
        }
    };
}

faults! {
    /// The file is no JSON.
    NotJson, "not-json", Breaks,
        "is no JSON, so that the kubelet pulls no image of the Pod",
        "write it by lockgate secret create NAME --docker-server … or kubectl create secret docker-registry";
    /// The file is base64 of JSON.
    EncodedTwice, "encoded-twice", Breaks,
        "was encoded twice: what is in it is base64 once more",
        "give the file as it is; --from-file and stringData encode by themselves";
    /// The file, its `auths` or its `HttpHeaders` has another shape.
    NotAnObject, "not-an-object", Breaks,
        "is JSON of another shape, so that the kubelet pulls no image of the Pod",
        "write {\"auths\": {\"HOST\": {\"username\": …, \"password\": …}}}";
    /// No `auths` in a `.dockerconfigjson`.
    NoAuths, "no-auths", Useless,
        "has no auths, so that the kubelet finds no login in it",
        "put the entries under auths, as in {\"auths\": {\"HOST\": {\"auth\": …}}}";
    /// The file's logins are in a program of the desktop.
    HelpersOnly, "helpers-only", Useless,
        "has its logins in credsStore or credHelpers, programs of the desktop that the kubelet does not run",
        "log in with a config of its own and without credsStore, or give user and password to lockgate secret create";
    /// `auths` is there and empty.
    Empty, "empty", Useless,
        "has no entry",
        "add one with lockgate secret create NAME --add --docker-server HOST …";
    /// `.dockercfg` with the newer file's shape.
    WrongForm, "wrong-form", Useless,
        "has auths, which a kubernetes.io/dockercfg does not have: the kubelet takes it for a host's name",
        "make it a Secret of type kubernetes.io/dockerconfigjson";
    /// An entry is no object, or a field of it no string.
    EntryShape, "entry-shape", Breaks,
        "is no object of strings, so that the kubelet pulls no image of the Pod",
        "write {\"username\": …, \"password\": …} or {\"auth\": …}, each a string";
    /// `auth` is no base64.
    AuthNotBase64, "auth-not-base64", Breaks,
        "has an auth that is no base64, so that the kubelet pulls no image of the Pod, also none of another registry",
        "auth is base64 of USER:PASSWORD, as from: printf %s 'USER:PASSWORD' | base64 -w0";
    /// `auth` has no colon.
    AuthNoColon, "auth-no-colon", Breaks,
        "has an auth without a colon between user and password, so that the kubelet pulls no image of the Pod, also none of another registry",
        "auth is base64 of USER:PASSWORD, as from: printf %s 'USER:PASSWORD' | base64 -w0";
    /// `auth` is base64 of base64.
    AuthEncodedTwice, "auth-encoded-twice", Breaks,
        "has an auth that was encoded twice, so that the kubelet pulls no image of the Pod, also none of another registry",
        "encode USER:PASSWORD once";
    /// The password ends with a line.
    TrailingNewline, "trailing-newline", Useless,
        "has a line's end after the password, which is sent with it",
        "use printf %s or echo -n in front of base64";
    /// A line's end or blanks around the user's name.
    UserBlank, "user-blank", Useless,
        "has blanks around the user's name, which are sent with it",
        "take the blanks away";
    /// Neither user nor password.
    NoLogin, "no-login", Useless,
        "has neither auth nor username and password: images are pulled as nobody",
        "give user and password; the kubelet does not read anything else";
    /// The registry's token instead of a password.
    IdentityToken, "identity-token", Useless,
        "has an identitytoken only, which the kubelet does not read: images are pulled as nobody",
        "give user and password, as with an access token of the registry";
    /// A user, and no password.
    NoPassword, "no-password", Useless,
        "has a user without a password",
        "give the password, too";
    /// A password, and no user.
    NoUser, "no-user", Useless,
        "has a password without a user",
        "give the user, too; a registry that looks at the token only takes any name";
    /// `auth` says another thing than the fields.
    Contradiction, "contradiction", Doubtful,
        "has an auth that is not its username and password: the kubelet uses auth",
        "leave username and password out, or make all three agree";
    /// The key is no URL.
    KeyUnreadable, "key-unreadable", Useless,
        "cannot be read as an address, so that the kubelet passes over it",
        "write HOST, HOST:PORT or HOST/PATH";
    /// A scheme that is none to the kubelet.
    KeyScheme, "key-scheme", Useless,
        "begins with a scheme other than https:// and http:// (in lower case), so that it is for no image",
        "write HOST, HOST:PORT or HOST/PATH";
    /// One of the Hub's other names.
    HubAlias, "hub-alias", Useless,
        "means Docker Hub, but fits none of its images: to the kubelet those are on docker.io",
        "write https://index.docker.io/v1/ (with the slash at its end) or docker.io";
    /// `/v1` or `/v2` without a slash behind it, or twice.
    KeyVersion, "key-version", Doubtful,
        "ends with the version of the registry's API, which is taken for the beginning of an image's name",
        "write HOST alone, or HOST/v2/ with a slash at its end";
    /// A path that no image's name can begin with.
    KeyPath, "key-path", Useless,
        "has a path that no image's name begins with: those are in lower case and without tag and digest",
        "write the path as it stands in the images' names, or HOST alone";
    /// A host in upper case.
    KeyCase, "key-case", Doubtful,
        "has capital letters in its host, and is only for images that are written the same way",
        "write the host as it stands in the images' names";
    /// A port that images do not name.
    KeyPort, "key-port", Doubtful,
        "names a port, and is only for images that name it, too",
        "leave the port out, unless the images' names have it";
    /// ECR takes one user.
    UserOfEcr, "user-of-ecr", Useless,
        "is for Amazon ECR, whose user is always AWS",
        "write AWS as the user and what aws ecr get-login-password prints as the password";
    /// Google takes few users.
    UserOfGoogle, "user-of-google", Doubtful,
        "is for a registry of Google's, whose users are _json_key, _json_key_base64 and oauth2accesstoken",
        "write _json_key as the user and the service account's key file as the password";
    /// A login that soon ends.
    ShortLived, "short-lived", Doubtful,
        "holds a token that ends within hours (12 at Amazon ECR, mostly 1 at Google's registries)",
        "have it renewed (External Secrets, a CronJob), or give the nodes a credential provider";
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a registry of Amazon's or Google's has to say of a user's name.
#[must_use]
pub fn of_user(key: &str, user: &[u8]) -> Option<Fault> {
    let key = Key::parse(key)?;
    let (host, _) = key.host_and_path();
    let labels: Vec<&str> = host.split('.').collect();
    let is_ecr = matches!(
        labels.as_slice(),
        [_, "dkr", "ecr", _, "amazonaws", "com"] | [_, "dkr", "ecr", _, "amazonaws", "com", "cn"]
    );
    let is_google = host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with("-docker.pkg.dev");
    match user {
        b"AWS" if is_ecr => Some(Fault::ShortLived),
        b"oauth2accesstoken" if is_google => Some(Fault::ShortLived),
        b"_json_key" | b"_json_key_base64" if is_google => None,
        _ if is_ecr => Some(Fault::UserOfEcr),
        _ if is_google => Some(Fault::UserOfGoogle),
        _ => None,
    }
}
