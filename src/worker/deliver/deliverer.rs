//! Sends the outbox: claim messages, send them outside any transaction, record the outcomes. One step is one batch; bodies are fetched and
//! outcomes are recorded in groups, so that neither memory use nor disk writes grow with the number of mails.

use crate::clock::{Clock, stamp};
use crate::config::load::Config;
use crate::domain::audience::masked_address;
use crate::domain::notify::channel::Fault;
use crate::domain::notify::delivery::{Attempt, DeliveryState, Verdict, rate_limit_pause, verdict};
use crate::mail::smtp::PooledConnection;
use crate::mail::transport::{Mailer, OutgoingFile};
use crate::report::archive::safe_name;
use crate::store::audit::AuditEntry;
use crate::store::database::Result;
use crate::store::handle::Store;
use crate::store::message_bytes::sha256_of;
use crate::store::sending::{ClaimRequest, Claimed, Claims, Hold, HoldReason};
use crate::worker::claim_time::claim_time;
use crate::worker::crash_point::crash_point;
use crate::worker::deliver::first_refusals::FirstRefusals;
use crate::worker::deliver::hold_file::HoldFile;
use crate::worker::deliver::journal::{Journal, key};
use crate::worker::deliver::withhold::withhold;
use crate::worker::file_lock::FileLock;
use crate::worker::pulse::Pulse;
use crate::worker::watch::clock_watch::ClockWatch;
use anyhow::Context;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// The sending of a claimed message begins within this time, or the message is released.
const BEGIN_MINUTES: i64 = 10;
/// A message sends its final dot within this time of the claim, or breaks off. The lease also covers the time that the reply to the dot may
/// take, so that no other process can claim the message meanwhile.
const DOT_MINUTES: i64 = 19;
const LEASE_MINUTES: i64 = 20;
/// Messages claimed at a time for each connection. The outcome of what a killed process had claimed is unknown, so this is not more than
/// speed needs.
const CLAIM_PER_CONNECTION: usize = 8;
const CLAIM_MAX: usize = 256;
/// How long an outcome waits for others, so that they are recorded in one transaction. The journal has it at once.
const GATHER: std::time::Duration = std::time::Duration::from_millis(20);
/// How often it is asked, while claimed messages wait for their turn, whether they may still go: a person may stop all sending, and a mark of
/// secrecy may come.
const LOOK: std::time::Duration = std::time::Duration::from_millis(200);
/// The most outcomes recorded in one transaction.
const OUTCOMES_MAX: usize = 64;
/// How often a delivery asks whether the one before it has ended.
const TURN: std::time::Duration = std::time::Duration::from_millis(50);
/// Bodies fetched at a time.
const FETCH_MESSAGES: usize = 16;
const FETCH_BYTES: u64 = 8 * 1024 * 1024;

/// What one batch, or a whole delivery, did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    pub accepted: u64,
    pub refused: u64,
    /// Messages that are retried later.
    pub later: u64,
    /// Messages whose outcome is unknown: the server may have accepted them.
    pub unknown: u64,
    /// Why no more mails can be sent now.
    pub blocked: Option<Block>,
}

/// Why no mails can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The mail server refuses the connection, or wants fewer mails.
    Channel(String),
    /// All sending is held.
    Held(Hold),
    /// The daily limit of mails is reached.
    DailyLimitReached { sent: i64, allowed: i64 },
}

impl Delivered {
    /// Whether nothing was due.
    pub fn is_idle(&self) -> bool {
        self.accepted + self.refused + self.later + self.unknown == 0 && self.blocked.is_none()
    }
}

/// What a process remembers between two deliveries.
#[derive(Debug, Default)]
pub struct ChannelMemory {
    /// Consecutive failures of the connection.
    failures: u32,
    /// Until when nothing is sent, and why.
    pause: Option<(DateTime<Utc>, String)>,
    /// The reason that was logged last.
    already_logged: Option<Block>,
    first_refusals: FirstRefusals,
    /// The messages in the journal when this process began to send.
    sent: Option<Arc<HashSet<String>>>,
    /// Whether the process is about to end.
    quit: Arc<AtomicBool>,
}

