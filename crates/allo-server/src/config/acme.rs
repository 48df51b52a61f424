//! What a public authority is told and asked.

use hyper::Uri;

use super::value::{Value, expected};

/// A name in the public DNS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// Returns the domain of this name; `None` for what cannot be one.
    pub fn new(name: &str) -> Option<Self> {
        Value::parse(name).ok()
    }

    /// Returns it as DNS has it, in small letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Domain {
    fn parse(text: &str) -> Result<Self, String> {
        let is_label = |label: &str| {
            let is_inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(is_inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // The last label of an IPv4 address is a number, which no domain ends in.
        let has_letters =
            text.rsplit('.').next().is_some_and(|label| !label.bytes().all(|b| b.is_ascii_digit()));
        if text.len() <= 253 && text.contains('.') && has_letters && text.split('.').all(is_label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(expected("a public name, such as meet.example.org"))
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// Where the authority can write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Returns it as ACME has contacts (RFC 8555 §7.3).
    pub fn contact(&self) -> String {
        format!("mailto:{}", self.0)
    }
}

impl Value for Option<Email> {
    fn parse(text: &str) -> Result<Self, String> {
        let is_part = |part: &str| {
            // A comma would name a second one, a question mark would say more than the address (RFC 6068).
            !part.is_empty()
                && !part.contains(|c: char| c.is_whitespace() || c.is_control() || "@,?".contains(c))
        };
        match text.split_once('@') {
            None if text.is_empty() => Ok(None),
            Some((local, host)) if is_part(local) && is_part(host) => Ok(Some(Email(text.to_owned()))),
            _ => Err(expected("an address for mail, such as ada@example.org")),
        }
    }

    fn show(&self) -> String {
        self.as_ref().map(|email| email.0.clone()).unwrap_or_default()
    }
}

/// Where an authority is: the URL of its directory (RFC 8555 §7.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryUrl(String);

impl DirectoryUrl {
    /// Returns the directory at this URL; `None` for what is not asked by HTTPS.
    pub fn new(url: &str) -> Option<Self> {
        Value::parse(url).ok()
    }

    /// Returns the URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for DirectoryUrl {
    /// Let's Encrypt: it costs nothing, and all browsers know it.
    fn default() -> Self {
        Self("https://acme-v02.api.letsencrypt.org/directory".to_owned())
    }
}

impl Value for DirectoryUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let uri: Option<Uri> = text.parse().ok();
        let is_https = uri.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
        if is_https {
            Ok(Self(text.to_owned()))
        } else {
            Err(expected("a URL with https, such as https://acme-v02.api.letsencrypt.org/directory"))
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_public_name() {
        assert_eq!(Domain::parse("Meet.Example.ORG").unwrap().as_str(), "meet.example.org");
        for wrong in
            ["localhost", "192.0.2.1", "2001:db8::1", "*.example.org", "-a.example", "a..example", "", "."]
        {
            assert!(Domain::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_address_for_mail_is_taken_or_none() {
        assert_eq!(Option::<Email>::parse("").unwrap(), None);
        let email = Option::<Email>::parse("ada@example.org").unwrap().unwrap();
        assert_eq!(email.contact(), "mailto:ada@example.org");
        for wrong in ["ada", "@example.org", "ada@", "a@b@c", "a@b,c@d", "a@b?subject=x", "a b@c"] {
            assert!(Option::<Email>::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_directory_is_asked_by_https_only() {
        assert!(DirectoryUrl::parse("https://localhost:14000/dir").is_ok());
        for wrong in ["http://localhost/dir", "/dir", "acme.example.org", ""] {
            assert!(DirectoryUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
