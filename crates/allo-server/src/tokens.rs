//! Access tokens of those who embed Allo: JSON Web Tokens (RFC 7519), read with the care that RFC 8725 asks for.

use std::{
    fs, io,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use allo_protocol::{AccessToken, Role};
use allo_room::{BadPass, DisplayName, Pass, RoomName, RoomsConfig};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;
use thiserror::Error;

use crate::config::{Config, TokenAlgorithm, TokenKey};

/// The longest token looked at. With a signature of RSA and a long name, one has some 900 bytes.
const TOKEN_BYTES_MAX: usize = 4096;

/// How far the clocks of two machines may be apart.
///
/// Higher: worse clocks will do. Lower: a token that has expired is of use for less long.
const LEEWAY: Duration = Duration::from_secs(30);

/// The shortest secret for HMAC with SHA-256 (RFC 7518 §3.2).
const SECRET_BYTES_MIN: usize = 32;

/// Reads tokens. Which key has which algorithm is the operator's decision, never the token's.
pub(crate) struct Tokens {
    keys: Vec<Key>,
    room_name_bytes: u32,
    display_name_graphemes: u32,
}

struct Key {
    algorithm: Algorithm,
    decoding: DecodingKey,
    validation: Validation,
}

/// A key for tokens is of no use.
#[derive(Debug, Error)]
pub enum TokenKeyError {
    /// The file cannot be read.
    #[error("cannot read {path}, the key for access tokens")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A secret that can be guessed.
    #[error("the secret in {0} is shorter than {SECRET_BYTES_MIN} bytes, or a key in PEM")]
    Secret(PathBuf),
    /// Not a key of the kind that it should be.
    #[error("there is no public key for this algorithm in {0}: it should be in PEM")]
    Public(PathBuf),
}

/// What is wrong with a token, in a sentence for the person who shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum BadToken {
    #[error("This access token is too long.")]
    TooLong,
    #[error("This access token cannot be read, or is not signed.")]
    Unreadable,
    #[error("This access token says by which key it is to be believed: this server does not ask it.")]
    OwnKey,
    #[error("This access token is not signed in a way that this server takes.")]
    Algorithm,
    #[error("The signature of this access token is not right.")]
    Signature,
    #[error("This access token is for another server.")]
    Audience,
    #[error("This access token does not say all that it has to, or says something twice.")]
    Claims,
    #[error("This access token is not for one room.")]
    Room,
    #[error("The name in this access token cannot be shown.")]
    Name,
    #[error("This access token is of no use any more: go back to where you got it.")]
    Expired,
    #[error("This access token is of no use yet.")]
    NotYet,
}

/// What a token says. What else stands in it is passed over.
#[derive(Deserialize)]
struct Claims {
    room: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    role: Role,
    /// Seconds since 1970 (RFC 7519 §2), which may have a fraction.
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
}

impl Tokens {
    /// Reads the keys; `None` where tokens are not taken.
    pub(crate) fn open(config: &Config) -> Result<Option<Self>, TokenKeyError> {
        let Some(audience) = config.audience() else { return Ok(None) };
        let keys: Vec<Key> =
            config.token_keys.iter().map(|key| Key::read(key, &audience)).collect::<Result<_, _>>()?;
        let RoomsConfig { room_name_bytes, display_name_graphemes, .. } = config.rooms;
        Ok((!keys.is_empty()).then_some(Self { keys, room_name_bytes, display_name_graphemes }))
    }

    /// Returns what a token lets somebody do, for the rooms.
    pub(crate) fn pass(&self, token: &AccessToken, now: SystemTime) -> Result<Pass, BadPass> {
        self.read(&token.0, now).map_err(|bad| BadPass(bad.to_string()))
    }

