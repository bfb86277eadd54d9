//! Draining the outbox: claim, send outside any transaction, settle. One step is one batch; its bodies are fetched in groups and settled in
//! groups, so that neither memory nor the disk follows the number of mails.

use crate::clock::Clock;
use crate::clock::stamp;
use crate::config::load::Config;
use crate::domain::notify::delivery::{Attempt, Fault, Verdict, rate_limit_pause, verdict};
use crate::mail::smtp::PooledConnection;
use crate::mail::transport::{Mailer, OutgoingFile};
use crate::store::database::Result;
use crate::store::handle::Store;
use crate::store::sending::{ClaimRequest, Claimed, Claims, Hold, HoldReason};
use crate::worker::crash_point::crash_point;
use crate::worker::deliver::journal::{Journal, key};
use crate::worker::file_lock::FileLock;
use anyhow::Context;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// A claimed message is begun within this time, or given back.
const BEGIN_MINUTES: i64 = 10;
/// A message that was begun sends its final dot within this time of the claim, or breaks off. The lease lasts longer by the time the reply
/// may take: nobody else has the message meanwhile.
const DOT_MINUTES: i64 = 19;
const LEASE_MINUTES: i64 = 20;
/// Messages claimed at a time for each line. What a killed process had claimed counts as unknown, so this is not more than speed needs.
const CLAIM_PER_LINE: usize = 32;
const CLAIM_MAX: usize = 256;
/// How long the first of some outcomes waits for others to be settled with it; the journal has it at once.
const GATHER: std::time::Duration = std::time::Duration::from_millis(20);
/// Outcomes settled in one transaction at most.
const SETTLE_MAX: usize = 64;
/// Bodies fetched at a time.
const FETCH_MESSAGES: usize = 16;
const FETCH_BYTES: u64 = 8 * 1024 * 1024;

/// What one step did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    pub accepted: u64,
    pub refused: u64,
    pub later: u64,
    pub unknown: u64,
    /// Why it makes no sense to go on now.
    pub blocked: Option<Block>,
}

/// What keeps mails back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The server does not let us in, or wants fewer mails.
    Channel(String),
    /// All sending is held.
    Held(Hold),
    /// The fuse has blown.
    Fuse { sent: i64, allowed: i64 },
}

impl Delivered {
    pub fn is_idle(&self) -> bool {
        self.accepted + self.refused + self.later + self.unknown == 0 && self.blocked.is_none()
    }
}

/// What a process remembers between two deliveries: how long the server is left alone, and what was said already.
#[derive(Debug, Default)]
pub struct ChannelMemory {
    failures: u32,
    until: Option<(DateTime<Utc>, String)>,
    said: Option<Block>,
    /// What the journal knew when this process began to send.
    sent: Option<Arc<HashSet<String>>>,
    /// The process is about to end.
    quit: Arc<AtomicBool>,
}

/// Sends what is queued.
#[derive(Clone)]
pub struct Deliverer {
    pub(crate) var: PathBuf,
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    mailer: Mailer,
    channel: Arc<Mutex<ChannelMemory>>,
}

impl Deliverer {
    /// A deliverer that knows nothing of the mail server yet. `root` is the folder that holds `var/`.
    pub fn new(root: &Path, config: Arc<Config>, store: Store, clock: Clock, mailer: Mailer) -> Deliverer {
        Deliverer { var: root.join("var"), config, store, clock, mailer, channel: Arc::default() }
    }

    /// Closes the connections to the database.
    pub async fn close(&self) {
        self.store.close().await;
    }

