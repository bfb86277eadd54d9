//! Passwords of the portal as argon2id hashes. Hashing takes memory and time, so few are made at once and few may wait.

use anyhow::{anyhow, ensure};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// Memory of one hash in KiB, passes over it, and lanes (OWASP names 46 MiB and one pass as the least).
const MEMORY_KIB: u32 = 47 * 1024;
const PASSES: u32 = 1;
const LANES: u32 = 1;

/// Hashes that are made at the same time, and that wait for one of these.
const AT_ONCE: usize = 4;
const WAITING_MAX: usize = 16;

/// Makes and checks password hashes.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    working: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// Held while the wrong attempts are counted and one more is noted.
    pub(crate) counting: Arc<Mutex<()>>,
    /// A hash of no account, which takes as long as that of one.
    nobody: Arc<str>,
}

/// Too many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// A place among those whose passwords are looked at, until it is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl Passwords {
    /// # Errors
    /// The system gives no random bytes.
    pub(crate) fn new() -> anyhow::Result<Passwords> {
        Ok(Passwords {
            working: Arc::new(Semaphore::new(AT_ONCE)),
            admitted: Arc::new(Semaphore::new(AT_ONCE + WAITING_MAX)),
            counting: Arc::default(),
            nobody: hash_of("nobody has this password")?.into(),
        })
    }

    /// The hash of a new password, with its algorithm, numbers and salt.
    ///
    /// # Errors
    /// Too many wait, or the system gives no random bytes.
    pub(crate) async fn hash(&self, password: &str) -> anyhow::Result<String> {
        let password = password.to_owned();
        let hashed = async { self.in_turn(self.admit()?, move || hash_of(&password)).await }.await;
        hashed.map_err(|Busy| anyhow!("现在登录的人太多，请过一分钟再试"))?
    }

    /// A place for [`Passwords::verify_in`].
    ///
    /// # Errors
    /// Too many wait.
    pub(crate) fn admit(&self) -> Result<Place, Busy> {
        self.admitted.clone().try_acquire_owned().map_err(|_| Busy)
    }

    /// Whether a password is that of a hash. Without a hash it takes as long and is not.
    ///
    /// # Errors
    /// Too many wait.
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, Busy> {
        self.verify_in(self.admit()?, password, hash).await
    }

    /// As [`Passwords::verify`], for whoever has a place.
    ///
    /// # Errors
    /// The hash could not be made.
    pub(crate) async fn verify_in(&self, place: Place, password: &str, hash: Option<&str>) -> Result<bool, Busy> {
        let (password, known) = (password.to_owned(), hash.is_some());
        let hash: Arc<str> = hash.map_or_else(|| self.nobody.clone(), Arc::from);
        self.in_turn(place, move || is_password(&password, &hash)).await.map(|is_right| is_right && known)
    }

    async fn in_turn<T: Send + 'static>(&self, _place: Place, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _working = self.working.acquire().await.map_err(|_| Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

fn argon2() -> anyhow::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| anyhow!("argon2: {error}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_of(password: &str) -> anyhow::Result<String> {
    let hash = argon2()?.hash_password(password.as_bytes()).map_err(|error| anyhow!("cannot hash a password: {error}"))?;
    let text = hash.to_string();
    ensure!(is_password(password, &text), "a new password hash does not hold");
    Ok(text)
}

fn is_password(password: &str, hash: &str) -> bool {
    let (Ok(argon2), Ok(hash)) = (argon2(), PasswordHash::new(hash)) else { return false };
    argon2.verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=48128,t=1,p=1$"), "{hash}");
        assert_eq!(passwords.verify("correct horse battery", Some(&hash)).await, Ok(true));
        assert_eq!(passwords.verify("correct horse batterY", Some(&hash)).await, Ok(false));
        assert_eq!(passwords.verify("nobody has this password", None).await, Ok(false), "no account, no password");
        assert_eq!(passwords.verify("x", Some("damaged")).await, Ok(false));
        assert_ne!(passwords.hash("correct horse battery").await.unwrap(), hash, "each has a salt of its own");
    }

    #[tokio::test]
    async fn no_more_than_a_few_wait() {
        let passwords = Passwords::new().unwrap();
        let all = (0..AT_ONCE + WAITING_MAX + 1).map(|_| passwords.verify("x", None));
        let results = futures_util::future::join_all(all).await;
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1, "{results:?}");
    }
}
