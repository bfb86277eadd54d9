//! The section `[portal]` of `config/duban.toml`: whether there are pages, where they listen, and how browsers reach them.

use crate::domain::problem::ProblemsAt;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalSettings {
    /// `false` = nothing listens.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Address and port.
    #[serde(default = "this_machine")]
    pub listen: SocketAddr,
    /// Certificate chain and key (PEM), relative to the root; without them the portal speaks plain http.
    pub certificate: Option<String>,
    pub key: Option<String>,
    /// Names by which browsers reach it, without port; this machine's own are always taken.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Addresses of proxies that may name the address of a client, and that speak https with browsers.
    #[serde(default)]
    pub proxies: Vec<IpAddr>,
    /// Where `/readyz` and `/metrics` are answered, apart from the pages and without a login; `None` = nowhere.
    pub health_listen: Option<SocketAddr>,
    /// A file, relative to the root, with the token by which machines ask for `/readyz` and `/metrics` on the listener of the pages
    /// (`Authorization: Bearer TOKEN`); `None` = they are not answered there.
    pub health_token_file: Option<String>,
    /// Every account has to set up a second factor at its first login.
    #[serde(default)]
    pub must_have_code: bool,
    /// Plain http may cross a network; every page warns of it.
    #[serde(default)]
    pub insecure_http: bool,
}

fn enabled() -> bool {
    true
}

fn this_machine() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))
}

/// What an office has that does not name the section: pages for this machine alone.
impl Default for PortalSettings {
    fn default() -> Self {
        PortalSettings {
            enabled: enabled(),
            listen: this_machine(),
            certificate: None,
            key: None,
            hosts: Vec::new(),
            proxies: Vec::new(),
            health_listen: None,
            health_token_file: None,
            must_have_code: false,
            insecure_http: false,
        }
    }
}

impl PortalSettings {
    /// Whether browsers on other machines reach the portal without a proxy.
    pub fn is_reached_from_afar(&self) -> bool {
        self.enabled && !self.listen.ip().is_loopback()
    }
}

/// Checks what the types do not.
pub(crate) fn check(portal: &PortalSettings, at: &mut ProblemsAt<'_>) {
    if portal.certificate.is_some() != portal.key.is_some() {
        at.report("certificate and key belong together", Some("name both files, or neither".into()));
    }
    let is_plain = portal.certificate.is_none() && portal.proxies.is_empty();
    if is_plain && portal.is_reached_from_afar() && !portal.insecure_http {
        at.report(
            format!("{} is reached from other machines, and passwords would cross the network in plain text", portal.listen),
            Some("name certificate and key, or the proxy with proxies = [\"ADDRESS\"], or accept it with insecure_http = true".into()),
        );
    }
    if portal.is_reached_from_afar() && portal.hosts.is_empty() {
        at.report(
            format!("{} is reached from other machines, but hosts names no name of it", portal.listen),
            Some("hosts = [\"duban.gz.example\"], as browsers show it".into()),
        );
    }
    if let Some(health) = portal.health_listen {
        if !health.ip().is_loopback() {
            let hint = "listen on 127.0.0.1, and let a proxy that asks for a password answer other machines";
            at.report(format!("health_listen {health} would show the state of the service to other machines"), Some(hint.into()));
        }
        if health == portal.listen && health.port() != 0 {
            at.report("health_listen and listen are the same address", Some("take another port".into()));
        }
    }
    for host in &portal.hosts {
        let is_name = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        if !is_name {
            at.report(format!("hosts: \"{host}\" is no name of a machine"), Some("write it without port and without https://".into()));
        }
    }
}
