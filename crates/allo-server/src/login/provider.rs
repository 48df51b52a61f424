//! The provider that people sign in at: found when somebody does, asked with a time and a bound, by the code flow with PKCE.
//!
//! `OpenID` Connect Core 1.0, Discovery 1.0, and RFC 7636. Signatures are checked by the crate that checks access tokens.

use std::{
    fs, io,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::{digest, rand};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{JwkSet, PublicKeyUse},
};
use serde::{Deserialize, de::DeserializeOwned};
use thiserror::Error;
use tokio::{
    sync::{Mutex, Semaphore},
    time::timeout,
};

use super::{LoginError, percent_encoded, seal::is_same};
use crate::{
    config::OidcConfig,
    tls::client::{AskError, Client},
};

/// The time for all that the provider is asked for one step of a login.
///
/// Higher: slow providers. Lower: people sooner learn that it does not work.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it is believed what the provider says about itself: its addresses and keys.
///
/// Higher: it is asked less. Lower: what it withdraws is believed for less long. A key that is not known makes it asked at once.
const METADATA_LIFE: Duration = Duration::from_hours(1);

/// Logins that ask the provider at a time. Beyond: refused, for the page to say so.
const AT_A_TIME: usize = 8;

/// How an ID token may be signed: with a key that the provider alone has.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

/// How far the clocks of two machines may be apart, in seconds.
const LEEWAY_S: u64 = 60;

/// Why somebody could not sign in.
#[derive(Debug, Error)]
pub(super) enum ProviderError {
    #[error("nobody began to sign in, or it was not finished at the provider")]
    Unasked,
    #[error("too many sign in at a time")]
    Busy,
    #[error("the system gives no random numbers")]
    Random,
    #[error("the provider did not answer in time")]
    Silent,
    #[error("cannot ask the provider")]
    Ask(#[from] AskError),
    #[error("the provider answered {0}")]
    Status(StatusCode),
    #[error("the provider's answer cannot be read")]
    Answer(#[from] serde_json::Error),
    #[error("the provider is not at home at an address that may be asked")]
    Address,
    #[error("who answers is another provider than the one that is asked")]
    Issuer,
    #[error("the ID token is signed by no key that is known")]
    Key,
    #[error("the ID token is not good")]
    IdToken(#[from] jsonwebtoken::errors::Error),
    #[error("the ID token is not for this login")]
    OtherLogin,
}

/// Somebody whom the provider knows.
#[derive(Debug)]
pub(super) struct Person {
    /// A hash of the provider's address and the name that they have there, for machines.
    pub(super) id: [u8; 32],
    pub(super) name: Option<String>,
}

/// A login that has begun.
pub(super) struct Begun {
    pub(super) url: String,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
}

pub(super) struct Provider {
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    client: Client,
    turns: Semaphore,
    /// What it said about itself, and when.
    known: Mutex<Option<(Instant, Arc<Metadata>)>>,
}

/// What a provider says about itself (Discovery 1.0 §3).
#[derive(Debug, Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    /// Without it, the way that every provider has to know.
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

#[derive(Debug)]
struct Metadata {
    discovered: Discovered,
    keys: JwkSet,
}

/// What a provider gives for a code (Core §3.1.3.3).
#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: String,
}

/// What an ID token says, beside what is looked at by the way.
#[derive(Deserialize)]
struct IdToken {
    sub: String,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    azp: Option<String>,
    #[serde(flatten)]
    names: Names,
}

/// What somebody is called, in the order in which it is looked for.
#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    preferred_username: Option<String>,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    #[serde(flatten)]
    names: Names,
}

impl Names {
    fn first(self) -> Option<String> {
        let is_name = |name: &String| !name.trim().is_empty();
        self.name.filter(is_name).or(self.preferred_username).filter(is_name)
    }
}

impl Provider {
    pub(super) fn new(config: &OidcConfig) -> Result<Option<Self>, LoginError> {
        let Some(issuer) = config.issuer.as_ref() else { return Ok(None) };
        let secret = config.client_secret.as_ref().map(|path| {
            let text = fs::read_to_string(path);
            text.map_err(|source: io::Error| LoginError::Secret { path: path.clone(), source })
        });
        Ok(Some(Self {
            issuer: issuer.as_str().to_owned(),
            client_id: config.client_id.0.clone(),
            client_secret: secret.transpose()?.map(|text| text.trim_end().to_owned()),
            client: Client::new(config.ca.as_deref())?,
            turns: Semaphore::new(AT_A_TIME),
            known: Mutex::new(None),
        }))
    }

