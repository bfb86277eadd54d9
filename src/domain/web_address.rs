//! Addresses of the web as far as the service calls them: `https://host[:port]/path`, and `http` on this machine.

use crate::domain::database_url::is_this_machine;

/// An address that the service may call.
#[derive(Clone, PartialEq, Eq)]
pub struct WebAddress {
    pub is_encrypted: bool,
    pub host: String,
    pub port: u16,
    /// Path and query, which may hold a key: never shown.
    pub path: String,
}

impl std::fmt::Debug for WebAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.host)
    }
}

impl WebAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// Why the service does not call it; the message repeats nothing of the address.
    pub fn parse(text: &str) -> Result<WebAddress, &'static str> {
        let text = text.trim();
        let (is_encrypted, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err("it begins neither with https:// nor with http://"),
        };
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
            return Err("it holds a space or a character that no address holds");
        }
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (place, path) = rest.split_at(at);
        if place.contains('@') {
            return Err("it holds a user");
        }
        let is_bare = place.starts_with('[') && place.ends_with(']') || !place.contains(':');
        let (host, port) =
            if is_bare { (place, None) } else { place.rsplit_once(':').map_or((place, None), |(host, port)| (host, Some(port))) };
        let standard = if is_encrypted { 443 } else { 80 };
        let port = port.map_or(Ok(standard), str::parse).map_err(|_| "its port is no number")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("it names no host");
        }
        if !is_encrypted && !is_this_machine(&host) {
            return Err("it is not https, and another machine");
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(WebAddress { is_encrypted, host, port, path })
    }

    /// The address with something added to its path, before the query.
    pub fn below(&self, more: &str) -> WebAddress {
        let (path, query) = self.path.split_at(self.path.find('?').unwrap_or(self.path.len()));
        WebAddress { path: format!("{}{more}{query}", path.trim_end_matches('/')), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_parts() {
        let address = WebAddress::parse("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a-91").unwrap();
        assert_eq!(
            (address.host.as_str(), address.port, address.path.as_str()),
            ("qyapi.weixin.qq.com", 443, "/cgi-bin/webhook/send?key=693a-91")
        );
        assert_eq!(format!("{address:?}"), "qyapi.weixin.qq.com", "the key is never shown");
        let address = WebAddress::parse("http://127.0.0.1:8000/ping/7").unwrap();
        assert_eq!((address.is_encrypted, address.port, address.below("/fail").path.as_str()), (false, 8000, "/ping/7/fail"));
        assert_eq!(WebAddress::parse("https://hc.example?a=1").unwrap().below("/fail").path, "/fail?a=1");
        assert_eq!(WebAddress::parse("http://[::1]:8000").unwrap().host, "::1");
        for bad in [
            "",
            "hc.example",
            "ftp://x",
            "https://",
            "https://a:b@x/",
            "http://hc.example/",
            "https://x:y/",
            "https://x/甲",
            "https://x/a b",
        ] {
            assert!(WebAddress::parse(bad).is_err(), "{bad}");
        }
    }
}
