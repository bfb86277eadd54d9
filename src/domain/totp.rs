//! Codes of an authenticator (动态码, RFC 6238): six digits that change every thirty seconds, made of a secret and the time.

use crate::domain::intake::text::half_width;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

/// Seconds of one code.
const STEP_SECONDS: i64 = 30;
/// Codes before and behind that of the time are taken too, for clocks that differ.
const STEPS_AROUND: i64 = 1;
/// Bytes of a secret: as many as the hash has.
pub(crate) const SECRET_BYTES: usize = 20;
/// The signs of Base32 (RFC 4648), in which people type a secret.
const SIGNS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The code of a secret in one step.
fn code(secret: &[u8], step: i64) -> u32 {
    let hash = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret), &step.to_be_bytes());
    let hash = hash.as_ref();
    let at = usize::from(hash.last().copied().unwrap_or_default() & 0xf);
    let number = hash[at..at + 4].iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    (number & 0x7fff_ffff) % 1_000_000
}

/// The step whose code somebody has typed, at a time in Unix seconds; `None` = it is none of this time.
pub(crate) fn step_of(secret: &[u8], typed: &str, seconds: i64) -> Option<i64> {
    let digits: String = half_width(typed).chars().filter(|c| !c.is_whitespace()).collect();
    let number =
        Some(digits).filter(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse::<u32>().ok()?;
    let now = seconds.div_euclid(STEP_SECONDS);
    (now - STEPS_AROUND..=now + STEPS_AROUND).find(|step| code(secret, *step) == number)
}

/// A secret in Base32, as authenticators take it.
pub(crate) fn base32(secret: &[u8]) -> String {
    let (mut out, mut bits, mut count) = (String::new(), 0u32, 0);
    for byte in secret {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            out.push(char::from(SIGNS[(bits >> count & 31) as usize]));
        }
    }
    if count > 0 {
        out.push(char::from(SIGNS[(bits << (5 - count) & 31) as usize]));
    }
    out
}

/// The address that an authenticator reads: who issues the codes, for which account.
pub(crate) fn address(issuer: &str, account: &str, secret: &[u8]) -> String {
    let part = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let (issuer, account) = (part(issuer), part(account));
    format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", base32(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the test vectors of RFC 6238.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_standard() {
        for (seconds, expected) in
            [(59, 287_082), (1_111_111_109, 81_804), (1_111_111_111, 50_471), (1_234_567_890, 5_924), (2_000_000_000, 279_037)]
        {
            assert_eq!(code(SECRET, seconds / STEP_SECONDS), expected, "{seconds}");
        }
        assert_eq!(base32(SECRET), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(base32(b"a"), "ME");
        assert_eq!(
            address("省 局", "王五", b"a"),
            "otpauth://totp/%E7%9C%81%20%E5%B1%80:%E7%8E%8B%E4%BA%94?secret=ME&issuer=%E7%9C%81%20%E5%B1%80"
        );
    }

    #[test]
    fn a_code_is_good_for_its_own_time_and_the_next_to_it() {
        let at = 1_111_111_111;
        let typed = format!("{:06}", code(SECRET, at / STEP_SECONDS));
        for (seconds, is_good) in [(at, true), (at - 30, true), (at + 30, true), (at - 61, false), (at + 61, false)] {
            assert_eq!(step_of(SECRET, &typed, seconds).is_some(), is_good, "{seconds}");
        }
        for typed in [" 050 471 ", "０５０４７１", "０５０　471"] {
            assert_eq!(step_of(SECRET, typed, at), Some(at / STEP_SECONDS), "{typed}");
        }
        for typed in ["", "50471", "0050471", "05047a", "٠٥٠٤٧١"] {
            assert_eq!(step_of(SECRET, typed, at), None, "{typed}");
        }
    }
}