    /// Begins a login that is to come back to `done`.
    pub(super) async fn begin(&self, done: &str) -> Result<Begun, ProviderError> {
        let _turn = self.turns.try_acquire().map_err(|_| ProviderError::Busy)?;
        let metadata = timeout(ASK_TIMEOUT, self.metadata()).await.unwrap_or(Err(ProviderError::Silent))?;
        let (state, nonce, verifier) = (random()?, random()?, random()?);
        let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let query = form(&[
            ("response_type", "code"),
            ("scope", "openid profile"),
            ("client_id", &self.client_id),
            ("redirect_uri", done),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let endpoint = &metadata.discovered.authorization_endpoint;
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Ok(Begun { url: format!("{endpoint}{joint}{query}"), state, nonce, verifier })
    }

    /// Returns who it is that came back with this code.
    pub(super) async fn finish(
        &self,
        done: &str,
        code: &str,
        nonce: &str,
        verifier: &str,
    ) -> Result<Person, ProviderError> {
        let _turn = self.turns.try_acquire().map_err(|_| ProviderError::Busy)?;
        let exchanged = timeout(ASK_TIMEOUT, self.exchange(done, code, nonce, verifier)).await;
        exchanged.unwrap_or(Err(ProviderError::Silent))
    }

    async fn exchange(
        &self,
        done: &str,
        code: &str,
        nonce: &str,
        verifier: &str,
    ) -> Result<Person, ProviderError> {
        let metadata = self.metadata().await?;
        let tokens: Tokens = self.ask(self.code_request(&metadata.discovered, done, code, verifier)?).await?;
        let id_token = match self.read_id_token(&metadata.keys, &tokens.id_token, nonce) {
            // It may have a new key since it was asked.
            Err(ProviderError::Key) => {
                *self.known.lock().await = None;
                self.read_id_token(&self.metadata().await?.keys, &tokens.id_token, nonce)
            }
            read => read,
        }?;
        let id = id_of(&self.issuer, &id_token.sub);
        let name = match id_token.names.first() {
            Some(name) => Some(name),
            // Without an answer, people say themselves what they are called.
            None => self.user_info(&metadata.discovered, &tokens.access_token, &id_token.sub).await,
        };
        Ok(Person { id, name })
    }

    /// Makes the request for the tokens (Core §3.1.3.1), with the client's secret in the header or, if that will not do, in the body.
    fn code_request(
        &self,
        discovered: &Discovered,
        done: &str,
        code: &str,
        verifier: &str,
    ) -> Result<Request<Full<Bytes>>, ProviderError> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", done),
            ("code_verifier", verifier),
        ];
        let methods = discovered.token_endpoint_auth_methods_supported.as_ref();
        let takes_basic =
            methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
        let mut request = Request::builder().method(Method::POST).uri(&discovered.token_endpoint);
        match &self.client_secret {
            Some(secret) if takes_basic => {
                let pair = format!("{}:{}", percent_encoded(&self.client_id), percent_encoded(secret));
                request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
            }
            Some(secret) => {
                fields.extend([("client_id", self.client_id.as_str()), ("client_secret", secret)]);
            }
            None => fields.push(("client_id", &self.client_id)),
        }
        request
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form(&fields))))
            .map_err(|_| ProviderError::Address)
    }

    /// Reads an ID token by the rules of Core §3.1.3.7: who signed it, for whom, until when, and for which login.
    fn read_id_token(&self, keys: &JwkSet, token: &str, nonce: &str) -> Result<IdToken, ProviderError> {
        let header = decode_header(token)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(ProviderError::Key);
        }
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY_S;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.client_id]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        let is_for_signatures = |key: &&jsonwebtoken::jwk::Jwk| {
            key.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature)
        };
        let is_named =
            |key: &&jsonwebtoken::jwk::Jwk| header.kid.is_none() || key.common.key_id == header.kid;
        let mut keys = keys.keys.iter().filter(is_for_signatures).filter(is_named);
        let token = keys
            .find_map(|key| {
                let key =
                    DecodingKey::from_jwk(key).ok().filter(|key| key.family() == header.alg.family())?;
                Some(decode::<IdToken>(token, &key, &validation))
            })
            .ok_or(ProviderError::Key)??
            .claims;
        let is_this_login = token.nonce.as_deref().is_some_and(|said| is_same(said, nonce));
        let is_for_us = token.azp.as_ref().is_none_or(|azp| *azp == self.client_id);
        if is_this_login && is_for_us { Ok(token) } else { Err(ProviderError::OtherLogin) }
    }

    /// Asks what somebody is called (Core §5.3), whom the ID token named without.
    async fn user_info(&self, discovered: &Discovered, access_token: &str, sub: &str) -> Option<String> {
        let endpoint = discovered.userinfo_endpoint.as_ref()?;
        let request = Request::get(endpoint).header(AUTHORIZATION, format!("Bearer {access_token}"));
        let info: UserInfo = self.ask(request.body(Full::default()).ok()?).await.ok()?;
        if info.sub == sub { info.names.first() } else { None }
    }

    /// Returns what the provider says about itself, asked by one at a time.
    async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some((at, metadata)) = known.as_ref()
            && at.elapsed() < METADATA_LIFE
        {
            return Ok(metadata.clone());
        }
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let discovered: Discovered = self.get(&url).await?;
        if discovered.issuer != self.issuer {
            return Err(ProviderError::Issuer);
        }
        let keys = self.get(&discovered.jwks_uri).await?;
        let metadata = Arc::new(Metadata { discovered, keys });
        *known = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, ProviderError> {
        self.ask(Request::get(url).body(Full::default()).map_err(|_| ProviderError::Address)?).await
    }

    /// Sends one request. Redirections are not followed: the provider is where it says that it is.
    async fn ask<T: DeserializeOwned>(&self, mut request: Request<Full<Bytes>>) -> Result<T, ProviderError> {
        request.headers_mut().insert(ACCEPT, hyper::header::HeaderValue::from_static("application/json"));
        let (head, body) = self.client.ask(request).await?.into_parts();
        if head.status != StatusCode::OK {
            return Err(ProviderError::Status(head.status));
        }
        let body = body.collect().await.unwrap_or_else(|never| match never {}).to_bytes();
        Ok(serde_json::from_slice(&body)?)
    }
}

