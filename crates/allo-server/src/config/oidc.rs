//! Where people sign in.

use std::path::PathBuf;

use hyper::Uri;

use super::value::{Value, expected};

/// The provider that people sign in at (`OpenID` Connect).
#[derive(Debug, Clone, Default)]
pub struct OidcConfig {
    /// Where it is. Without one nobody signs in, and nobody is asked.
    pub issuer: Option<Issuer>,
    /// What it knows this server by.
    pub client_id: OidcClientId,
    /// Where the secret is that it knows this server by, if it gave one.
    pub client_secret: Option<PathBuf>,
    /// Whom to trust as the provider, in PEM; `None` for the authorities that browsers know.
    pub ca: Option<PathBuf>,
}

/// The address of a provider, which it calls itself by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    /// Returns the provider at this URL; `None` for what may not be asked.
    pub fn new(url: &str) -> Option<Self> {
        Value::parse(url).ok().flatten()
    }

    /// Returns the URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name that a provider has for this server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OidcClientId(pub String);

impl Value for Option<Issuer> {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let uri: Option<Uri> = text.parse().ok();
        let is_good = uri.is_some_and(|uri| {
            let is_local = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
            let is_private =
                uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_local);
            is_private && uri.host().is_some() && uri.query().is_none()
        });
        if is_good {
            Ok(Some(Issuer(text.to_owned())))
        } else {
            Err(expected("a URL with https, such as https://login.example.org"))
        }
    }

    fn show(&self) -> String {
        self.as_ref().map(|issuer| issuer.0.clone()).unwrap_or_default()
    }
}

impl Value for OidcClientId {
    fn parse(text: &str) -> Result<Self, String> {
        if text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(expected("the client_id that the provider has given, at most 256 letters of ASCII"))
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
    fn a_provider_is_asked_by_https_or_within_the_machine() {
        for good in ["https://login.example.org", "https://a.example/realms/b", "http://localhost:3000"] {
            assert_eq!(Option::<Issuer>::parse(good).unwrap().show(), good);
        }
        assert_eq!(Option::<Issuer>::parse("").unwrap(), None);
        for wrong in
            ["http://login.example.org", "login.example.org", "/", "ftp://localhost", "https://a/?b=c"]
        {
            assert!(Option::<Issuer>::parse(wrong).is_err(), "{wrong}");
        }
    }
}
