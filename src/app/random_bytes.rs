//! What tokens, codes and secrets are made of.

use anyhow::anyhow;
use ring::rand::{SecureRandom, SystemRandom};

/// # Errors
/// The system gives no random bytes.
pub(crate) fn random_bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("the system gives no random bytes"))?;
    Ok(bytes)
}
