//! One order: from the domains to a certificate (RFC 8555 §7.4).

use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use super::{challenges::Challenges, failure::Failure};
use crate::{config::Domain, tls::TlsError};

/// How often the authority is asked whether it is done, and for how long.
const POLLS: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).timeout(Duration::from_mins(2));

/// Gets a certificate for `domains`; returns its key and its chain, in PEM.
pub(super) async fn fulfil(
    account: &Account,
    domains: &[Domain],
    challenges: &Challenges,
    has_plain_http: bool,
) -> Result<String, Failure> {
    let identifiers: Vec<_> =
        domains.iter().map(|domain| Identifier::Dns(domain.as_str().to_owned())).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    prove(&mut order, domains, challenges, has_plain_http).await?;
    match order.poll_ready(&POLLS).await {
        Ok(OrderStatus::Ready) => {}
        Ok(_) | Err(Error::Api(_)) => return Err(cause(&mut order).await),
        Err(error) => return Err(error.into()),
    }
    let key = KeyPair::generate().map_err(TlsError::from)?;
    order.finalize_csr(&request(domains, &key)?).await?;
    let chain = order.poll_certificate(&POLLS).await?;
    Ok(format!("{}{chain}", key.serialize_pem()))
}

/// Prepares the proofs that are wanted, and asks for each to be looked at.
async fn prove(
    order: &mut Order,
    domains: &[Domain],
    challenges: &Challenges,
    has_plain_http: bool,
) -> Result<(), Failure> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        // Proven for an earlier order, not long ago.
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let name = authorization.identifier().to_string();
        let domain = domains.iter().find(|domain| domain.as_str() == name).ok_or(Failure::Nonsense)?;
        // Who opened a port for it means it to be used: the other one may not be reached.
        let is_offered = authorization.challenges.iter().any(|it| it.r#type == ChallengeType::Http01);
        if has_plain_http && is_offered {
            let mut challenge = authorization.challenge(ChallengeType::Http01).ok_or(Failure::NoWay)?;
            challenges.offer_text(&challenge.token, challenge.key_authorization().as_str());
            challenge.set_ready().await?;
            continue;
        }
        let mut challenge = authorization.challenge(ChallengeType::TlsAlpn01).ok_or(Failure::NoWay)?;
        challenges.offer(domain, challenge.key_authorization().digest().as_ref())?;
        challenge.set_ready().await?;
    }
    Ok(())
}

/// Finds out which proof the authority did not accept, and why.
async fn cause(order: &mut Order) -> Failure {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { continue };
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return Failure::of_problem(problem);
        }
    }
    Failure::Refused
}

/// Makes the request to sign (RFC 2986). The names stand where browsers look for them, and nowhere else.
fn request(domains: &[Domain], key: &KeyPair) -> Result<Vec<u8>, TlsError> {
    let names: Vec<_> = domains.iter().map(|domain| domain.as_str().to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(key)?.der().to_vec())
}