/// Sends the messages that are queued in the outbox.
#[derive(Clone)]
pub struct Deliverer {
    pub(crate) var: PathBuf,
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) clock_watch: ClockWatch,
    mailer: Mailer,
    channel: Arc<Mutex<ChannelMemory>>,
    pulse: Pulse,
}

impl Deliverer {
    /// A deliverer that has not sent anything yet. `root` is the folder that holds `var/`.
    pub fn new(root: &Path, config: Arc<Config>, store: Store, clock: Clock, mailer: Mailer) -> Deliverer {
        let clock_watch = ClockWatch::new(root, config.clone(), store.clone(), clock.clone());
        Deliverer { var: root.join("var"), config, store, clock, clock_watch, mailer, channel: Arc::default(), pulse: Pulse::default() }
    }

    /// A deliverer over another configuration, with what this one remembers.
    pub(crate) fn with_config(&self, root: &Path, config: Arc<Config>, mailer: Mailer) -> Deliverer {
        let other = Deliverer::new(root, config, self.store.clone(), self.clock.clone(), mailer);
        Deliverer { channel: self.channel.clone(), ..other }
    }

    /// The same deliverer, whose work somebody watches.
    pub(crate) fn watched_by(&self, pulse: Pulse) -> Deliverer {
        Deliverer { pulse, ..self.clone() }
    }

    /// Closes the connections to the database.
    pub async fn close(&self) {
        self.store.close().await;
    }

