//! Whose access tokens are believed.

use std::path::PathBuf;

use allo_room::Credential;

use super::value::{Value, expected};

/// A key, and the one algorithm that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKey {
    /// How tokens are signed with it.
    pub algorithm: TokenAlgorithm,
    /// Where it is.
    pub file: PathBuf,
}

/// How a token is signed (RFC 7518 §3.1, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256: both sides know the secret.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// Ed25519.
    EdDsa,
}

const ALGORITHMS: [(&str, TokenAlgorithm); 3] =
    [("HS256", TokenAlgorithm::Hs256), ("RS256", TokenAlgorithm::Rs256), ("EdDSA", TokenAlgorithm::EdDsa)];

impl Value for TokenKey {
    fn parse(text: &str) -> Result<Self, String> {
        let key = text.split_once(' ').and_then(|(name, file)| {
            let (_, algorithm) = ALGORITHMS.iter().find(|(known, _)| *known == name)?;
            let file = file.trim();
            (!file.is_empty()).then(|| Self { algorithm: *algorithm, file: file.into() })
        });
        key.ok_or_else(|| {
            expected("HS256, RS256 or EdDSA and a file, such as \"EdDSA /etc/allo/tokens.pem\"")
        })
    }

    fn show(&self) -> String {
        let name = ALGORITHMS.iter().find(|(_, algorithm)| *algorithm == self.algorithm);
        format!("{} {}", name.map_or("", |(name, _)| name), self.file.display())
    }
}

/// The name of this server in tokens.
impl Value for Option<String> {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { String::parse(text).map(Some) }
    }

    fn show(&self) -> String {
        self.clone().unwrap_or_default()
    }
}

impl Value for Credential {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "token" => Ok(Self::Token),
            "login" => Ok(Self::Login),
            _ => Err(expected("token or login")),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Token => "token",
            Self::Login => "login",
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_algorithm() {
        for text in ["HS256 /etc/allo/secret", "RS256 a.pem", "EdDSA a b.pem"] {
            assert_eq!(TokenKey::parse(text).unwrap().show(), text);
        }
        for wrong in ["", "HS256", "HS256 ", "/etc/allo/secret", "none /dev/null", "hs256 a", "ES256 a"] {
            assert!(TokenKey::parse(wrong).is_err(), "{wrong}");
        }
    }
}