/// Hashes who somebody is at a provider: a subject is one person's at one issuer (Core §5.7).
fn id_of(issuer: &str, subject: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(issuer.as_bytes());
    context.update(&[0]);
    context.update(subject.as_bytes());
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Returns 256 random bits as letters, of which a verifier may be made (RFC 7636 §4.1).
fn random() -> Result<String, ProviderError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| ProviderError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Writes fields as a form does.
fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    /// Far in the future: what is looked at here is not the time.
    const EXP: u64 = 4_000_000_000;

    fn provider() -> Provider {
        let config = OidcConfig {
            issuer: crate::config::Issuer::new("https://login.example.org"),
            client_id: crate::config::OidcClientId("allo".to_owned()),
            ..OidcConfig::default()
        };
        Provider::new(&config).unwrap().unwrap()
    }

    /// Returns a new key, and the set that has its public half.
    fn key(kid: &str) -> (EncodingKey, JwkSet) {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(pair.public_key_raw()),
        });
        let keys = serde_json::from_value(json!({ "keys": [jwk] })).unwrap();
        (EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).unwrap(), keys)
    }

    fn claims() -> Value {
        json!({
            "iss": "https://login.example.org", "aud": "allo", "exp": EXP, "sub": "1", "nonce": "n", "name": "Ada",
        })
    }

    fn sign(key: &EncodingKey, kid: &str, claims: &Value) -> String {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, key).unwrap()
    }

    #[test]
    fn an_id_token_is_the_providers_for_this_server_and_this_login() {
        let (private, keys) = key("1");
        let read = |claims: &Value| provider().read_id_token(&keys, &sign(&private, "1", claims), "n");
        assert_eq!(read(&claims()).unwrap().names.first().as_deref(), Some("Ada"));
        for (name, value) in [
            ("iss", json!("https://evil.example")),
            ("aud", json!("other")),
            ("exp", json!(1)),
            ("nonce", json!("m")),
            ("nonce", json!(null)),
            ("azp", json!("other")),
            ("sub", json!(null)),
        ] {
            let mut claims = claims();
            claims[name] = value;
            assert!(read(&claims).is_err(), "{name}");
        }
    }

    #[test]
    fn an_id_token_is_signed_by_a_key_of_the_provider() {
        let (private, keys) = key("1");
        let (foreign, _) = key("1");
        let read = |token: &str| provider().read_id_token(&keys, token, "n").map(|_| ());
        assert!(matches!(read(&sign(&foreign, "1", &claims())), Err(ProviderError::IdToken(_))));
        assert!(matches!(read(&sign(&private, "2", &claims())), Err(ProviderError::Key)));
        let public = keys.keys[0].clone();
        let secret = EncodingKey::from_secret(&serde_json::to_vec(&public).unwrap());
        let confused = encode(&Header::default(), &claims(), &secret).unwrap();
        assert!(matches!(read(&confused), Err(ProviderError::Key)));
    }

    #[test]
    fn a_person_is_known_by_provider_and_subject() {
        assert_eq!(id_of("https://a.example", "ada"), id_of("https://a.example", "ada"));
        assert_ne!(id_of("https://a.example", "ada"), id_of("https://b.example", "ada"));
        assert_ne!(id_of("https://a.example", "ada"), id_of("https://a.example", "grace"));
    }
}