    fn channel<T>(&self, look: impl FnOnce(&mut ChannelMemory) -> T) -> T {
        look(&mut self.channel.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends one batch of what is due, of one run or of all.
    ///
    /// # Errors
    /// The database fails, or the counter file cannot be written.
    pub async fn deliver_batch(&self, run: Option<&str>, lines: &mut Vec<PooledConnection>) -> anyhow::Result<Delivered> {
        let now = self.clock.now();
        if let Some(said) = self.left_alone() {
            return Ok(Delivered { blocked: Some(Block::Channel(said)), ..Delivered::default() });
        }
        let mail = &self.config.settings.mail;
        let lease = now + chrono::Duration::minutes(LEASE_MINUTES) + chrono::Duration::seconds(self.mailer.final_seconds());
        let claims = self
            .store
            .sending()
            .claim(&ClaimRequest {
                run,
                limit: (self.mailer.parallel() * CLAIM_PER_LINE).min(CLAIM_MAX) as i64,
                now: &stamp(now),
                lease_until: &stamp(lease),
                test: mail.test_to.is_some(),
                day: &self.clock.today().to_string(),
                daily_max: mail.daily_max,
            })
            .await?;
        let (claimed, counter) = match claims {
            Claims::Taken { messages, counter } => (messages, counter),
            Claims::Held(hold) => return Ok(Delivered { blocked: Some(Block::Held(hold)), ..Delivered::default() }),
            Claims::DailyLimitReached { sent, allowed } => {
                return Ok(Delivered { blocked: Some(Block::Fuse { sent, allowed }), ..Delivered::default() });
            }
        };
        if claimed.is_empty() {
            return Ok(Delivered::default());
        }
        // before the first byte goes out: a copy of the database from before this claim will be behind
        self.counter_file().write(counter).context("cannot write the counter file below var/")?;
        crash_point("claimed");
        let sent = self.sent_before().context("cannot read var/sent.log")?;
        let (known, claimed): (Vec<Claimed>, Vec<Claimed>) =
            claimed.into_iter().partition(|message| sent.contains(&key(&message.id, &message.created_at)));
        let mut delivered = self.send_claimed(now, claimed, lines).await?;
        // a server has taken these, whatever the database knows of it
        let ended = (0..known.len()).map(|index| (index, Attempt::Accepted("已由对方收下（据var/sent.log）".into()))).collect();
        self.settle(&known, ended, &mut delivered).await?;
        if delivered.accepted > 0 {
            self.channel(|channel| channel.failures = 0);
        }
        Ok(delivered)
    }

    /// The messages that servers took from processes before this one, by the journal.
    fn sent_before(&self) -> std::io::Result<Arc<HashSet<String>>> {
        if let Some(sent) = self.channel(|channel| channel.sent.clone()) {
            return Ok(sent);
        }
        let sent = Arc::new(self.journal().read()?);
        self.channel(|channel| channel.sent = Some(sent.clone()));
        Ok(sent)
    }

    /// Sends what was claimed at a time over some lines.
    async fn send_claimed(
        &self,
        claimed_at: DateTime<Utc>,
        claimed: Vec<Claimed>,
        lines: &mut Vec<PooledConnection>,
    ) -> anyhow::Result<Delivered> {
        if claimed.is_empty() {
            return Ok(Delivered::default());
        }
        let (work, waiting) = mpsc::channel::<Body>(self.mailer.parallel());
        let (report, mut reports) = mpsc::channel::<(usize, Attempt)>(claimed.len());
        let claimed = Arc::new(claimed);
        let sending = Sending {
            mailer: self.mailer.clone(),
            claimed: claimed.clone(),
            work: Arc::new(tokio::sync::Mutex::new(waiting)),
            report,
            stop: Arc::new(AtomicBool::new(false)),
            quit: self.channel(|channel| channel.quit.clone()),
            clock: self.clock.clone(),
            claimed_at,
            journal: Arc::new(Mutex::new(self.journal())),
        };
        let stop = sending.stop.clone();
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..self.mailer.parallel().min(claimed.len()) {
            senders.spawn(sending.clone().run(lines.pop().unwrap_or_default()));
        }
        drop(sending);
        let mut delivered = Delivered::default();
        let mut open: Vec<bool> = vec![true; claimed.len()];
        // beside the settling, so that the senders never wait for it
        let feeding = tokio::spawn(feed(self.store.clone(), claimed.clone(), work, stop));
        let mut batch = Vec::new();
        let mut gathered: Vec<(usize, Attempt)> = Vec::new();
        let mut until = tokio::time::Instant::now();
        loop {
            tokio::select! {
                received = reports.recv_many(&mut batch, SETTLE_MAX) => {
                    if received == 0 {
                        break;
                    }
                    for (index, _) in &batch {
                        open[*index] = false;
                    }
                    if gathered.is_empty() {
                        until = tokio::time::Instant::now() + GATHER;
                    }
                    gathered.append(&mut batch);
                    if gathered.len() >= SETTLE_MAX {
                        self.settle(&claimed, std::mem::take(&mut gathered), &mut delivered).await?;
                    }
                }
                () = tokio::time::sleep_until(until), if !gathered.is_empty() => {
                    self.settle(&claimed, std::mem::take(&mut gathered), &mut delivered).await?;
                }
            }
        }
        self.settle(&claimed, gathered, &mut delivered).await?;
        let mut broken = false;
        while let Some(joined) = senders.join_next().await {
            match joined {
                Ok(line) => lines.push(line),
                Err(error) => {
                    tracing::error!(%error, "a sender broke off");
                    broken = true;
                }
            }
        }
        // what nobody took is given back; what a sender that broke off had in hand may have gone out
        let rest = open.iter().enumerate().filter(|(_, open)| **open).map(|(index, _)| {
            let attempt = if broken { Attempt::Unknown("the sender broke off".into()) } else { Attempt::NotTried };
            (index, attempt)
        });
        self.settle(&claimed, rest.collect(), &mut delivered).await?;
        feeding.await.context("the bodies could not be fetched")??;
        Ok(delivered)
    }

    async fn settle(&self, claimed: &[Claimed], ended: Vec<(usize, Attempt)>, delivered: &mut Delivered) -> anyhow::Result<()> {
        if ended.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let verdicts: Vec<_> = ended
            .iter()
            .map(|(index, attempt)| {
                let claimed = &claimed[*index];
                let verdict = verdict(attempt, claimed.attempts, claimed.unknowns);
                let next_at = stamp(now + verdict.pause);
                (claimed, verdict, next_at)
            })
            .collect();
        let settled: Vec<_> = verdicts.iter().map(|(claimed, verdict, next_at)| (*claimed, verdict, next_at.clone())).collect();
        crash_point("journaled");
        let (counter, mine) = self.settle_surely(&settled, &stamp(now)).await?;
        crash_point("settled");
        self.counter_file().write(counter).context("cannot write the counter file below var/")?;
        for ((index, attempt), mine) in ended.iter().zip(mine) {
            let message = &claimed[*index];
            if !mine {
                tracing::warn!(id = %message.id, "another process took this message over; its outcome counts");
                continue;
            }
            let to = masked(&message.address);
            // servers repeat the address in what they say
            let quiet = |reply: &str| reply.replace(&message.address, &to);
            match attempt {
                Attempt::Accepted(_) => delivered.accepted += 1,
                Attempt::Refused(reply) => {
                    delivered.refused += 1;
                    tracing::warn!(id = %message.id, %to, reply = %quiet(reply), "refused");
                }
                Attempt::Deferred(reply) => {
                    delivered.later += 1;
                    tracing::info!(id = %message.id, %to, reply = %quiet(reply), "to be tried again");
                }
                Attempt::RateLimited(reply) => {
                    delivered.later += 1;
                    tracing::warn!(id = %message.id, %to, reply = %quiet(reply), "the server wants fewer mails: all of them wait");
                    self.pause(rate_limit_pause(message.attempts), &format!("邮件服务器限制发送频率：{}", quiet(reply)), delivered);
                }
                Attempt::Unknown(reply) => {
                    delivered.unknown += 1;
                    tracing::warn!(id = %message.id, %to, reply = %quiet(reply), "outcome unknown, the same bytes go again with the same Message-ID");
                }
                Attempt::Channel(fault) => self.fault(fault, delivered),
                Attempt::NotTried => {}
            }
        }
        Ok(())
    }

    /// A reply that is not recorded is a mail that goes twice: a database that is away for a moment is waited for. Settled twice is
    /// settled once.
    async fn settle_surely(&self, settled: &[(&Claimed, &Verdict, String)], now: &str) -> Result<(i64, Vec<bool>)> {
        let day = self.clock.today().to_string();
        let mut pauses = [1u64, 2, 4, 8, 15].into_iter();
        loop {
            match (self.store.sending().record_outcomes(settled, now, &day).await, pauses.next()) {
                (Err(error), Some(seconds)) => {
                    tracing::warn!(%error, "outcomes could not be recorded; trying again");
                    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
                }
                (outcome, _) => return outcome,
            }
        }
    }

    /// Lets no further message begin in this process: what is under way is ended and settled.
    pub fn stop_sending(&self) {
        self.channel(|channel| channel.quit.store(true, Ordering::Relaxed));
    }

    /// Leaves the server alone for a while after a fault that is no message's.
    fn fault(&self, fault: &Fault, delivered: &mut Delivered) {
        if delivered.blocked.is_some() {
            return;
        }
        let failures = self.channel(|channel| {
            channel.failures += 1;
            channel.failures
        });
        self.pause(fault.kind.pause(failures), &format!("{}：{fault}；{}", fault.kind.word(), fault.kind.advice()), delivered);
    }

    fn pause(&self, pause: chrono::Duration, said: &str, delivered: &mut Delivered) {
        let until = self.clock.now() + pause;
        self.channel(|channel| {
            if channel.until.as_ref().is_none_or(|(known, _)| *known < until) {
                channel.until = Some((until, said.to_owned()));
            }
        });
        delivered.blocked.get_or_insert_with(|| Block::Channel(said.to_owned()));
    }

    /// Why the server is left alone now, if it is.
    pub fn left_alone(&self) -> Option<String> {
        let now = self.clock.now();
        self.channel(|channel| channel.until.as_ref().filter(|(until, _)| *until > now).map(|(_, said)| said.clone()))
    }

    /// Sends what is due until nothing is, or something keeps mails back. One process of a root delivers at a time; what a dead one left
    /// claimed goes again with the same bytes.
    ///
    /// # Errors
    /// The database fails or var/ cannot be written.
    pub async fn deliver_all(&self, run: Option<&str>) -> anyhow::Result<Delivered> {
        let var = self.var.clone();
        let _lock =
            tokio::task::spawn_blocking(move || FileLock::take(&var, "delivery")).await?.context("cannot lock var/locks/delivery")?;
        self.mailer.sweep().context("cannot clear var/outbox")?;
        self.guard().await?;
        let now = stamp(self.clock.now());
        let left = self.store.sending().end_dead_claims(&now).await?;
        if left > 0 {
            // what this process itself could not record is in the journal by now
            self.channel(|channel| channel.sent = None);
            tracing::warn!(messages = left, "messages whose sender died: outcome unknown, they go again with the same Message-ID");
        }
        let late = self.store.sending().expire(&now).await?;
        if !late.is_empty() {
            tracing::error!(messages = late.len(), "messages given up, too late to be sent: see duban outbox list --state dead");
        }
        let mut lines = Vec::new();
        let mut total = Delivered::default();
        loop {
            let step = self.deliver_batch(run, &mut lines).await;
            let ended = match &step {
                Ok(step) => step.is_idle() || step.blocked.is_some() || self.channel(|channel| channel.quit.load(Ordering::Relaxed)),
                Err(_) => true,
            };
            if ended {
                for line in &mut lines {
                    line.close().await;
                }
            }
            let step = step?;
            total.accepted += step.accepted;
            total.refused += step.refused;
            total.later += step.later;
            total.unknown += step.unknown;
            if ended {
                total.blocked = step.blocked;
                self.say_blocked(total.blocked.as_ref());
                return Ok(total);
            }
        }
    }

    /// Logs what keeps mails back, once as long as it stays the same.
    fn say_blocked(&self, block: Option<&Block>) {
        if self.channel(|channel| std::mem::replace(&mut channel.said, block.cloned()).as_ref() == block) {
            return;
        }
        match block {
            None => {}
            Some(Block::Channel(reason)) => tracing::error!(%reason, "no mail goes out now; none is lost"),
            Some(Block::Held(hold)) if hold.reason == HoldReason::Restored => {
                tracing::error!(why = %hold.why, "sending is held: this database is a restored copy; duban outbox release --sending lets it go on");
            }
            Some(Block::Held(hold)) => {
                tracing::error!(by = %hold.by, why = %hold.why, "sending is held; duban outbox release --sending lets it go on")
            }
            Some(Block::Fuse { sent, allowed }) => {
                tracing::error!(
                    sent,
                    allowed,
                    "the fuse has blown: no more mails today; duban outbox release --sending lets as many more go"
                );
            }
        }
    }
}

/// Which of the claimed messages, and its bytes.
type Body = (usize, Vec<u8>);

/// What every sender of a batch shares.
#[derive(Clone)]
struct Sending {
    mailer: Mailer,
    claimed: Arc<Vec<Claimed>>,
    work: Arc<tokio::sync::Mutex<mpsc::Receiver<Body>>>,
    report: mpsc::Sender<(usize, Attempt)>,
    /// A fault that is no message's: nothing more is begun.
    stop: Arc<AtomicBool>,
    quit: Arc<AtomicBool>,
    clock: crate::clock::Clock,
    claimed_at: DateTime<Utc>,
    journal: Arc<Mutex<Journal>>,
}

impl Sending {
    /// Sends over one line until there is no more work, and gives the line back.
    async fn run(self, mut line: PooledConnection) -> PooledConnection {
        loop {
            let Some((index, bytes)) = self.work.lock().await.recv().await else { return line };
            let message = &self.claimed[index];
            let within = |minutes: i64| self.clock.now() < self.claimed_at + chrono::Duration::minutes(minutes);
            let attempt = if self.stop.load(Ordering::Relaxed) || self.quit.load(Ordering::Relaxed) || !within(BEGIN_MINUTES) {
                Attempt::NotTried
            } else {
                let file = format!("{}_{}", message.id, file_part(&message.unit));
                let parcel = OutgoingFile { to: &message.address, file: &file, bytes: &bytes };
                self.mailer.deliver(&mut line, &parcel, &|| within(DOT_MINUTES)).await
            };
            if matches!(attempt, Attempt::Channel(_) | Attempt::RateLimited(_)) {
                self.stop.store(true, Ordering::Relaxed);
            }
            if let Attempt::Accepted(reply) = &attempt {
                crash_point("replied");
                let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = journal.append(&stamp(self.clock.now()), [(message, reply.as_str())].into_iter()) {
                    tracing::error!(%error, "var/sent.log cannot be written; the database alone knows what was sent");
                }
            }
            // the receiver lives as long as there are senders
            let _ = self.report.send((index, attempt)).await;
        }
    }
}

/// Fetches the bodies in groups and hands them to the senders; the channel between holds few.
async fn feed(store: Store, claimed: Arc<Vec<Claimed>>, work: mpsc::Sender<Body>, stop: Arc<AtomicBool>) -> Result<()> {
    let mut at = 0;
    while at < claimed.len() && !stop.load(Ordering::Relaxed) {
        let mut end = at;
        let mut bytes = 0;
        while end < claimed.len() && end - at < FETCH_MESSAGES && (end == at || bytes + claimed[end].size <= FETCH_BYTES) {
            bytes += claimed[end].size;
            end += 1;
        }
        let ids: Vec<&str> = claimed[at..end].iter().map(|message| message.id.as_str()).collect();
        let mut bodies: BTreeMap<String, Vec<u8>> = store.sending().bodies(&ids).await?;
        for (index, message) in claimed.iter().enumerate().take(end).skip(at) {
            if let Some(body) = bodies.remove(&message.id)
                && work.send((index, body)).await.is_err()
            {
                return Ok(());
            }
        }
        at = end;
    }
    Ok(())
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
