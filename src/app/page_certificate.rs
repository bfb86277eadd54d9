//! The certificate of the pages and its key, as https needs them.

use anyhow::{Context, anyhow, ensure};
use chrono::{DateTime, NaiveDate, Utc};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error as TlsError, ServerConfig};
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// Reads the certificate chain and its key (PEM) for a server that speaks HTTP/1.1 alone, because the pages are served in no other version.
///
/// # Errors
/// A file cannot be read or holds something else, or the key belongs to another certificate.
pub(crate) fn server_tls(certificate: &Path, key: &Path) -> anyhow::Result<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| anyhow!("[portal] certificate：{}{}", certificate.display(), fault(&error, "证书")))?;
    ensure!(!chain.is_empty(), "[portal] certificate：{}中没有证书（PEM格式，以-----BEGIN CERTIFICATE-----开头）", certificate.display());
    let own_key = PrivateKeyDer::from_pem_file(key).map_err(|error| anyhow!("[portal] key：{}{}", key.display(), fault(&error, "私钥")))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS")?
        .with_no_client_auth()
        .with_single_cert(chain, own_key)
        .map_err(|error| match error {
            TlsError::InconsistentKeys(_) => {
                anyhow!("[portal] {}与{}不是一对：私钥要与证书文件中的第一张证书配套", certificate.display(), key.display())
            }
            other => anyhow!("[portal] {}或{}不能用于https（{other}）", certificate.display(), key.display()),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Days before its end from which a certificate has to be replaced.
const RENEWAL_DAYS: i64 = 30;

/// How long the certificate is valid, and what to do about it on a day.
///
/// # Errors
/// The file does not begin with a certificate.
pub(crate) fn validity_text(certificate: &Path, today: NaiveDate) -> anyhow::Result<String> {
    let first = CertificateDer::from_pem_file(certificate)
        .map_err(|error| anyhow!("[portal] certificate：{}{}", certificate.display(), fault(&error, "证书")))?;
    let parsed = Certificate::from_der(&first).ok().with_context(|| format!("{}中的第一张证书不完好", certificate.display()))?;
    let end = i64::try_from(parsed.tbs_certificate.validity.not_after.to_unix_duration().as_secs()).ok();
    let end = end.and_then(|end| DateTime::<Utc>::from_timestamp(end, 0)).context("有效期")?.date_naive();
    let day = end.format("%Y年%-m月%-d日");
    Ok(match (end - today).num_days() {
        ..0 => format!("注意：网页的证书已于{day}过期，浏览器会拒绝打开，请更换{}", certificate.display()),
        left @ 0..RENEWAL_DAYS => format!("注意：网页的证书{day}到期，还有{left}天，请更换{}", certificate.display()),
        _ => format!("网页的证书有效期至{day}"),
    })
}

/// What is wrong with a PEM file that should hold `what`.
fn fault(error: &PemError, what: &str) -> String {
    match error {
        PemError::Io(error) => match error.kind() {
            std::io::ErrorKind::NotFound => "不存在".to_owned(),
            std::io::ErrorKind::PermissionDenied => "没有读取权限".to_owned(),
            _ => format!("读不出（{error}）"),
        },
        PemError::NoItemsFound => format!("中没有{what}（PEM格式）"),
        other => format!("不是完好的PEM文件（{other}）"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
    }

    /// A browser that is offered HTTP/2 begins with it, and is cut off.
    #[test]
    fn browsers_are_offered_the_version_that_is_served() {
        assert_eq!(server_tls(&fixture("good.pem"), &fixture("good.key")).unwrap().alpn_protocols, [b"http/1.1"]);
    }

    #[test]
    fn the_end_of_a_certificate_is_stated_before_it_comes() {
        let until = |name: &str, today: &str| validity_text(&fixture(name), today.parse().unwrap()).unwrap();
        assert_eq!(until("good.pem", "2126-09-30"), "网页的证书有效期至2126年10月30日");
        assert!(until("good.pem", "2126-10-01").starts_with("注意：网页的证书2126年10月30日到期，还有29天，请更换"));
        assert!(until("good.pem", "2126-10-30").contains("还有0天"));
        assert!(until("expired.pem", "2021-01-02").starts_with("注意：网页的证书已于2021年1月1日过期"));
        let fault = validity_text(&fixture("good.key"), NaiveDate::default()).unwrap_err().to_string();
        assert!(fault.contains("good.key中没有证书（PEM格式"), "{fault}");
    }

    #[test]
    fn faults_of_the_files_are_in_chinese() {
        for (certificate, key, expected) in [
            ("none.pem", "good.key", "none.pem不存在"),
            ("good.key", "good.key", "good.key中没有证书（PEM格式"),
            ("good.pem", "good.pem", "good.pem中没有私钥（PEM格式）"),
            ("good.pem", "expired.key", "不是一对"),
        ] {
            let fault = server_tls(&fixture(certificate), &fixture(key)).unwrap_err().to_string();
            assert!(fault.contains(expected), "{fault}");
        }
    }
}
