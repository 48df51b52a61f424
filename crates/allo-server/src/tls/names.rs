//! What this machine is called: the names and addresses that people may type.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Returns every name and address for the certificate.
pub(super) fn names(more: &[String]) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["localhost".to_owned()]);
    names.extend(
        [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()].map(|address| address.to_string()),
    );
    if let Some(host) = host_name() {
        // Phones and computers of the same network find each other by multicast DNS under `.local`.
        let short = host.split('.').next().unwrap_or(&host);
        names.insert(format!("{short}.local"));
        names.insert(host);
    }
    names.extend(local_addresses().iter().map(IpAddr::to_string));
    names.extend(more.iter().cloned());
    names
}

/// Returns the host name, if it is one that DNS could hold.
pub(super) fn host_name() -> Option<String> {
    let name = gethostname::gethostname().into_string().ok()?.to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    (name.len() <= 64 && name.split('.').all(is_label)).then_some(name)
}

/// Returns the addresses at which others reach this machine, those of home networks first.
pub(crate) fn local_addresses() -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .map(if_addrs::Interface::ip)
        .collect();
    let is_home = |address: &IpAddr| matches!(address, IpAddr::V4(address) if address.is_private());
    addresses.sort_by_key(|address| (!is_home(address), address.is_ipv6(), *address));
    addresses.dedup();
    addresses
}