    fn read(&self, token: &str, now: SystemTime) -> Result<Pass, BadToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(BadToken::TooLong);
        }
        let header = decode_header(token).map_err(|_| BadToken::Unreadable)?;
        if !is_plain(&header) {
            return Err(BadToken::OwnKey);
        }
        let keys = self.keys.iter().filter(|key| key.algorithm == header.alg);
        // Of several keys of one algorithm, the one that fits; of none, the last one's complaint.
        let mut outcome = Err(BadToken::Algorithm);
        for key in keys {
            outcome = key.verify(token);
            if outcome.as_ref().err() != Some(&BadToken::Signature) {
                break;
            }
        }
        self.pass_of(outcome?, now)
    }

    fn pass_of(&self, claims: Claims, now: SystemTime) -> Result<Pass, BadToken> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let leeway = LEEWAY.as_secs_f64();
        if claims.exp + leeway <= now {
            return Err(BadToken::Expired);
        }
        if claims.nbf.is_some_and(|nbf| nbf - leeway > now) {
            return Err(BadToken::NotYet);
        }
        let room = RoomName::parse(&claims.room, self.room_name_bytes).map_err(|_| BadToken::Room)?;
        let name = claims.name.map(|name| DisplayName::parse(&name, self.display_name_graphemes));
        let name = name.transpose().map_err(|_| BadToken::Name)?;
        Ok(Pass { room, name, role: claims.role })
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(..)")
    }
}

impl Key {
    fn read(TokenKey { algorithm, file }: &TokenKey, audience: &str) -> Result<Self, TokenKeyError> {
        let content = fs::read(file).map_err(|source| TokenKeyError::Read { path: file.clone(), source })?;
        let public = |_| TokenKeyError::Public(file.clone());
        let (algorithm, decoding) = match algorithm {
            TokenAlgorithm::Hs256 => {
                let secret = content.trim_ascii_end();
                // A public key would be a secret that everybody knows.
                if secret.len() < SECRET_BYTES_MIN || secret.starts_with(b"-----BEGIN") {
                    return Err(TokenKeyError::Secret(file.clone()));
                }
                (Algorithm::HS256, DecodingKey::from_secret(secret))
            }
            TokenAlgorithm::Rs256 => (Algorithm::RS256, DecodingKey::from_rsa_pem(&content).map_err(public)?),
            TokenAlgorithm::EdDsa => (Algorithm::EdDSA, DecodingKey::from_ed_pem(&content).map_err(public)?),
        };
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["aud"]);
        // Looked at afterwards, by the clock that is given.
        validation.validate_exp = false;
        Ok(Self { algorithm, decoding, validation })
    }

    fn verify(&self, token: &str) -> Result<Claims, BadToken> {
        decode(token, &self.decoding, &self.validation).map(|data| data.claims).map_err(|error| {
            match error.kind() {
                ErrorKind::InvalidAudience => BadToken::Audience,
                ErrorKind::MissingRequiredClaim(_) | ErrorKind::Json(_) => BadToken::Claims,
                _ => BadToken::Signature,
            }
        })
    }
}

