//! The remind step: plan the digests, prove the coverage, render and queue the mails.

use crate::clock::stamp;
use crate::config::job_file::{Job, JobStep};
use crate::domain::judging::finding::Identity;
use crate::domain::notify::digest::{Counts, Digest, Draft};
use crate::domain::notify::drafts::drafts;
use crate::domain::notify::feedback::SilentRecord;
use crate::domain::notify::inputs::{PlanInputs, Rhythm};
use crate::domain::notify::plan::{Plan, plan};
use crate::domain::register::record::Record;
use crate::domain::register::snapshot::InForce;
use crate::domain::register::units::{Level, UnitId};
use crate::domain::rules::rule::Light;
use crate::mail::message;
use crate::mail::message::{Attachment, Correspondent, Message};
use crate::mail::templates::{Rendered, Templates};
use crate::report::archive;
use crate::report::xlsx;
use crate::store::outbox::{NewDraft, NewMessage, NewNotified, OutboxBatch};
use crate::store::runs::{Run, RunInputs};
use crate::workbook::build::{build, file_name};
use crate::workbook::material::{Audience, Material};
use crate::workbook::reconcile::{Discrepancy, MailContent, reconcile_attachment, reconcile_digests};
use crate::workbook::template::SheetKind;
use crate::worker::deliver::restore_guard::expiry;
use crate::worker::progress::progress;
use crate::worker::run::context::{Stage, is_past_start};
use crate::worker::run::report::{beside_the_runtime, folder_of};
use crate::worker::run::slot_text::slot_text;
use crate::worker::run::spill::Completed;
use anyhow::ensure;
use chrono::{DateTime, FixedOffset, NaiveDate};
use ring::digest::{Context as Hashing, SHA256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

impl Stage<'_> {
    /// Who gets what digest, and the proof that nobody is left out.
    pub(crate) async fn plan(&self, inputs: &RunInputs, revision: i64) -> anyhow::Result<(Plan, Vec<Draft>)> {
        let policy = &self.config.policy;
        let settings = &self.config.settings;
        let store = &self.evaluator.store;
        let by_id = |name: &str| policy.units.find(name);
        // a unit that took another over knows what the other was told
        let mut told_before: HashMap<UnitId, BTreeMap<Identity, Option<Light>>> = HashMap::new();
        let told: BTreeMap<String, _> = store.notified().last(inputs.sample).await?.into_iter().collect();
        for (unit, told) in told.into_iter().filter_map(|(unit, told)| Some((by_id(&unit)?, told))) {
            told_before.entry(unit).or_default().extend(told);
        }
        let mut last_digest_on: HashMap<UnitId, NaiveDate> = HashMap::new();
        for (unit, day) in store.notified().last_digest_days(inputs.sample, &self.job.name, &slot_text(self.at)).await? {
            if let Some(unit) = by_id(&unit) {
                let last = last_digest_on.entry(unit).or_insert(day);
                *last = (*last).max(day);
            }
        }
        // a revision compares with what was told before the slot, not with its own first edition
        let slot = slot_text(self.at);
        // a digest that never reached its unit told it nothing
        for (unit, told) in store.notified().instead_of_undelivered(&self.job.name, &slot).await? {
            if let Some(unit) = by_id(&unit) {
                told_before.insert(unit, told);
            }
        }
        for (unit, told) in store.notified().before_slot(&self.job.name, &slot, revision).await? {
            if let Some(unit) = by_id(&unit) {
                told_before.insert(unit, told);
            }
        }
        // what the office has confirmed to be gone is neither asked about nor thanked for
        let absent: BTreeSet<(String, String)> = told_before
            .values()
            .flat_map(BTreeMap::keys)
            .filter(|identity| policy.ledger(&identity.ledger).is_some_and(|ledger| !self.reading.has(ledger, &identity.key)))
            .map(|identity| (identity.ledger.clone(), identity.key.clone()))
            .collect();
        let confirmed = self.evaluator.confirmed_gone(&self.view, &absent).await?;
        for told in told_before.values_mut() {
            told.retain(|identity, _| !confirmed.contains(&(identity.ledger.clone(), identity.key.clone())));
        }
        let mut gone = BTreeSet::new();
        for identity in told_before.values().flat_map(BTreeMap::keys) {
            if let Some(ledger) = policy.ledger(&identity.ledger)
                && !self.reading.has(ledger, &identity.key)
            {
                gone.insert((ledger, identity.key.clone()));
            }
        }
        let records = Completed { kept: &self.reading.records, more: self.done_with(&told_before).await? };
        let source_line = self.reading.source_line(policy, self.as_of);
        let sent_on = self.at.date();
        let national = policy.calendar.of(None);
        // the next mail that surely comes: a weekly reminder goes only where something has changed
        let next_on = |level: Level| {
            let jobs = self.config.jobs.iter().filter(|job| job.rhythm == Rhythm::Always && job.levels.contains(&level));
            let next = |job: &Job| Some(job.schedule.slots(self.at + chrono::Duration::seconds(1), national).next()?.runs_at.date());
            jobs.filter_map(next).min()
        };
        let of = PlanInputs {
            policy,
            as_of: self.as_of,
            sent_on,
            office_name: &settings.office.name,
            contact: &settings.office.contact,
            objection_workdays: settings.office.objection_workdays,
            judged: &self.reading.judged,
            records: &records,
            last_notified: &told_before,
            last_digest_on: &last_digest_on,
            gone: &gone,
            answers: &self.answers,
            rhythm: self.job.rhythm,
            levels: &self.job.levels,
            started: is_past_start(inputs, sent_on),
            source_line: &source_line,
            next_on: &next_on,
            may_carry_rows: &|address| settings.domain_allowed(address),
        };
        Ok((plan(&of), drafts(&of, &self.job.drafts)))
    }

    /// The records that units were told of and that nothing is found on any more: a digest thanks for them by name.
    pub(crate) async fn done_with(
        &self,
        told_before: &HashMap<UnitId, BTreeMap<Identity, Option<Light>>>,
    ) -> anyhow::Result<HashMap<(usize, String), Record>> {
        let policy = &self.config.policy;
        let mut wanted: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for identity in told_before.values().flat_map(BTreeMap::keys) {
            if let Some(ledger) = policy.ledger(&identity.ledger)
                && self.reading.has(ledger, &identity.key)
                && !self.reading.records.has(ledger, &identity.key)
            {
                wanted.entry(ledger).or_default().insert(&identity.key);
            }
        }
        let mut records = HashMap::new();
        for (index, codes) in wanted {
            let ledger = &policy.ledgers[index];
            let codes: Vec<String> = codes.into_iter().map(str::to_owned).collect();
            for InForce { snapshot, .. } in self.view.in_force.iter().filter(|found| found.snapshot.ledger == ledger.id) {
                for stored in self.evaluator.store.records().by_code(ledger, &snapshot.source, snapshot.seq, &codes).await? {
                    records.entry((index, stored.record.code.clone())).or_insert(stored.record);
                }
            }
        }
        Ok(records)
    }

    /// Plans the digests, proves that nobody is left out, and commits every message in one transaction with the step.
    pub(crate) async fn remind(&self, run: &Run, inputs: &mut RunInputs, result: &mut String) -> anyhow::Result<()> {
        let (mut planned, mut drafts) = self.plan(inputs, run.revision).await?;
        ensure!(planned.coverage.adds_up(), "the coverage proof fails, nothing was mailed:\n{}", planned.coverage);
        beside_the_runtime(|| self.told_as_listed(&planned))?;
        let said_before = self.evaluator.store.outbox().earlier_digests(&run.job, &run.slot, run.revision).await?;
        let templates = Templates::new(&self.config.mail_templates)
            .map_err(|errors| anyhow::anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
        let named = self.inputs_named();
        let mut messages = Vec::new();
        let mut told = Vec::new();
        let mut failed = Vec::new();
        let mut unchanged = 0;
        let progress = progress("生成邮件");
        for digest in &mut planned.digests {
            progress.inc(1);
            let made = self.digest_message(run, digest, &templates, &named);
            match made {
                Ok(message) => {
                    if said_before.get(&message.recipient) == Some(&message.digest_sha256) {
                        unchanged += 1;
                        continue;
                    }
                    told.push(NewNotified {
                        unit: digest.recipient.unit_name.clone(),
                        findings: digest.notified.iter().cloned().collect(),
                    });
                    messages.push(message);
                }
                Err(error) if error.is::<Untied>() => return Err(error),
                Err(error) => failed.push((("提醒".to_owned(), format!("{error:#}")), digest.recipient.unit_name.clone())),
            }
        }
        let mut drafted = Vec::new();
        for draft in &mut drafts {
            progress.inc(1);
            match self.draft_message(run, draft, &templates, &named) {
                Ok(message) if said_before.get(&message.recipient) == Some(&message.digest_sha256) => unchanged += 1,
                Ok(message) => {
                    drafted.push(NewDraft { message: message.id.clone(), findings: draft.notified.iter().cloned().collect() });
                    messages.push(message);
                }
                Err(error) if error.is::<Untied>() => return Err(error),
                Err(error) => {
                    failed.push(((format!("{}拟办件", draft.act_title), format!("{error:#}")), draft.recipient.unit_name.clone()))
                }
            }
        }
        progress.finish_and_clear();
        inputs.faults.extend(not_made(failed));
        let _ = writeln!(
            result,
            "提醒：{}封{}",
            messages.len() - drafted.len(),
            if unchanged > 0 { format!("（另有{unchanged}封与前次相同，未再发送）") } else { String::new() }
        );
        if !drafted.is_empty() {
            let _ = writeln!(result, "拟办：督办、通报、约谈{}件，签发后发送", drafted.len());
        }
        let _ = writeln!(result, "{}", planned.coverage);
        if let Some(fault) = self.reading.records.fault() {
            anyhow::bail!("{fault}; nothing was mailed");
        }
        let batch = OutboxBatch {
            messages,
            notified: told,
            drafts: drafted,
            notified_on: self.at.date().to_string(),
            now: stamp(self.evaluator.clock.now()),
            result: result.clone(),
            expires_at: expiry(&self.evaluator.clock, &self.evaluator.config.settings),
            test: self.evaluator.config.settings.mail.test_to.is_some(),
        };
        self.evaluator.store.outbox().commit(run, JobStep::Remind.name(), inputs, &batch).await?;
        Ok(())
    }

    /// Holds the job's workbooks against the digests that are about to be queued.
    pub(crate) fn told_as_listed(&self, planned: &Plan) -> anyhow::Result<()> {
        let inputs = self.inputs_named();
        let findings = &self.reading.judged.findings;
        for template in self.job.workbooks.iter().filter_map(|name| self.config.templates.get(name)) {
            if template.sheets.iter().any(|sheet| matches!(&sheet.kind, SheetKind::List(list) if !list.fold)) {
                let material = self.material(Audience::Office, None, &inputs);
                let book = build(template, &material);
                tied(&reconcile_digests(&self.config.policy, findings, planned, template, &book))?;
            }
        }
        Ok(())
    }

    pub(crate) fn digest_message(
        &self,
        run: &Run,
        digest: &mut Digest,
        templates: &Templates,
        named: &[(String, String)],
    ) -> anyhow::Result<NewMessage> {
        // the office's roll-up counts the whole province; its attachment holds what is told to the office itself
        let findings = &self.reading.judged.findings;
        let own = |index: &usize| digest.roll_up.is_none() || findings[*index].is_addressed_to(digest.recipient.unit);
        let rows: Vec<usize> = digest.findings.iter().copied().filter(own).collect();
        let silent = digest.roll_up.as_ref().map_or(&[][..], |roll_up| &roll_up.silent);
        let (attachment, kept) = match digest.recipient.counts_only {
            true => (None, None),
            false => {
                let told = digest.roll_up.is_none().then_some(&digest.counts);
                self.attachment(run, digest.recipient.unit, (&rows, digest.restricted, told), silent, named, "")?
            }
        };
        digest.attached.attachment_retained = kept;
        digest.attached.attachment = attachment.as_ref().map(|(name, _)| name.clone());
        let rendered = templates.render(&self.job.digest, digest)?;
        self.message(run, (digest.recipient.unit, &digest.recipient.mailbox), &digest.subject, None, &rendered, attachment.as_ref())
    }

    /// A message that waits for the person who releases it.
    pub(crate) fn draft_message(
        &self,
        run: &Run,
        draft: &mut Draft,
        templates: &Templates,
        named: &[(String, String)],
    ) -> anyhow::Result<NewMessage> {
        let (attachment, kept) = match draft.recipient.counts_only {
            true => (None, None),
            false => self.attachment(run, draft.recipient.unit, (&draft.findings, draft.restricted, None), &[], named, draft.act_title)?,
        };
        draft.attached.attachment_retained = kept;
        draft.attached.attachment = attachment.as_ref().map(|(name, _)| name.clone());
        let rendered = templates.render(&self.job.draft, draft)?;
        self.message(run, (draft.recipient.unit, &draft.recipient.mailbox), &draft.subject, Some(draft.act), &rendered, attachment.as_ref())
    }

    /// A unit's rows as a workbook: its name and bytes, or, where it is too large for a mail, only its name.
    #[allow(clippy::type_complexity, reason = "the one or the other")]
    pub(crate) fn attachment(
        &self,
        run: &Run,
        unit: UnitId,
        (rows, withheld, told): (&[usize], usize, Option<&Counts>),
        silent: &[SilentRecord],
        named: &[(String, String)],
        prefix: &str,
    ) -> anyhow::Result<(Option<(String, Vec<u8>)>, Option<String>)> {
        let Some(template) = self.job.attachment.as_ref().and_then(|name| self.config.templates.get(name)) else { return Ok((None, None)) };
        let material = Material { silent, only_counted: Some(withheld), ..self.material(Audience::Unit(unit), Some(rows), named) };
        let name = format!("{prefix}{}", file_name(template, &material));
        let book = build(template, &material);
        let (policy, findings) = (&self.config.policy, &self.reading.judged.findings);
        let mail = MailContent { unit: &policy.units.units[unit].name, findings: rows, counts: told };
        tied(&reconcile_attachment(policy, findings, &mail, template, &book))?;
        let bytes = xlsx::render(&book)?;
        if bytes.len() as u64 <= self.config.settings.limits.attachment_kib_max * 1024 {
            return Ok((Some((name, bytes)), None));
        }
        // the unit is told to ask for it, so the office has to have it
        let folder = format!("reports/{}/{}/未随邮件发送", self.job.name, folder_of(self.as_of, run.revision));
        let filed = archive::write(&self.evaluator.var.join(folder), &name, &bytes)?;
        tracing::warn!(file = %filed.path.display(), filed.bytes, "the attachment is too large and stays in the office");
        Ok((None, Some(name)))
    }

    pub(crate) fn message(
        &self,
        run: &Run,
        (unit, mailbox): (UnitId, &str),
        subject: &str,
        act: Option<&'static str>,
        rendered: &Rendered,
        attachment: Option<&(String, Vec<u8>)>,
    ) -> anyhow::Result<NewMessage> {
        let settings = &self.config.settings;
        let unit = &self.config.policy.units.units[unit];
        let revision = if run.revision > 0 { format!("-r{}", run.revision) } else { String::new() };
        let slot_day = self.at.format("%Y%m%dT%H%M%S");
        let kind = act.map_or(String::new(), |act| format!("_{act}"));
        let id = format!("{}_{}_{slot_day}_{}{kind}{revision}", self.job.name, self.as_of, unit.code.to_lowercase());
        // the mode of this process, not the frozen one: a box for tests is taken away by taking the line away
        let test_to = self.evaluator.config.settings.mail.test_to.as_deref();
        let from_domain = settings.mail.from.rsplit('@').next().unwrap_or("localhost");
        let date: DateTime<FixedOffset> = self.evaluator.clock.now().fixed_offset();
        let date = date.with_timezone(&FixedOffset::east_opt(self.job.schedule.utc_offset_seconds).unwrap_or_else(|| *date.offset()));
        let bytes = message::build(&Message {
            from: Correspondent { name: &settings.office.name, address: &settings.mail.from },
            to: Correspondent { name: &unit.title, address: test_to.unwrap_or(mailbox) },
            meant_for: test_to.map(|_| Correspondent { name: &unit.title, address: mailbox }),
            reply_to: Correspondent { name: &settings.office.name, address: &settings.mail.reply_to },
            subject,
            date,
            id: &id,
            domain: from_domain,
            html: &rendered.html,
            text: &rendered.text,
            attachment: attachment.map(|(name, bytes)| Attachment { name, bytes }),
        })?;
        let mut hasher = Hashing::new(&SHA256);
        hasher.update(subject.as_bytes());
        hasher.update(rendered.text.as_bytes());
        if let Some((_, bytes)) = attachment {
            hasher.update(bytes);
        }
        Ok(NewMessage {
            message_id: format!("<{id}@{from_domain}>"),
            id,
            recipient: format!("{} {mailbox}{kind}", unit.code),
            address: test_to.unwrap_or(mailbox).to_owned(),
            unit: unit.name.clone(),
            subject: subject.to_owned(),
            digest_sha256: hex::encode(hasher.finish()),
            bytes,
            act: act.unwrap_or_default().to_owned(),
        })
    }
}

/// What could not be made of whose mails and why, one line for each reason: a broken template concerns every unit alike.
fn not_made(failed: Vec<((String, String), String)>) -> impl Iterator<Item = String> {
    let mut units: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (reason, unit) in failed {
        units.entry(reason).or_default().push(unit);
    }
    units.into_iter().map(|((what, error), units)| {
        let named = units.iter().take(UNITS_NAMED).map(String::as_str).collect::<Vec<_>>().join("、");
        let rest = if units.len() > UNITS_NAMED { format!("等{}个单位", units.len()) } else { String::new() };
        format!("{named}{rest}的{what}未能生成：{error}")
    })
}

/// How many units of one reason are named.
const UNITS_NAMED: usize = 3;

/// What is mailed and what is listed are not the same: nothing goes out.
#[derive(Debug, thiserror::Error)]
#[error("提醒与报表不一致，未发送：{0}")]
struct Untied(String);

fn tied(wrong: &[Discrepancy]) -> Result<(), Untied> {
    match wrong {
        [] => Ok(()),
        wrong => {
            let first: Vec<String> = wrong.iter().take(5).map(ToString::to_string).collect();
            let more = if wrong.len() > first.len() { format!("；另有{}处", wrong.len() - first.len()) } else { String::new() };
            Err(Untied(format!("{}{more}", first.join("；"))))
        }
    }
}
