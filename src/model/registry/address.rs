//! A key of a pull Secret as Go's `net/url` takes it apart (Go 1.26, with which Kubernetes 1.36 is built): that parser decides
//! which keys the kubelet can read at all, and what of them it compares. (The crate `url` follows another standard: it turns hosts
//! to lower case, drops default ports and mends what Go refuses.)

use core::net::Ipv6Addr;

/// Host and path of a URL; both decoded. The rest is not looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// With its port, as it was written.
    pub(super) host: String,
    /// Empty, or with a `/` at its beginning.
    pub(super) path: String,
}

/// Where a text stands in a URL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Other,
}

impl Address {
    /// Reads what stands behind `https://`; `None` where Go refuses it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return None;
        }
        unescape(fragment, Part::Other)?;
        let text = text.split_once('?').map_or(text, |(before, _)| before);
        let (authority, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        if !user.chars().all(is_of_userinfo) {
            return None;
        }
        unescape(user, Part::Other)?;
        Some(Self { host: host_of(host)?, path: unescape(path, Part::Other)? })
    }

    /// The host's labels, and the port: `net.SplitHostPort`, with the whole host where that finds no port.
    pub(super) fn labels_and_port(&self) -> (Vec<&str>, &str) {
        let (host, port) = match self.host.rsplit_once(':') {
            // A host in brackets is all of a bracket, or none: `host_of` saw to that.
            Some((host, port)) if !port.ends_with(']') => {
                (host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host), port)
            }
            _ => (self.host.as_str(), ""),
        };
        (host.split('.').collect(), port)
    }
}

fn is_of_userinfo(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c)
}

/// `parseHost`: a name, or an IPv6 address in brackets, and perhaps a port of digits.
fn host_of(text: &str) -> Option<String> {
    let Some(bracket) = text.rfind('[') else {
        let port = text.find(':').map_or("", |colon| text.get(colon..).unwrap_or_default());
        return if is_port(port) { unescape(text, Part::Host) } else { None };
    };
    let (inside, port) = text.strip_prefix('[').filter(|_| bracket == 0)?.rsplit_once(']')?;
    // With a zone, as in `fe80::1%25eth0`, no image can have it.
    (inside.parse::<Ipv6Addr>().is_ok() && is_port(port)).then(|| text.to_owned())
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Decodes `%41`; `None` where an escape is none, or where a host has a sign that hosts do not have.
fn unescape(text: &str, part: Part) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            let value = u8::try_from(high * 16 + low).ok()?;
            if part == Part::Host && high < 8 && value != b'%' {
                return None;
            }
            decoded.push(value);
        } else if part == Part::Host && !is_of_host(byte) {
            return None;
        } else {
            decoded.push(byte);
        }
    }
    // What is no text is part of no image's name, whatever stands for it.
    Some(String::from_utf8_lossy(&decoded).into_owned())
}

fn is_of_host(byte: u8) -> bool {
    !byte.is_ascii() || byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, String)> {
        Address::parse(text).map(|address| (address.host, address.path))
    }

    /// Each row was compared with Go 1.26.8.
    #[test]
    fn addresses_are_gos() {
        for (text, host, path) in [
            ("", "", ""),
            ("a.example", "a.example", ""),
            ("A.example:5000/", "A.example:5000", "/"),
            ("a.example:/x", "a.example:", "/x"),
            ("user:pw@a.example/x?q#f", "a.example", "/x"),
            ("a.example?x/y", "a.example", ""),
            ("a.example/x%2Fy%3Fz", "a.example", "/x/y?z"),
            ("*.example/a b", "*.example", "/a b"),
            ("b%C3%BCcher.example", "bücher.example", ""),
            ("[::1]:5000/x", "[::1]:5000", "/x"),
            ("HTTPS://a.example", "HTTPS:", "//a.example"),
        ] {
            assert_eq!(read(text), Some((host.to_owned(), path.to_owned())), "{text}");
        }
        for text in [
            "a b.example",
            " a.example",
            "a.example:port",
            "a.example:80:80",
            "::1",
            "x[::1]",
            "[::1",
            "[1.2.3.4]",
            "[::1]x",
            "a.example/%zz",
            "a.example/%4",
            "a.example#%zz",
            "a%41.example",
            "a.example\n",
            "a\\b.example",
            "a^b@a.example",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn ports_are_split_off() {
        for (host, labels, port) in [
            ("a.example:5000", &["a", "example"][..], "5000"),
            ("a.example", &["a", "example"], ""),
            ("a.example:", &["a", "example"], ""),
            ("[::1]:5000", &["::1"], "5000"),
            ("[::1]", &["[::1]"], ""),
        ] {
            let address = Address { host: host.to_owned(), path: String::new() };
            assert_eq!(address.labels_and_port(), (labels.to_vec(), port), "{host}");
        }
    }
}
