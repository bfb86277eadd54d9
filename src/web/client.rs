//! Where a request comes from, and by which name the browser reached us. A header is believed only from a listed proxy.

use crate::config::portal_settings::PortalSettings;
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use std::net::{IpAddr, SocketAddr};

/// The other end of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// Whether the browser speaks https, with us or with a listed proxy.
    pub(crate) is_https: bool,
    /// Name and port by which the browser reached us, as it sent them.
    pub(crate) host: String,
    /// It came past the proxies that speak https: its password would cross the network in plain text.
    pub(crate) is_past_proxies: bool,
}

/// A header as text; empty = there is none, or it is no text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Client {
    pub(crate) fn of(settings: &PortalSettings, peer: SocketAddr, headers: &HeaderMap) -> Client {
        let is_proxy = |address: &IpAddr| settings.proxies.contains(&address.to_canonical());
        let peer = peer.ip().to_canonical();
        let is_plain = settings.certificate.is_none() && !settings.insecure_http;
        let mut client = Client {
            address: peer,
            is_https: settings.certificate.is_some(),
            host: header(headers, HOST.as_str()).to_ascii_lowercase(),
            is_past_proxies: is_plain && !settings.proxies.is_empty() && !is_proxy(&peer) && !peer.is_loopback(),
        };
        if is_proxy(&peer) {
            let named =
                headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
            // counted from the right: what is left of the last address that is no proxy may be made up
            let named: Vec<&str> = named.map(str::trim).collect();
            for text in named.iter().rev() {
                let Ok(address) = text.parse::<IpAddr>() else { break };
                client.address = address.to_canonical();
                if !is_proxy(&client.address) {
                    break;
                }
            }
            client.is_https = header(headers, "x-forwarded-proto").eq_ignore_ascii_case("https");
        }
        client
    }

    /// Whether the name by which the browser reached us is one of ours, so that no foreign page reaches us under its own name.
    pub(crate) fn is_host_known(&self, settings: &PortalSettings) -> bool {
        let name = match self.host.rsplit_once(':') {
            Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
            _ => &self.host,
        };
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let is_own = name == "localhost" || address.is_some_and(|address| address.is_loopback() || address == settings.listen.ip());
        is_own || settings.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether a POST comes from one of our own pages.
    pub(crate) fn is_same_origin(&self, headers: &HeaderMap) -> bool {
        match header(headers, "sec-fetch-site") {
            "" => {}
            site => return site == "same-origin",
        }
        let scheme = if self.is_https { "https" } else { "http" };
        header(headers, ORIGIN.as_str()).eq_ignore_ascii_case(&format!("{scheme}://{}", self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> PortalSettings {
        PortalSettings {
            listen: "192.0.2.1:8080".parse().unwrap(),
            hosts: vec!["duban.gz.example".into()],
            proxies: vec!["192.0.2.9".parse().unwrap(), "192.0.2.10".parse().unwrap()],
            ..PortalSettings::default()
        }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_a_listed_proxy_names_another_address() {
        let of = |peer: &str, lines: &[(&'static str, &str)]| Client::of(&settings(), peer.parse().unwrap(), &headers(lines));
        let forged = [("x-forwarded-for", "10.0.0.1"), ("x-forwarded-proto", "https")];
        let direct = of("198.51.100.7:999", &forged);
        assert_eq!((direct.address.to_string().as_str(), direct.is_https, direct.is_past_proxies), ("198.51.100.7", false, true));
        assert!(!of("127.0.0.1:999", &[]).is_past_proxies && !of("192.0.2.10:999", &[]).is_past_proxies);
        let proxied = of("192.0.2.9:999", &[("x-forwarded-for", "10.0.0.1, 203.0.113.5, 192.0.2.10"), ("x-forwarded-proto", "https")]);
        assert_eq!((proxied.address.to_string().as_str(), proxied.is_https), ("203.0.113.5", true));
        assert_eq!(of("192.0.2.9:999", &[("x-forwarded-for", "unknown")]).address.to_string(), "192.0.2.9");
        assert_eq!(of("[::ffff:192.0.2.9]:999", &[("x-forwarded-for", "10.0.0.1")]).address.to_string(), "10.0.0.1");
    }

    #[test]
    fn a_foreign_name_is_not_ours() {
        let known =
            |host: &str| Client::of(&settings(), "198.51.100.7:9".parse().unwrap(), &headers(&[("host", host)])).is_host_known(&settings());
        for host in ["duban.gz.example", "DUBAN.gz.example:8080", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "192.0.2.1:8080"] {
            assert!(known(host), "{host}");
        }
        for host in ["", "evil.example", "duban.gz.example.evil.example", "192.0.2.2"] {
            assert!(!known(host), "{host}");
        }
    }

    #[test]
    fn a_post_comes_from_our_own_page() {
        let from = |lines: &[(&'static str, &str)]| {
            let mut all = vec![("host", "duban.gz.example:8080")];
            all.extend_from_slice(lines);
            let headers = headers(&all);
            Client::of(&settings(), "198.51.100.7:9".parse().unwrap(), &headers).is_same_origin(&headers)
        };
        assert!(from(&[("sec-fetch-site", "same-origin")]));
        assert!(from(&[("origin", "http://duban.gz.example:8080")]));
        for lines in [
            &[][..],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://duban.gz.example:8080")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://duban.gz.example:8080")],
            &[("origin", "null")],
        ] {
            assert!(!from(lines), "{lines:?}");
        }
    }
}
