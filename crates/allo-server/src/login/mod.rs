//! Signing in at a provider that the operator names (`OpenID` Connect): for a name, and for who may open and own rooms.
//!
//! ```text
//! page ── /login?room=… ──► provider ── /login/done?code=… ──► session cookie ──► page
//! ```
//!
//! Nothing of it is kept in memory: what has to be known when somebody comes back is in a sealed cookie of theirs (RFC 6265).

mod provider;
mod seal;

use std::{
    fmt,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use allo_room::{IdentitySecret, LoginId, RoomName};
use hyper::header::{self, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::warn;

use self::{
    provider::{Provider, ProviderError},
    seal::Seal,
};
use crate::{config::Config, http::Visitor, tls::TlsError};

/// How long somebody stays signed in. It counts when a page connects, not while it is connected.
///
/// Higher: people sign in less often. Lower: whoever was put out at the provider comes in for less long.
const SESSION_LIFE: Duration = Duration::from_hours(8);

/// The time to sign in at the provider. Beyond: begun anew.
const START_LIFE: Duration = Duration::from_mins(10);

/// The longest cookie that is looked at, in bytes: more than any that was given. A longer one counts for nothing.
const COOKIE_BYTES_MAX: usize = 4096;

/// Bytes of a name that are taken from the provider: far more than a room takes. What is beyond is cut.
const NAME_BYTES_MAX: usize = 512;

const START: &str = "allo-login";
const SESSION: &str = "allo-session";

/// Signing in cannot be offered.
#[derive(Debug, Error)]
pub enum LoginError {
    /// The client's secret cannot be read.
    #[error("cannot read {path}, the secret of oidc-client-secret")]
    Secret {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Whom to trust as the provider cannot be read.
    #[error(transparent)]
    Authority(#[from] TlsError),
    /// The system gives no key to seal cookies with.
    #[error("cannot make the key of cookies")]
    Key,
}

/// What has to be known when somebody comes back from the provider.
#[derive(Serialize, Deserialize)]
struct Start {
    state: String,
    nonce: String,
    verifier: String,
    /// Where to go on; empty for the first page.
    room: String,
}

/// Who has signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The same for the same person, and nothing else about them.
    id: [u8; 32],
    pub(crate) name: Option<String>,
}

impl Session {
    pub(crate) fn id(&self) -> LoginId {
        LoginId::new(self.id)
    }
}

/// Where a browser is to go, and which cookies it is to have then.
pub(crate) struct Redirect {
    pub(crate) location: String,
    pub(crate) cookies: Vec<HeaderValue>,
}

/// Lets people sign in.
pub(crate) struct Logins {
    provider: Provider,
    seal: Seal,
    room_name_bytes: u32,
}

impl Logins {
    /// Makes it ready; `None` without a provider. Nobody is asked for anything yet.
    pub(crate) fn open(config: &Config, secret: &IdentitySecret) -> Result<Option<Self>, LoginError> {
        let Some(provider) = Provider::new(&config.oidc)? else { return Ok(None) };
        let seal = Seal::new(&secret.derive("logins")).ok_or(LoginError::Key)?;
        Ok(Some(Self { provider, seal, room_name_bytes: config.rooms.room_name_bytes }))
    }

    /// Sends somebody to the provider.
    pub(crate) async fn begin(&self, visitor: &Visitor, query: &str) -> Redirect {
        let room = self.room(parameter(query, "room"));
        match self.provider.begin(&done_url(visitor)).await {
            Ok(begun) => {
                let start = Start { state: begun.state, nonce: begun.nonce, verifier: begun.verifier, room };
                let sealed = self.seal.close(START, &start, now() + START_LIFE);
                let cookie = cookie(START, sealed.as_deref().unwrap_or(""), "/login", START_LIFE);
                Redirect { location: begun.url, cookies: cookie.into_iter().collect() }
            }
            Err(error) => failed(&room, &error, Vec::new()),
        }
    }

    /// Takes somebody who comes back from the provider.
    pub(crate) async fn finish(&self, visitor: &Visitor, headers: &HeaderMap, query: &str) -> Redirect {
        // Whatever comes of it, an attempt is one attempt.
        let mut cookies: Vec<HeaderValue> = forget(START, "/login").into_iter().collect();
        let start = read(headers, START).and_then(|sealed| self.seal.open::<Start>(START, sealed, now()));
        let Some(start) = start else { return failed("", &ProviderError::Unasked, cookies) };
        let (code, state) = (parameter(query, "code"), parameter(query, "state"));
        let is_ours = seal::is_same(state.as_deref().unwrap_or(""), &start.state);
        let Some(code) = code.filter(|_| is_ours) else {
            return failed(&start.room, &ProviderError::Unasked, cookies);
        };
        match self.provider.finish(&done_url(visitor), &code, &start.nonce, &start.verifier).await {
            Ok(person) => {
                let session = Session { id: person.id, name: person.name.map(|name| cut(&name)) };
                let sealed = self.seal.close(SESSION, &session, now() + SESSION_LIFE);
                cookies.extend(cookie(SESSION, sealed.as_deref().unwrap_or(""), "/", SESSION_LIFE));
                Redirect { location: path(&start.room), cookies }
            }
            Err(error) => failed(&start.room, &error, cookies),
        }
    }

    /// Signs somebody out, here; at the provider they stay what they are.
    pub(crate) fn end(&self, query: &str) -> Redirect {
        let room = self.room(parameter(query, "room"));
        Redirect { location: path(&room), cookies: forget(SESSION, "/").into_iter().collect() }
    }

    /// Returns who has signed in, by the cookies of a request.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        self.seal.open(SESSION, read(headers, SESSION)?, now())
    }

    /// Returns a room as the server writes it: nobody is sent anywhere else.
    fn room(&self, asked: Option<String>) -> String {
        let room = asked.and_then(|room| RoomName::parse(&room, self.room_name_bytes).ok());
        room.map(|room| room.as_str().to_owned()).unwrap_or_default()
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logins(..)")
    }
}

/// Sends somebody back to the page, which says that it did not work. Calls go on without.
fn failed(room: &str, error: &ProviderError, cookies: Vec<HeaderValue>) -> Redirect {
    match error {
        ProviderError::Unasked | ProviderError::Busy => {}
        error => warn!(error = crate::chain(error), "somebody could not sign in"),
    }
    Redirect { location: format!("{}#login-failed", path(room)), cookies }
}

/// Returns the address that the provider sends people back to.
fn done_url(visitor: &Visitor) -> String {
    format!("{}/login/done", visitor.origin())
}

fn path(room: &str) -> String {
    format!("/{}", percent_encoded(room))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Makes a cookie that no script sees, and that other sites' pages send only when somebody follows a link from them.
fn cookie(name: &str, value: &str, path: &str, life: Duration) -> Option<HeaderValue> {
    let life = life.as_secs();
    let text = format!("{name}={value}; Path={path}; Max-Age={life}; HttpOnly; Secure; SameSite=Lax");
    HeaderValue::from_str(&text).ok()
}

fn forget(name: &str, path: &str) -> Option<HeaderValue> {
    cookie(name, "", path, Duration::ZERO)
}

/// Returns the value of a cookie.
fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
        .filter(|value| value.len() <= COOKIE_BYTES_MAX)
}

/// Returns a parameter of a query.
fn parameter(query: &str, wanted: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
    crate::http::percent_decoded(&value.replace('+', " "))
}

/// Writes what is not a letter or digit of ASCII as `%XX` (RFC 3986 §2.1).
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn cut(name: &str) -> String {
    let end = (0..=NAME_BYTES_MAX.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
    name[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = |lines: &[&str]| read(&headers(lines), SESSION).map(str::to_owned);
        assert_eq!(found(&["allo-session=ab"]).as_deref(), Some("ab"));
        assert_eq!(found(&["a=b; allo-session=ab; c=d"]).as_deref(), Some("ab"));
        assert_eq!(found(&["a=b", "allo-session=ab"]).as_deref(), Some("ab"));
        for lines in [&[][..], &["allo-sessions=ab"], &["x-allo-session=ab"], &["allo-session"]] {
            assert_eq!(found(lines), None, "{lines:?}");
        }
        assert_eq!(found(&[&format!("allo-session={}", "a".repeat(5000))]), None);
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        let room = |query: &str| parameter(query, "room").map(|room| path(&room));
        assert_eq!(room("room=caf%C3%A9&x=1").as_deref(), Some("/caf%C3%A9"));
        assert_eq!(room("room=//evil.example").as_deref(), Some("/%2F%2Fevil%2Eexample"));
        assert_eq!(
            room("room=%0d%0aSet-Cookie:x").as_deref(),
            Some("/%0D%0ASet%2DCookie%3Ax".replace("%2D", "-").as_str())
        );
        assert_eq!(room("rooms=a"), None);
        assert_eq!(room("room=%zz"), None);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(cut("Ada"), "Ada");
        assert_eq!(cut(&"é".repeat(400)).chars().count(), 256);
    }
}