/// Returns whether a header names nothing but its algorithm, its type, and perhaps one of the signer's keys by a plain name. Where a
/// key is to be got from, and what else would have to be understood, is not for a token to say (RFC 8725 §3.5, §3.10).
fn is_plain(header: &Header) -> bool {
    let is_name = |name: &String| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let expected = Header {
        typ: header.typ.clone(),
        kid: header.kid.clone().filter(is_name),
        ..Header::new(header.alg)
    };
    *header == expected
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::{EncodingKey, encode};
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const OWN: &str = "meet.example.org";
    const MINUTE: f64 = 60.0;

    /// Tokens are looked at at this moment, in seconds since 1970.
    const NOW: f64 = 1_800_000_000.0;

    fn key(algorithm: TokenAlgorithm, content: &[u8]) -> Result<Key, TokenKeyError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, content).unwrap();
        Key::read(&TokenKey { algorithm, file }, OWN)
    }

    fn tokens(keys: Vec<Key>) -> Tokens {
        Tokens { keys, room_name_bytes: 128, display_name_graphemes: 64 }
    }

    fn shared() -> Tokens {
        tokens(vec![key(TokenAlgorithm::Hs256, SECRET).unwrap()])
    }

    fn claims() -> Value {
        json!({ "room": "family", "name": "Ada", "role": "owner", "aud": OWN, "exp": NOW + MINUTE })
    }

    /// Returns the claims, one of them changed.
    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn sign(header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_secret(SECRET)).unwrap()
    }

    /// Signs a header and claims as they are written, which may be what no library writes.
    fn sign_texts(header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET);
        let signature = aws_lc_rs::hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn read(tokens: &Tokens, token: &str) -> Result<Pass, BadToken> {
        tokens.read(token, UNIX_EPOCH + Duration::from_secs_f64(NOW))
    }

    fn read_claims(claims: &Value) -> Result<Pass, BadToken> {
        read(&shared(), &sign(&Header::default(), claims))
    }

    /// Returns the public and the private half of a new pair, in PEM.
    fn pair(algorithm: &'static rcgen::SignatureAlgorithm) -> (String, String) {
        let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
        (pair.public_key_pem(), pair.serialize_pem())
    }

    #[test]
    fn a_token_says_which_room_who_and_as_what() {
        let pass = read_claims(&claims()).unwrap();
        assert_eq!((pass.room.as_str(), pass.role), ("family", Role::Owner));
        assert_eq!(pass.name.unwrap().as_str(), "Ada");
        let least =
            json!({ "room": "Family", "aud": [OWN, "other.example"], "exp": NOW + 0.5, "iss": "school" });
        let pass = read_claims(&least).unwrap();
        assert_eq!((pass.room.as_str(), pass.name, pass.role), ("family", None, Role::Participant));
    }

    #[test]
    fn each_algorithm_has_its_own_keys() {
        let (rsa_public, rsa) = pair(&rcgen::PKCS_RSA_SHA256);
        let (ed_public, ed) = pair(&rcgen::PKCS_ED25519);
        let tokens = tokens(vec![
            key(TokenAlgorithm::Rs256, rsa_public.as_bytes()).unwrap(),
            key(TokenAlgorithm::EdDsa, ed_public.as_bytes()).unwrap(),
            key(TokenAlgorithm::Hs256, b"another secret of more than 32 bytes").unwrap(),
            key(TokenAlgorithm::Hs256, SECRET).unwrap(),
        ]);
        let rsa = EncodingKey::from_rsa_pem(rsa.as_bytes()).unwrap();
        let ed = EncodingKey::from_ed_pem(ed.as_bytes()).unwrap();
        for token in [
            encode(&Header::new(Algorithm::RS256), &claims(), &rsa).unwrap(),
            encode(&Header::new(Algorithm::EdDSA), &claims(), &ed).unwrap(),
            sign(&Header::default(), &claims()),
        ] {
            assert!(read(&tokens, &token).is_ok());
        }
    }

    #[test]
    fn a_token_that_is_not_signed_is_refused() {
        let claims = URL_SAFE_NO_PAD.encode(claims().to_string());
        for alg in ["none", "None", "NONE", ""] {
            let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg }).to_string());
            assert_eq!(read(&shared(), &format!("{header}.{claims}.")), Err(BadToken::Unreadable), "{alg}");
        }
        let token = sign(&Header::default(), &self::claims());
        let unsigned = token.rsplit_once('.').unwrap().0;
        assert_eq!(read(&shared(), &format!("{unsigned}.")), Err(BadToken::Signature));
        for garbage in ["", ".", "..", "...", "a.b.c", unsigned, "\u{e9}.\u{e9}.\u{e9}"] {
            assert_eq!(read(&shared(), garbage), Err(BadToken::Unreadable), "{garbage}");
        }
    }

    #[test]
    fn a_public_key_is_no_secret() {
        let (rsa_public, _) = pair(&rcgen::PKCS_RSA_SHA256);
        let rsa_public = rsa_public.as_bytes();
        let public = tokens(vec![key(TokenAlgorithm::Rs256, rsa_public).unwrap()]);
        let confused = encode(&Header::default(), &claims(), &EncodingKey::from_secret(rsa_public)).unwrap();
        assert_eq!(read(&public, &confused), Err(BadToken::Algorithm));
        let both = tokens(vec![
            key(TokenAlgorithm::Rs256, rsa_public).unwrap(),
            key(TokenAlgorithm::Hs256, SECRET).unwrap(),
        ]);
        assert_eq!(read(&both, &confused), Err(BadToken::Signature));
        assert!(key(TokenAlgorithm::Hs256, rsa_public).is_err(), "nor is it taken for one");
        assert!(key(TokenAlgorithm::Hs256, b"too short\n").is_err());
        assert!(key(TokenAlgorithm::EdDsa, rsa_public).is_err());
        assert!(key(TokenAlgorithm::Rs256, SECRET).is_err());
    }

    #[test]
    fn a_token_does_not_say_where_its_key_is() {
        for (name, value) in [
            ("jku", json!("https://evil.example/keys")),
            ("jwk", json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET) })),
            ("x5u", json!("https://evil.example/cert")),
            ("x5c", json!([""])),
            ("kid", json!("../../../../dev/null")),
            ("kid", json!("' UNION SELECT 'secret")),
            ("crit", json!(["exp"])),
            ("zip", json!("DEF")),
            ("anything", json!(1)),
        ] {
            let mut header = json!({ "alg": "HS256", "typ": "JWT" });
            header[name] = value;
            let token = sign_texts(&header.to_string(), &claims().to_string());
            assert_eq!(read(&shared(), &token), Err(BadToken::OwnKey), "{name}");
        }
        let plain = sign_texts(r#"{"alg":"HS256","typ":"JWT","kid":"2026-1"}"#, &claims().to_string());
        assert!(read(&shared(), &plain).is_ok(), "a plain name of a key does no harm");
    }

    #[test]
    fn a_token_has_its_time() {
        assert_eq!(read_claims(&with("exp", json!(NOW - MINUTE))), Err(BadToken::Expired));
        assert!(read_claims(&with("exp", json!(NOW - 20.0))).is_ok(), "clocks differ");
        assert_eq!(read_claims(&with("nbf", json!(NOW + MINUTE))), Err(BadToken::NotYet));
        assert!(read_claims(&with("nbf", json!(NOW))).is_ok());
        for odd in [json!(null), json!("tomorrow"), json!(true), json!([NOW + MINUTE])] {
            assert_eq!(read_claims(&with("exp", odd)), Err(BadToken::Claims));
        }
        assert_eq!(read_claims(&json!({ "room": "family", "aud": OWN })), Err(BadToken::Claims));
    }

    #[test]
    fn a_token_is_for_one_server_and_one_room() {
        for aud in [json!("other.example"), json!(["other.example"]), json!([])] {
            assert_eq!(read_claims(&with("aud", aud.clone())), Err(BadToken::Audience), "{aud}");
        }
        assert_eq!(read_claims(&json!({ "room": "family", "exp": NOW + MINUTE })), Err(BadToken::Claims));
        for room in ["*", "", "fam*", ".*", "family,school", "../family", "login"] {
            assert_eq!(read_claims(&with("room", json!(room))), Err(BadToken::Room), "{room}");
        }
        for odd in [json!(["family"]), json!(null), json!({})] {
            assert_eq!(read_claims(&with("room", odd)), Err(BadToken::Claims));
        }
    }

    #[test]
    fn a_token_says_nothing_twice() {
        for twice in [
            format!(r#"{{"room":"family","room":"school","aud":"{OWN}","exp":{}}}"#, NOW + MINUTE),
            format!(r#"{{"room":"family","aud":"{OWN}","exp":1,"exp":{}}}"#, NOW + MINUTE),
            format!(r#"{{"room":"family","aud":"x","aud":"{OWN}","exp":{}}}"#, NOW + MINUTE),
            format!(
                r#"{{"room":"family","role":"participant","role":"owner","aud":"{OWN}","exp":{}}}"#,
                NOW + MINUTE
            ),
        ] {
            let token = sign_texts(r#"{"alg":"HS256"}"#, &twice);
            assert_eq!(read(&shared(), &token), Err(BadToken::Claims), "{twice}");
        }
        let header = sign_texts(r#"{"alg":"none","alg":"HS256"}"#, &claims().to_string());
        assert_eq!(read(&shared(), &header), Err(BadToken::Unreadable));
    }

    #[test]
    fn a_token_has_a_role_and_a_name_that_there_can_be() {
        assert_eq!(read_claims(&with("role", json!("admin"))), Err(BadToken::Claims));
        assert_eq!(read_claims(&with("name", json!("\u{202e}"))), Err(BadToken::Name));
    }

    #[test]
    fn a_huge_token_is_not_looked_at() {
        let huge = sign(&Header::default(), &with("name", json!("a".repeat(TOKEN_BYTES_MAX))));
        assert_eq!(read(&shared(), &huge), Err(BadToken::TooLong));
    }

    #[test]
    fn a_changed_token_is_refused() {
        let token = sign(&Header::default(), &claims());
        let (head, rest) = token.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(with("room", json!("school")).to_string());
        assert_eq!(read(&shared(), &format!("{head}.{other}.{signature}")), Err(BadToken::Signature));
    }
}
