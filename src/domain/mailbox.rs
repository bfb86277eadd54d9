//! Mail addresses and domains as the configuration may name them.

/// Labels under which everybody may register a name: an entry for one of them matches everybody.
const PUBLIC_SECOND_LEVELS: [&str; 4] = ["com.cn", "net.cn", "org.cn", "ac.cn"];

/// Top-level domains under which nobody can register a name (RFC 2606 and 6761, and those of inner networks).
const RESERVED: [&str; 7] = ["example", "invalid", "test", "localhost", "local", "internal", "lan"];

/// Why an address is none that a message can bear; `None` = it is one. Only ASCII, because not every server takes anything else.
pub fn fault(address: &str) -> Option<&'static str> {
    let Some((local, domain)) = address.rsplit_once('@') else { return Some("it has no @") };
    if local.is_empty() || local.len() > 64 {
        return Some("the part before @ is empty or longer than 64");
    }
    if !local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte)) {
        return Some("the part before @ holds a character that it may not");
    }
    if local.split('.').any(str::is_empty) {
        return Some("the part before @ begins or ends with a dot, or has two in a row");
    }
    if !domain.contains('.') {
        return Some("the part behind @ is no domain");
    }
    host_fault(domain)
}

/// Why a name is no domain.
pub fn host_fault(domain: &str) -> Option<&'static str> {
    if domain.len() > 253 || domain.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Some("the domain begins or ends with a dot, has two in a row, or is too long");
    }
    let is_fine = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !label.starts_with('-') && !label.ends_with('-')
    };
    if !domain.split('.').all(is_fine) {
        return Some("the domain holds a character that it may not");
    }
    let top = domain.rsplit('.').next().unwrap_or_default();
    top.bytes().all(|byte| byte.is_ascii_digit()).then_some("the domain ends in a number")
}

/// Why an entry of `allowed_domains` matches no address, or everybody's, with what to write; `None` = it is a domain.
pub fn domain_fault(domain: &str) -> Option<(&'static str, &'static str)> {
    if domain.is_empty() || host_fault(domain).is_some() {
        let hint = "write a domain such as tz.example.gov.cn, without @, *, spaces or dots around it; its subdomains are included";
        return Some(("matches no address", hint));
    }
    let lower = domain.to_ascii_lowercase();
    let is_public = !lower.contains('.') && !RESERVED.contains(&lower.as_str()) || PUBLIC_SECOND_LEVELS.contains(&lower.as_str());
    is_public.then_some(("matches everybody's addresses", "name the domains of the offices themselves"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_no_message_can_bear_are_known() {
        for good in ["522725@gz.example", "a.b-c_d+e@x-y.gov.cn", "A@X.CN", "a@b.xn--fiqs8s"] {
            assert_eq!(fault(good), None, "{good}");
        }
        let bad = "|a|@x.cn|a@|a@x.cn.|.a@x.cn|a.@x.cn|a..b@x.cn|a b@x.cn|a@x..cn|a@.x.cn|a@-x.cn|a@x-.cn|a@x_y.cn|a@x|a@1.2.3.4|甲@x.cn|a@甲.cn|\
            a@b@x.cn|<a@x.cn>|a@x.cn |a@x.cn\n";
        for bad in bad.split('|') {
            assert!(fault(bad).is_some(), "{bad}");
        }
        assert!(fault(&format!("{}@x.cn", "a".repeat(65))).is_some());
    }

    #[test]
    fn domains_that_match_nobody_or_everybody_are_known() {
        for good in ["example", "invalid", "gov.cn", "tz.example.gov.cn", "QQ.com"] {
            assert_eq!(domain_fault(good), None, "{good}");
        }
        for nobody in ["", ".", "*.gov.cn", "@x", " x", "x.cn ", ".x.cn", "x.cn.", "x..cn", "a@x.cn", "甲.cn"] {
            assert_eq!(domain_fault(nobody).map(|(fault, _)| fault), Some("matches no address"), "{nobody}");
        }
        for everybody in ["cn", "com", "COM.cn"] {
            assert_eq!(domain_fault(everybody).map(|(fault, _)| fault), Some("matches everybody's addresses"), "{everybody}");
        }
    }
}
