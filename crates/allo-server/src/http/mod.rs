//! HTTP: ten paths and the page. Every request is first asked where it comes from and how.

mod headers;
mod page;
pub(crate) mod plain;
mod visitor;

use std::{net::SocketAddr, sync::Arc};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderMap, HeaderValue},
};
use serde_json::json;
use tracing::debug;

use self::visitor::Transport;
pub(crate) use self::{page::percent_decoded, visitor::Visitor};
use crate::{server::Shared, signaling};

/// What a browser gets.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Answers one request that came from `peer`.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    peer: SocketAddr,
    is_tls: bool,
    request: Request<Incoming>,
) -> Answer {
    let visitor = Visitor::of(&request, peer.ip(), is_tls, &shared.config);
    debug!(method = %request.method(), "request");
    let has_body = has_body(request.headers());
    let mut answer = match &visitor {
        Ok(_) if has_body && is_reading(request.method()) => {
            text(StatusCode::BAD_REQUEST, "There is no use for a body.")
        }
        Ok(visitor) => admit(shared, visitor, request).await,
        Err(refusal) => text(StatusCode::BAD_REQUEST, refusal),
    };
    if has_body {
        // No body is ever read. What follows one could be a request that a proxy in front did not see: it is not read either.
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let has_trusted_certificate = visitor.is_ok_and(|visitor| match visitor.transport {
        Transport::ProxiedTls => true,
        Transport::Tls => shared.has_public_certificate(),
        Transport::Local | Transport::Plain | Transport::Untold => false,
    });
    headers::secure(answer.headers_mut(), has_trusted_certificate);
    answer
}

/// Lets a request through when its way here is private enough.
async fn admit(shared: &Arc<Shared>, visitor: &Visitor, request: Request<Incoming>) -> Answer {
    match visitor.transport {
        Transport::Tls | Transport::ProxiedTls | Transport::Local => route(shared, visitor, request).await,
        Transport::Plain if is_document(&request) => match visitor.https_url(&request) {
            Some(location) => redirect(location),
            None => text(StatusCode::BAD_REQUEST, "This address cannot be redirected to."),
        },
        Transport::Plain => text(StatusCode::FORBIDDEN, "Server requires HTTPS."),
        Transport::Untold => text(
            StatusCode::FORBIDDEN,
            "Server requires HTTPS.\nThe proxy in front of it does not send X-Forwarded-Proto.",
        ),
    }
}

async fn route(shared: &Arc<Shared>, visitor: &Visitor, request: Request<Incoming>) -> Answer {
    if !is_reading(request.method()) {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "This server answers GET and HEAD only.");
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match request.uri().path() {
        "/ws" => signaling::upgrade(shared, visitor, request),
        "/health" => health(shared).await,
        "/config.json" => configuration(shared, request.headers()),
        path if path == "/login" || path.starts_with("/login/") => sign_in(shared, visitor, &request).await,
        "/robots.txt" => text(StatusCode::OK, "User-agent: *\nDisallow: /"),
        "/ca.crt" => authority(shared),
        // For `allo doctor` on this machine, and nobody else.
        "/doctor.json" if visitor.transport == Transport::Local => {
            json(&shared.failures.json(std::time::Instant::now()))
        }
        "/doctor.json" => not_found(),
        _ => page::answer(&request, shared.config.rooms.room_name_bytes),
    }
}

/// Tells the page what it has to know before it connects.
fn configuration(shared: &Shared, headers: &HeaderMap) -> Answer {
    let mut configuration = json!({ "negotiation": shared.config.negotiation.name() });
    if let Some(logins) = &shared.logins {
        let session = logins.session(headers);
        configuration["login"] = json!({
            "signedIn": session.is_some(),
            "name": session.and_then(|session| session.name),
        });
    }
    json(&configuration)
}

/// Sends somebody to the provider that people sign in at, or back from there.
async fn sign_in(shared: &Shared, visitor: &Visitor, request: &Request<Incoming>) -> Answer {
    let Some(logins) = &shared.logins else { return not_found() };
    let query = request.uri().query().unwrap_or("");
    let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    let redirect = match request.uri().path() {
        "/login" => logins.begin(visitor, query).await,
        "/login/done" => logins.finish(visitor, request.headers(), query).await,
        // Another site's page signs nobody out.
        "/login/end" if site != Some(b"cross-site") => logins.end(query),
        _ => return not_found(),
    };
    let mut answer = text(StatusCode::SEE_OTHER, "Go on there.");
    for cookie in redirect.cookies {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    match HeaderValue::from_str(&redirect.location) {
        Ok(location) => answer.headers_mut().insert(header::LOCATION, location),
        Err(_) => return not_found(),
    };
    answer
}

/// Tells whether the server is well, for those who watch over it.
async fn health(shared: &Shared) -> Answer {
    let Some(counts) = shared.counts().await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "The rooms do not answer.");
    };
    json(&json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "rooms": counts.rooms,
        "participants": counts.participants,
        "connections": counts.connections,
        "sessions": counts.sessions,
    }))
}

/// Gives the local authority's certificate, so that a phone can be told to trust it.
fn authority(shared: &Shared) -> Answer {
    let Some(certificate) = shared.tls.as_ref().and_then(|tls| tls.authority()) else { return not_found() };
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(certificate)));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-x509-ca-cert"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn has_body(headers: &HeaderMap) -> bool {
    let has_length = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    has_length || headers.contains_key(header::TRANSFER_ENCODING)
}

fn is_reading(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Returns whether a browser asks for something to show, and can follow a redirection.
fn is_document<B>(request: &Request<B>) -> bool {
    is_reading(request.method()) && !request.headers().contains_key(header::UPGRADE)
}

fn redirect(location: HeaderValue) -> Answer {
    let mut answer = text(StatusCode::MOVED_PERMANENTLY, "Server requires HTTPS.");
    answer.headers_mut().insert(header::LOCATION, location);
    answer
}

fn json(value: &serde_json::Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(value.to_string())));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

pub(crate) fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "There is nothing here.")
}

/// Answers with a sentence.
pub(crate) fn text(status: StatusCode, sentence: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(format!("{sentence}\n"))));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
