//! What every answer says to the browser about what the page may do.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// Scripts, styles and connections of this server only; no plug-in, no frame, no form. Svelte makes its templates with a
/// Trusted Types policy of its own; `allo` is ours, and makes the address of one script: that of the background. `wasm-unsafe-eval` lets
/// WebAssembly be compiled, and nothing else: not one string becomes script by it. Without it browsers refuse both of the filters that
/// people may put over their sound and their picture.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
    img-src 'self' blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types allo svelte-trusted-html";

const PERMISSIONS_POLICY: &str = "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), \
    autoplay=(self), screen-wake-lock=(self), speaker-selection=(self), picture-in-picture=(self), \
    clipboard-write=(self), accelerometer=(), bluetooth=(), browsing-topics=(), geolocation=(), gyroscope=(), hid=(), \
    magnetometer=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=(), xr-spatial-tracking=()";

const HEADERS: [(&str, &str); 8] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("permissions-policy", PERMISSIONS_POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

/// Adds the security headers.
///
/// Only a host with a certificate that browsers trust by themselves is remembered as HTTPS for good: with the local
/// authority's, it would take away the button by which people go on, the first time.
pub(super) fn secure(headers: &mut HeaderMap, has_trusted_certificate: bool) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if has_trusted_certificate {
        let two_years = HeaderValue::from_static("max-age=63072000");
        headers.insert(hyper::header::STRICT_TRANSPORT_SECURITY, two_years);
    }
}