    fn channel<T>(&self, access: impl FnOnce(&mut ChannelMemory) -> T) -> T {
        access(&mut self.channel.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends one batch of the messages that are due, those of one run or of all runs.
    ///
    /// # Errors
    /// The database fails, or the counter file cannot be written.
    pub async fn deliver_batch(&self, run: Option<&str>, connections: &mut Vec<PooledConnection>) -> anyhow::Result<Delivered> {
        let now = self.clock.now();
        if let Some(reason) = self.pause_reason() {
            return Ok(Delivered { blocked: Some(Block::Channel(reason)), ..Delivered::default() });
        }
        if let Some(doubt) = self.clock_watch.recorded().await? {
            return Ok(Delivered { blocked: Some(Block::Channel(doubt.text)), ..Delivered::default() });
        }
        self.store.ensure_in_place()?;
        self.withhold().await?;
        let mail = &self.config.settings.mail;
        let claimed_at = claim_time(&self.store, &self.clock).await?;
        let lease = claimed_at + chrono::Duration::minutes(LEASE_MINUTES) + chrono::Duration::seconds(self.mailer.final_seconds());
        let claims = self
            .store
            .sending()
            .claim(&ClaimRequest {
                run,
                limit: (self.mailer.parallel() * CLAIM_PER_CONNECTION).min(CLAIM_MAX) as i64,
                now: &stamp(now),
                claimed_at: &stamp(claimed_at),
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
                return Ok(Delivered { blocked: Some(Block::DailyLimitReached { sent, allowed }), ..Delivered::default() });
            }
        };
        if claimed.is_empty() {
            return Ok(Delivered::default());
        }
        // written before the first mail is sent, so that a copy of the database from before this claim is recognized by its lower counter
        self.counter_file().write(counter).context("cannot write the counter file below var/")?;
        crash_point("claimed");
        let sent = self.sent_before().context("cannot read var/sent.log")?;
        let (already_sent, claimed): (Vec<Claimed>, Vec<Claimed>) =
            claimed.into_iter().partition(|message| sent.contains(&key(&message.id, &message.created_at)));
        let mut delivered = self.send_claimed(now, claimed, connections).await?;
        // a server has accepted these, even if the database does not know it
        let ended = (0..already_sent.len()).map(|index| (index, Attempt::Accepted("已送出（据var/sent.log）".into()))).collect();
        self.record_outcomes(&already_sent, ended, &mut delivered).await?;
        if delivered.accepted > 0 {
            self.channel(|channel| channel.failures = 0);
        }
        Ok(delivered)
    }

    /// Stops the messages that name a record which has become restricted. Returns their ids.
    ///
    /// # Errors
    /// The database fails.
    pub async fn withhold(&self) -> Result<Vec<String>> {
        let stopped = withhold(&self.store, &self.config, &self.clock).await?;
        if !stopped.is_empty() {
            tracing::warn!(mails = stopped.len(), "mails that name a restricted record are not sent");
        }
        Ok(stopped)
    }

    /// The messages that servers accepted from earlier processes, according to the journal.
    fn sent_before(&self) -> std::io::Result<Arc<HashSet<String>>> {
        if let Some(sent) = self.channel(|channel| channel.sent.clone()) {
            return Ok(sent);
        }
        let sent = Arc::new(self.journal().read()?);
        self.channel(|channel| channel.sent = Some(sent.clone()));
        Ok(sent)
    }

    /// Sends the messages of one claim over some connections, in parallel.
    async fn send_claimed(
        &self,
        claimed_at: DateTime<Utc>,
        claimed: Vec<Claimed>,
        connections: &mut Vec<PooledConnection>,
    ) -> anyhow::Result<Delivered> {
        if claimed.is_empty() {
            return Ok(Delivered::default());
        }
        let (work, waiting) = mpsc::channel::<Body>(self.mailer.parallel());
        let (report, mut reports) = mpsc::channel::<(usize, Attempt)>(claimed.len());
        let (begin, mut beginnings) = mpsc::channel::<Beginning>(self.mailer.parallel());
        let claimed = Arc::new(claimed);
        let sending = Sending {
            mailer: self.mailer.clone(),
            claimed: claimed.clone(),
            work: Arc::new(tokio::sync::Mutex::new(waiting)),
            report,
            begin,
            stop: Arc::new(AtomicBool::new(false)),
            quit: self.channel(|channel| channel.quit.clone()),
            clock: self.clock.clone(),
            claimed_at,
            journal: Arc::new(Mutex::new(self.journal())),
        };
        let stop = sending.stop.clone();
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..self.mailer.parallel().min(claimed.len()) {
            senders.spawn(sending.clone().run(connections.pop().unwrap_or_default()));
        }
        drop(sending);
        let mut delivered = Delivered::default();
        let mut open: Vec<bool> = vec![true; claimed.len()];
        // a task of its own, so that the senders never wait for the outcomes to be recorded
        let feeding = tokio::spawn(feed(self.store.clone(), self.clock.clone(), claimed.clone(), work, stop.clone()));
        let mut batch = Vec::new();
        let mut gathered: Vec<(usize, Attempt)> = Vec::new();
        let mut until = tokio::time::Instant::now();
        let mut look = until + LOOK;
        let (mut asked, mut is_asked) = (Vec::new(), true);
        let attended: anyhow::Result<()> = async {
            loop {
                tokio::select! {
                    received = beginnings.recv_many(&mut asked, OUTCOMES_MAX), if is_asked => {
                        is_asked = received > 0;
                        self.begin(&claimed, std::mem::take(&mut asked)).await;
                    }
                    received = reports.recv_many(&mut batch, OUTCOMES_MAX) => {
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
                        if gathered.len() >= OUTCOMES_MAX {
                            self.record_outcomes(&claimed, std::mem::take(&mut gathered), &mut delivered).await?;
                        }
                    }
                    () = tokio::time::sleep_until(look) => {
                        let must_stop = HoldFile::below(&self.var).is_there() || self.store.sending().must_stop().await.unwrap_or_else(|error| {
                            tracing::warn!(%error, "the database cannot tell whether mails may go on: none is begun");
                            true
                        });
                        if must_stop {
                            // what no sender has taken yet is released
                            stop.store(true, Ordering::Release);
                        }
                        look = tokio::time::Instant::now() + LOOK;
                    }
                    () = tokio::time::sleep_until(until), if !gathered.is_empty() => {
                        self.record_outcomes(&claimed, std::mem::take(&mut gathered), &mut delivered).await?;
                    }
                }
                if delivered.blocked.is_some() {
                    stop.store(true, Ordering::Release);
                }
            }
            self.record_outcomes(&claimed, std::mem::take(&mut gathered), &mut delivered).await
        }
        .await;
        if let Err(error) = attended {
            // what is being sent is sent to its end, so that the journal knows what became of it
            stop.store(true, Ordering::Release);
            drop((beginnings, reports));
            while senders.join_next().await.is_some() {}
            return Err(error);
        }
        let mut broken = false;
        while let Some(joined) = senders.join_next().await {
            match joined {
                Ok(connection) => connections.push(connection),
                Err(error) => {
                    tracing::error!(%error, "a sender broke off");
                    broken = true;
                }
            }
        }
        // messages that no sender took are released; a message that a broken sender was sending may have been sent
        let rest = open.iter().enumerate().filter(|(_, open)| **open).map(|(index, _)| {
            let attempt = if broken { Attempt::Unknown("发送中断".into()) } else { Attempt::NotTried };
            (index, attempt)
        });
        self.record_outcomes(&claimed, rest.collect(), &mut delivered).await?;
        feeding.await.context("the bodies could not be fetched")??;
        Ok(delivered)
    }

    /// Records that senders begin with messages, and answers them; none is begun where that cannot be recorded.
    async fn begin(&self, claimed: &[Claimed], asked: Vec<Beginning>) {
        let (indices, answers): (Vec<usize>, Vec<_>) = asked.into_iter().unzip();
        let messages: Vec<&Claimed> = indices.iter().map(|index| &claimed[*index]).collect();
        if messages.is_empty() {
            return;
        }
        let begun = self.store.sending().begin(&messages).await;
        if let Err(error) = &begun {
            tracing::warn!(%error, "the database cannot record that messages are begun: they wait");
        }
        let begun = begun.unwrap_or_else(|_| vec![false; messages.len()]);
        for (answer, is_begun) in answers.into_iter().zip(begun) {
            // a sender that has died is noticed when it is joined
            let _ = answer.send(is_begun);
        }
    }

    /// Records the outcomes of some of the claimed messages, counts and logs them.
    async fn record_outcomes(&self, claimed: &[Claimed], ended: Vec<(usize, Attempt)>, delivered: &mut Delivered) -> anyhow::Result<()> {
        if ended.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let (ended, taken_back) = self.channel(|channel| channel.first_refusals.look(claimed, ended));
        if !taken_back.is_empty() {
            self.store.sending().take_back(&taken_back, &stamp(now)).await?;
            delivered.refused = delivered.refused.saturating_sub(taken_back.len() as u64);
        }
        let verdicts: Vec<_> = ended
            .iter()
            .map(|(index, attempt)| {
                let claimed = &claimed[*index];
                let verdict = verdict(attempt, claimed.attempts, claimed.unknowns);
                let next_at = stamp(now + verdict.pause);
                (claimed, verdict, next_at)
            })
            .collect();
        let outcomes: Vec<_> = verdicts.iter().map(|(claimed, verdict, next_at)| (*claimed, verdict, next_at.clone())).collect();
        crash_point("journaled");
        let (counter, mine) = self.record_with_retries(&outcomes, &stamp(now)).await?;
        crash_point("settled");
        self.counter_file().write(counter).context("cannot write the counter file below var/")?;
        for ((index, attempt), mine) in ended.iter().zip(mine) {
            let message = &claimed[*index];
            // one that was held meanwhile was not tried
            if !mine && *attempt == Attempt::NotTried {
                continue;
            }
            if !mine {
                tracing::warn!(id = %message.id, "another process took this message over; its outcome counts");
                continue;
            }
            let to = masked_address(&message.address);
            // servers repeat the address in their replies
            let redacted = |reply: &str| reply.replace(&message.address, &to);
            match attempt {
                Attempt::Accepted(_) => delivered.accepted += 1,
                Attempt::Refused(reply) => {
                    delivered.refused += 1;
                    tracing::warn!(id = %message.id, %to, reply = %redacted(reply), "refused");
                }
                Attempt::Deferred(reply) => {
                    delivered.later += 1;
                    tracing::info!(id = %message.id, %to, reply = %redacted(reply), "to be tried again");
                }
                Attempt::RateLimited(reply) => {
                    delivered.later += 1;
                    tracing::warn!(id = %message.id, %to, reply = %redacted(reply), "the server wants fewer mails: all of them wait");
                    self.pause(rate_limit_pause(message.attempts), &format!("邮件服务器限制发送频率：{}", redacted(reply)), delivered);
                }
                Attempt::Unknown(reply) => {
                    delivered.unknown += 1;
                    tracing::warn!(id = %message.id, %to, reply = %redacted(reply), "outcome unknown, the same bytes go again with the same Message-ID");
                }
                Attempt::Channel(fault) => self.fault(fault, delivered),
                Attempt::NotTried => {}
            }
        }
        Ok(())
    }

    /// Records outcomes, with some retries, because a mail whose outcome is not recorded is sent twice. To record an outcome twice has no
    /// further effect.
    async fn record_with_retries(&self, outcomes: &[(&Claimed, &Verdict, String)], now: &str) -> Result<(i64, Vec<bool>)> {
        let day = self.clock.today().to_string();
        let mut pauses = [1u64, 2, 4, 8, 15].into_iter();
        loop {
            match (self.store.sending().record_outcomes(outcomes, now, &day).await, pauses.next()) {
                (Err(error), Some(seconds)) => {
                    tracing::warn!(%error, "outcomes could not be recorded; trying again");
                    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
                }
                (outcome, _) => return outcome,
            }
        }
    }

    /// Lets this process begin no further message. Messages that are being sent are finished, and their outcomes recorded.
    pub fn stop_sending(&self) {
        self.channel(|channel| channel.quit.store(true, Ordering::Relaxed));
    }

    /// Pauses all sending after a fault that does not concern a single message.
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

    /// Pauses all sending for a time.
    fn pause(&self, pause: chrono::Duration, reason: &str, delivered: &mut Delivered) {
        let until = self.clock.now() + pause;
        self.channel(|channel| {
            if channel.pause.as_ref().is_none_or(|(known, _)| *known < until) {
                channel.pause = Some((until, reason.to_owned()));
            }
        });
        delivered.blocked.get_or_insert_with(|| Block::Channel(reason.to_owned()));
    }

    /// Why all sending pauses now; `None` = it does not.
    pub fn pause_reason(&self) -> Option<String> {
        let now = self.clock.now();
        self.channel(|channel| channel.pause.as_ref().filter(|(until, _)| *until > now).map(|(_, reason)| reason.clone()))
    }

    /// Waits until no other delivery of this root is at work. `None` = the process is about to end.
    async fn take_turn(&self) -> anyhow::Result<Option<FileLock>> {
        loop {
            if let Some(lock) = FileLock::try_take(&self.var, "delivery").context("cannot lock var/locks/delivery")? {
                return Ok(Some(lock));
            }
            if self.channel(|channel| channel.quit.load(Ordering::Relaxed)) {
                return Ok(None);
            }
            self.pulse.beat();
            tokio::time::sleep(TURN).await;
        }
    }

    /// Sends batches until nothing is due or no more can be sent. Of each root, one process delivers at a time. What a dead process had
    /// claimed is sent once more with the same bytes.
    ///
    /// # Errors
    /// The database fails or var/ cannot be written.
    pub async fn deliver_all(&self, run: Option<&str>) -> anyhow::Result<Delivered> {
        let Some(_lock) = self.take_turn().await? else { return Ok(Delivered::default()) };
        self.mailer.sweep().context("cannot clear var/outbox")?;
        self.guard().await?;
        let now = stamp(self.clock.now());
        let left = self.store.sending().end_dead_claims(&now).await?;
        if left > 0 {
            // the outcomes that this process could not record are in the journal by now
            self.channel(|channel| channel.sent = None);
            tracing::warn!(
                messages = left,
                "messages whose sender died while it sent them: outcome unknown, they go once more with the same Message-ID"
            );
        }
        let late = self.store.sending().expire(&now, &stamp(claim_time(&self.store, &self.clock).await?)).await?;
        if !late.is_empty() {
            tracing::error!(messages = late.len(), "messages given up, too late to be sent: see duban outbox list --state dead");
        }
        let mut connections = Vec::new();
        let mut total = Delivered::default();
        loop {
            let step = self.deliver_batch(run, &mut connections).await;
            self.pulse.beat();
            let ended = match &step {
                Ok(step) => step.is_idle() || step.blocked.is_some() || self.channel(|channel| channel.quit.load(Ordering::Relaxed)),
                Err(_) => true,
            };
            if ended {
                for connection in &mut connections {
                    connection.close().await;
                }
            }
            let step = step?;
            total.accepted += step.accepted;
            total.refused += step.refused;
            total.later += step.later;
            total.unknown += step.unknown;
            if ended {
                total.blocked = step.blocked;
                self.log_blocked(total.blocked.as_ref());
                return Ok(total);
            }
        }
    }

    /// Logs why no mails can be sent, once as long as the reason is the same.
    fn log_blocked(&self, block: Option<&Block>) {
        if self.channel(|channel| std::mem::replace(&mut channel.already_logged, block.cloned()).as_ref() == block) {
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
            Some(Block::DailyLimitReached { sent, allowed }) => {
                tracing::error!(
                    sent,
                    allowed,
                    "the fuse has blown: no more mails today; duban outbox release --sending lets as many more go"
                );
            }
        }
    }
}

/// The index of a claimed message, and its bytes.
type Body = (usize, Vec<u8>);

/// The index of a claimed message with which a sender wants to begin, and whom to answer whether it may.
type Beginning = (usize, oneshot::Sender<bool>);

/// What the senders of a batch share.
#[derive(Clone)]
struct Sending {
    mailer: Mailer,
    claimed: Arc<Vec<Claimed>>,
    work: Arc<tokio::sync::Mutex<mpsc::Receiver<Body>>>,
    report: mpsc::Sender<(usize, Attempt)>,
    begin: mpsc::Sender<Beginning>,
    /// Set after a fault that does not concern a single message: no further message is begun.
    stop: Arc<AtomicBool>,
    quit: Arc<AtomicBool>,
    clock: Clock,
    claimed_at: DateTime<Utc>,
    journal: Arc<Mutex<Journal>>,
}

impl Sending {
    /// Waits until it is recorded that the sending of a message begins. `false` = it may not.
    async fn begun(&self, index: usize) -> bool {
        let (answer, begun) = oneshot::channel();
        self.begin.send((index, answer)).await.is_ok() && begun.await.unwrap_or(false)
    }

    /// Sends over one connection until no message is left, and returns the connection.
    async fn run(self, mut connection: PooledConnection) -> PooledConnection {
        loop {
            let Some((index, bytes)) = self.work.lock().await.recv().await else { return connection };
            let message = &self.claimed[index];
            let within = |minutes: i64| self.clock.now() < self.claimed_at + chrono::Duration::minutes(minutes);
            let may_begin = !self.stop.load(Ordering::Relaxed) && !self.quit.load(Ordering::Relaxed) && within(BEGIN_MINUTES);
            let attempt = if !may_begin || !self.begun(index).await {
                Attempt::NotTried
            } else {
                crash_point("begun");
                let file = safe_name(&format!("{}_{}", message.id, file_part(&message.unit)));
                let outgoing = OutgoingFile { to: &message.address, file: &file, bytes: &bytes };
                self.mailer.deliver(&mut connection, &outgoing, &|| within(DOT_MINUTES)).await
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

/// Fetches the bodies in groups and passes them to the senders through a channel of small capacity.
async fn feed(store: Store, clock: Clock, claimed: Arc<Vec<Claimed>>, work: mpsc::Sender<Body>, stop: Arc<AtomicBool>) -> Result<()> {
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
        let is_doubtful = |message: &&Claimed| {
            message.is_audited_alone || bodies.get(&message.id).is_none_or(|body| sha256_of(body) != message.bytes_sha256)
        };
        let doubtful: Vec<String> = claimed[at..end].iter().filter(is_doubtful).map(|message| message.id.clone()).collect();
        for id in hold_altered(&store, &clock, &doubtful).await? {
            bodies.remove(&id);
        }
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

/// Holds those of some claimed messages that are not as they were made, and returns them.
async fn hold_altered(store: &Store, clock: &Clock, ids: &[String]) -> Result<Vec<String>> {
    const WHY: &str = "邮件被越过程序改动，没有发出。请用备份核对：duban audit --verify";
    let altered = store.audit().altered_messages(ids).await?;
    if altered.is_empty() {
        return Ok(altered);
    }
    tracing::error!(messages = altered.join(" "), "messages were changed past the program: they are held (duban audit --verify)");
    let now = stamp(clock.now());
    let entry = AuditEntry { at: &now, who: "duban", why: WHY };
    store.outbox().change_state(&altered, &[DeliveryState::Sending], DeliveryState::OnHold, entry, "").await?;
    Ok(altered)
}

/// The letters and digits of a unit's name, for use in a file name.
fn file_part(unit: &str) -> String {
    unit.chars().filter(|c| c.is_alphanumeric()).collect()
}
