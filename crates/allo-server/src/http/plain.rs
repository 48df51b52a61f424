//! What is answered at the port for plain HTTP: where HTTPS is, and the proofs of an authority (HTTP-01, RFC 8555 §8.3).

use http_body_util::Full;
use hyper::{HeaderMap, Request, StatusCode, body::Bytes, header};

use super::{Answer, headers, is_document, not_found, redirect, text, visitor};
use crate::server::Shared;

/// Where an authority looks for a proof, before its token.
const PROOFS: &str = "/.well-known/acme-challenge/";

/// Answers one request. No body is read: the connection ends after the answer to a request that has one.
pub(crate) fn answer<B>(shared: &Shared, request: &Request<B>) -> Answer {
    let mut answer = match request.uri().path().strip_prefix(PROOFS) {
        Some(token) => proof(shared, token),
        None if is_document(request) => match visitor::https_url(request, shared.config.port) {
            Some(location) => redirect(location),
            None => text(StatusCode::BAD_REQUEST, "This address cannot be redirected to."),
        },
        None => text(StatusCode::FORBIDDEN, "Server requires HTTPS."),
    };
    close_after_body(request.headers(), answer.headers_mut());
    headers::secure(answer.headers_mut(), false);
    answer
}

fn proof(shared: &Shared, token: &str) -> Answer {
    let Some(proof) = shared.tls.as_ref().and_then(|tls| tls.proof(token)) else { return not_found() };
    let mut answer = text(StatusCode::OK, "");
    *answer.body_mut() = Full::new(Bytes::from(proof));
    answer
}

fn close_after_body(request: &HeaderMap, answer: &mut HeaderMap) {
    if super::has_body(request) {
        answer.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
}
