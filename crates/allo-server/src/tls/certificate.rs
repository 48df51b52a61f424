//! What stands in a certificate.

use std::{collections::BTreeSet, net::IpAddr};

use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::{extensions::GeneralName, prelude::X509Certificate};

use super::Validity;

/// Reads a certificate; `None` when it is none.
pub(super) fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    x509_parser::parse_x509_certificate(certificate).ok().map(|(_, parsed)| parsed)
}

/// Returns whether a certificate is still good at `until`.
pub(super) fn lasts(certificate: &CertificateDer<'_>, until: OffsetDateTime) -> bool {
    parse(certificate).is_some_and(|parsed| parsed.validity().not_after.timestamp() >= until.unix_timestamp())
}

/// Returns from when until when a certificate is good; `None` when it is none.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let parsed = parse(certificate)?;
    let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok();
    let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
    Some(Validity { not_before: time(from.timestamp())?, not_after: time(until.timestamp())? })
}

/// Returns the names and addresses that a certificate is for.
pub(super) fn names_of(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    names.iter().filter_map(name_text).collect()
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}
