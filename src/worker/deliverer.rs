//! Draining the outbox: claim, send outside any transaction, settle. One step is one batch.

use super::Service;
use super::lock::FileLock;
use crate::clock::stamp;
use crate::domain::delivery::{Attempt, backoff};
use crate::store::Result;
use crate::store::outbox::Claimed;
use anyhow::Context;
use std::collections::BTreeMap;

/// Longer than any server takes over one message, so that nobody else sends it meanwhile.
const LEASE_MINUTES: i64 = 15;
/// Pause of the whole channel when the server does not let us in.
const CHANNEL_PAUSE_MINUTES: i64 = 10;

/// What one step did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    pub accepted: u64,
    pub refused: u64,
    pub later: u64,
    pub unknown: u64,
    /// The server would not let us in: no sense in going on now.
    pub blocked: Option<String>,
}

impl Delivered {
    pub fn is_idle(&self) -> bool {
        self.accepted + self.refused + self.later + self.unknown == 0 && self.blocked.is_none()
    }
}

impl Service {
    /// Sends one batch of what is due, of one run or of all.
    ///
    /// # Errors
    /// The database fails.
    pub async fn deliver_batch(&self, run: Option<&str>) -> Result<Delivered> {
        let now = self.clock.now();
        let lease = stamp(now + chrono::Duration::minutes(LEASE_MINUTES));
        let claimed = self.store.claim_messages(run, self.mailer.parallel(), &stamp(now), &lease).await?;
        let mut sending = tokio::task::JoinSet::new();
        for message in claimed {
            let mailer = self.mailer.clone();
            let unit = file_part(&message.unit);
            sending.spawn_blocking(move || {
                let file = format!("{}_{unit}", message.id);
                let attempt = mailer.deliver(&message.address, &file, &message.bytes);
                (message, attempt)
            });
        }
        let mut delivered = Delivered::default();
        let mut settled: BTreeMap<String, (Claimed, Attempt)> = BTreeMap::new();
        while let Some(joined) = sending.join_next().await {
            match joined {
                Ok((message, attempt)) => {
                    settled.insert(message.id.clone(), (message, attempt));
                }
                // its claim runs out and it is sent again with the same bytes
                Err(error) => tracing::error!(%error, "a sender broke off"),
            }
        }
        for (message, attempt) in settled.values() {
            let now = self.clock.now();
            let pause = match attempt {
                Attempt::Channel(_) => chrono::Duration::minutes(CHANNEL_PAUSE_MINUTES),
                _ => backoff(message.attempts),
            };
            if !self.store.settle_message(message, attempt, &stamp(now), &stamp(now + pause)).await? {
                tracing::warn!(id = %message.id, "another process took this message over; its outcome counts");
                continue;
            }
            match attempt {
                Attempt::Accepted(_) => delivered.accepted += 1,
                Attempt::Refused(reply) => {
                    delivered.refused += 1;
                    tracing::warn!(id = %message.id, to = %masked(&message.address), %reply, "refused");
                }
                Attempt::Later(reply) => {
                    delivered.later += 1;
                    tracing::info!(id = %message.id, to = %masked(&message.address), %reply, "to be tried again");
                }
                Attempt::Unknown(reply) => {
                    delivered.unknown += 1;
                    tracing::warn!(id = %message.id, to = %masked(&message.address), %reply, "outcome unknown, to be sent again with the same Message-ID");
                }
                Attempt::Channel(reply) => {
                    tracing::error!(%reply, "the mail server does not let us in");
                    delivered.blocked = Some(reply.clone());
                }
            }
        }
        if delivered.blocked.is_some() {
            self.store.pause_sending(&stamp(self.clock.now() + chrono::Duration::minutes(CHANNEL_PAUSE_MINUTES))).await?;
        }
        Ok(delivered)
    }

    /// Sends what is due until nothing is, or the server keeps us out. One process of a machine delivers at a time; what a dead one left
    /// claimed goes again with the same bytes.
    ///
    /// # Errors
    /// The database fails or var/ cannot be written.
    pub async fn deliver_all(&self, run: Option<&str>) -> anyhow::Result<()> {
        let var = self.var();
        let _lock =
            tokio::task::spawn_blocking(move || FileLock::take(&var, "delivery")).await?.context("cannot lock var/locks/delivery")?;
        let left = self.store.take_back_messages(&stamp(self.clock.now())).await?;
        if left > 0 {
            tracing::warn!(messages = left, "messages whose sender died: outcome unknown, they go again with the same Message-ID");
        }
        loop {
            let delivered = self.deliver_batch(run).await?;
            if delivered.is_idle() || delivered.blocked.is_some() {
                return Ok(());
            }
        }
    }
}

/// A unit's name as part of a file name.
fn file_part(unit: &str) -> String {
    unit.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// An address as logs may hold it: `5***@gz.example`.
pub fn masked(address: &str) -> String {
    match address.split_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().next().map(String::from).unwrap_or_default()),
        None => "***".into(),
    }
}
