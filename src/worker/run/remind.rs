//! The remind step: plan the digests, prove the coverage, render and queue the mails.

use crate::clock::stamp;
use crate::config::job_file::{Job, JobStep};
use crate::domain::judging::finding::Identity;
use crate::domain::notify::digest::{Digest, Draft, Recipient, SealedAudit};
use crate::domain::notify::disposition::NotifyReason;
use crate::domain::notify::inputs::{PlanInputs, Rhythm};
use crate::domain::notify::plan::{Plan, plan};
use crate::domain::register::levels::Level;
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Light;
use crate::mail::message;
use crate::mail::message::{Attachment, Correspondent, Message};
use crate::mail::templates::{Rendered, Templates};
use crate::store::named_records::NamedCodes;
use crate::store::notify_reasons::UnitReason;
use crate::store::outbox::{NewDraft, NewMessage, NewNotified, OutboxBatch};
use crate::store::run_result::{JudgedResult, LetterCounts, MailedResult, RunFault, RunResult};
use crate::store::runs::{Run, RunInputs};
use crate::workbook::build::build;
use crate::workbook::reconcile::reconcile_digests;
use crate::workbook::sheets::kinds::SheetKind;
use crate::worker::audit_head::AuditHeadFile;
use crate::worker::deliver::restore_guard::expiry;
use crate::worker::progress::progress;
use crate::worker::records::LedgerRecords;
use crate::worker::run::context::{RunContext, is_past_start};
use crate::worker::run::mail_files::{MailRows, MailWorkbook, MailsDiffer, Making, WorkbookFile, ensure_same};
use crate::worker::run::message_id::MessageOf;
use crate::worker::run::report::block_in_place;
use crate::worker::run::slot_text::slot_text;
use crate::worker::run::spill::DigestRecords;
use anyhow::{Context, ensure};
use chrono::{DateTime, FixedOffset, NaiveDate};
use ring::digest::{Context as Hashing, SHA256};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// By unit, the findings and lights that its last message named.
type LastNotified = HashMap<UnitId, BTreeMap<Identity, Option<Light>>>;

/// The mails of a run before they are rendered.
pub(crate) struct PlannedMails {
    pub(crate) planned: Plan,
    last_notified: LastNotified,
}

/// The mails of a revision as of the day of the first edition.
#[derive(Default)]
struct ComparedMails {
    digests: HashMap<UnitId, Digest>,
    /// By unit and code of the act.
    drafts: HashMap<(UnitId, &'static str), Draft>,
}

/// Where a mail goes and what it is called.
struct Envelope<'a> {
    unit: UnitId,
    mailbox: &'a str,
    subject: &'a str,
    /// The act of a draft.
    act: Option<&'static str>,
    names: NamedCodes,
}

/// Which mails could not be made, and why. They are in the order of the acts' titles; digests, which have no act, come first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct MailFault {
    act_title: &'static str,
    /// Code of the act of drafts; empty for digests.
    act: &'static str,
    detail: String,
}

impl RunContext<'_> {
    /// Plans the digests with the coverage proof, and the drafts, as they are when they are made on a day.
    ///
    /// # Errors
    /// The database fails or the records cannot be read back.
    pub(crate) async fn plan(&self, inputs: &RunInputs, revision: i64, sent_on: NaiveDate) -> anyhow::Result<PlannedMails> {
        let policy = &self.config.policy;
        let settings = &self.config.settings;
        let store = &self.evaluator.store;
        let mut last_notified = self.last_notified(inputs, revision).await?;
        let (mut last_digest_on, mut asked_on) = (HashMap::new(), HashMap::new());
        let latest = |days: &mut HashMap<UnitId, NaiveDate>, unit: UnitId, day: NaiveDate| {
            let last = days.entry(unit).or_insert(day);
            *last = (*last).max(day);
        };
        for (unit, digest) in store.notified().last_digests(inputs.sample, &self.job.name, &slot_text(self.at)).await? {
            let Some(unit) = policy.units.find(&unit) else { continue };
            latest(&mut last_digest_on, unit, digest.made_on);
            if let Ok(at) = DateTime::parse_from_rfc3339(&digest.accepted_at) {
                latest(&mut asked_on, unit, self.date_of(at).date_naive().max(digest.made_on));
            }
        }
        let undelivered = store.notified().unreached(inputs.sample, &self.job.name, &slot_text(self.at)).await?;
        let mut unreached: Vec<_> = undelivered.into_iter().filter_map(|(unit, state)| Some((policy.units.find(&unit)?, state))).collect();
        unreached.sort();
        // a code that has left the register is asked about by its name: not one that is restricted
        for findings in last_notified.values_mut() {
            findings.retain(|identity, _| !self.is_gone_and_restricted(identity));
        }
        let mut gone = BTreeSet::new();
        for identity in last_notified.values().flat_map(BTreeMap::keys) {
            if let Some(ledger) = policy.ledger(&identity.ledger)
                && !self.register.has(ledger, &identity.key)
            {
                gone.insert((ledger, identity.key.clone()));
            }
        }
        let records = DigestRecords { spill: &self.register.records, resolved: self.resolved_records(&last_notified).await? };
        let source_line = self.register.source_line(policy, self.as_of);
        let national = policy.calendar.of(None);
        // the next mail that is certain to come: other jobs mail a unit only if something has changed
        let next_on = |level: Level| {
            let jobs = self.config.jobs.iter().filter(|job| job.rhythm == Rhythm::Always && job.levels.contains(&level));
            let from = self.at.max(sent_on.and_time(chrono::NaiveTime::MIN)) + chrono::Duration::seconds(1);
            let next = |job: &Job| Some(job.schedule.slots(from, national).next()?.runs_at.date());
            jobs.filter_map(next).min()
        };
        let covered = self.covered_by_another(inputs);
        let plan_inputs = PlanInputs {
            policy,
            as_of: self.as_of,
            sent_on,
            office_name: &settings.office.name,
            contact: &settings.office.contact,
            objection_workdays: settings.office.objection_workdays,
            judged: &self.register.judged,
            records: &records,
            last_notified: &last_notified,
            last_digest_on: &last_digest_on,
            asked_on: &asked_on,
            unreached: &unreached,
            gone: &gone,
            answers: &self.answers_for_others,
            rhythm: self.job.rhythm,
            through_place: &self.job.through_place,
            covered: &covered,
            drafts: &self.job.drafts,
            unsigned: self.unsigned,
            levels: &self.job.levels,
            started: is_past_start(inputs, sent_on),
            data: &self.data,
            source_line: &source_line,
            next_on: &next_on,
            is_counts_only: &|address| settings.mail.is_counts_only(address),
        };
        let planned = plan(&plan_inputs);
        Ok(PlannedMails { planned, last_notified })
    }

    /// The findings and lights that each unit's last message named, without records whose leaving the office has confirmed: a digest
    /// neither asks about those nor thanks for them.
    async fn last_notified(&self, inputs: &RunInputs, revision: i64) -> anyhow::Result<LastNotified> {
        let policy = &self.config.policy;
        let store = &self.evaluator.store;
        let unit_named = |name: &str| policy.units.find(name);
        let mut last_notified = LastNotified::new();
        // a unit that took over another one has been notified of what the other one was
        let by_name: BTreeMap<String, _> = store.notified().last(inputs.sample).await?.into_iter().collect();
        for (unit, findings) in by_name.into_iter().filter_map(|(unit, findings)| Some((unit_named(&unit)?, findings))) {
            last_notified.entry(unit).or_default().extend(findings);
        }
        let slot = slot_text(self.at);
        // a digest that never reached its unit does not count
        for (unit, findings) in store.notified().instead_of_undelivered(&self.job.name, &slot).await? {
            if let Some(unit) = unit_named(&unit) {
                last_notified.insert(unit, findings);
            }
        }
        // a revision compares with the messages before the slot, not with those of its own first edition
        for (unit, findings) in store.notified().before_slot(&self.job.name, &slot, revision).await? {
            if let Some(unit) = unit_named(&unit) {
                last_notified.insert(unit, findings);
            }
        }
        let absent: BTreeSet<(String, String)> = last_notified
            .values()
            .flat_map(BTreeMap::keys)
            .filter(|identity| policy.ledger(&identity.ledger).is_some_and(|ledger| !self.register.has(ledger, &identity.key)))
            .map(|identity| (identity.ledger.clone(), identity.key.clone()))
            .collect();
        let confirmed = self.evaluator.confirmed_gone(&self.selection, &absent).await?;
        for findings in last_notified.values_mut() {
            findings.retain(|identity, _| !confirmed.contains(&(identity.ledger.clone(), identity.key.clone())));
        }
        Ok(last_notified)
    }

    /// Whether the record of a finding is no longer in the register and a mark restricts it.
    fn is_gone_and_restricted(&self, identity: &Identity) -> bool {
        let is_gone = |ledger| !self.register.has(ledger, &identity.key);
        self.config.policy.ledger(&identity.ledger).is_some_and(is_gone) && self.selection.restrictions.has(&identity.ledger, &identity.key)
    }

    /// The records that units were notified of and that the spill does not have, because nothing is found on them any more: a digest thanks
    /// for them by name.
    async fn resolved_records(&self, last_notified: &LastNotified) -> anyhow::Result<HashMap<(usize, String), Record>> {
        let policy = &self.config.policy;
        let mut resolved: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for identity in last_notified.values().flat_map(BTreeMap::keys) {
            if let Some(ledger) = policy.ledger(&identity.ledger)
                && self.register.has(ledger, &identity.key)
                && !self.register.records.has(ledger, &identity.key)
            {
                resolved.entry(ledger).or_default().insert(&identity.key);
            }
        }
        let mut records = HashMap::new();
        for (index, codes) in resolved {
            let codes: Vec<String> = codes.into_iter().map(str::to_owned).collect();
            let ledger_records = LedgerRecords::new(&self.evaluator.store, &policy.ledgers[index], &self.selection);
            let found = ledger_records.records_by_code(&codes).await?.into_iter().map(|found| found.stored.record);
            records.extend(found.map(|record| ((index, record.code.clone()), record)));
        }
        Ok(records)
    }

    /// Plans the digests, checks the coverage proof, and commits all messages in one transaction with the step. Returns the result of the run.
    ///
    /// # Errors
    /// The coverage proof fails, a mail and a workbook differ, the records cannot be read back, or the database fails. A mail that cannot be
    /// made is a fault of the inputs.
    pub(crate) async fn remind(&self, run: &Run, inputs: &mut RunInputs, judged: JudgedResult) -> anyhow::Result<RunResult> {
        let PlannedMails { mut planned, last_notified } = self.plan(inputs, run.revision, self.made_on).await?;
        let mut compared = self.compared_mails(inputs, run).await?;
        ensure!(
            planned.coverage.adds_up(),
            "the coverage proof fails, nothing was mailed:\n{}",
            planned.coverage.in_words(&self.config.policy.units.levels)
        );
        block_in_place(|| self.reconcile_workbooks(&planned))?;
        let reached = self.evaluator.store.outbox().reached_before(&run.job, &run.slot, run.revision).await?;
        let replaced_on = |recipient: &Recipient| {
            let unit = &self.config.policy.units.units[recipient.unit];
            let made_at = DateTime::parse_from_rfc3339(reached.get(&format!("{} {}", unit.code, recipient.mailbox))?).ok()?;
            Some(self.date_of(made_at).date_naive())
        };
        let earlier_digests = self.evaluator.store.outbox().earlier_digests(&run.job, &run.slot, run.revision).await?;
        // of a revision that only makes stopped mails anew: those mails, each as unit and act
        let stopped = match inputs.remakes_withheld {
            true => Some(self.evaluator.store.marked_messages().stopped_before(&run.job, &run.slot, run.revision).await?),
            false => None,
        };
        let is_wanted = |unit: &str, act: &str| stopped.as_ref().is_none_or(|stopped| stopped.contains(&(unit.to_owned(), act.to_owned())));
        let templates = Templates::new(&self.config.mail_templates, &self.config.policy.units.levels)
            .map_err(|errors| anyhow::anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
        let reach = if self.job.mail_packs.is_empty() { None } else { Some(self.reach()) };
        let making = Making { templates, named: self.inputs_named(), reach };
        let (mut messages, mut notified, mut packs_mailed) = (Vec::new(), Vec::new(), 0);
        // a broken template concerns all units: they share one fault
        let mut failed: BTreeMap<MailFault, Vec<String>> = BTreeMap::new();
        let mut unchanged = 0;
        let mut reasons = std::mem::take(&mut planned.reasons);
        let progress = progress("生成邮件");
        for digest in &mut planned.digests {
            progress.inc(1);
            if !is_wanted(&digest.recipient.unit_name, "") {
                unchanged += 1;
                reasons.insert(digest.recipient.unit, NotifyReason::NotStopped);
                continue;
            }
            let known = last_notified.get(&digest.recipient.unit);
            let replaces = replaced_on(&digest.recipient);
            let mut message = self.digest_message(run, digest, (self.made_on, replaces), known, &making);
            if let (Ok(message), Some(first)) = (&mut message, compared.digests.get_mut(&digest.recipient.unit)) {
                message.digest_sha256 = self.digest_message(run, first, (self.first_made_on, None), known, &making)?.digest_sha256;
            }
            match message {
                Ok(message) => {
                    if earlier_digests.get(&message.recipient) == Some(&message.digest_sha256) {
                        unchanged += 1;
                        reasons.insert(digest.recipient.unit, NotifyReason::Unchanged);
                        continue;
                    }
                    packs_mailed += digest.packs.len();
                    notified.push(NewNotified {
                        unit: digest.recipient.unit_name.clone(),
                        findings: digest.notified.iter().cloned().collect(),
                        through: String::new(),
                    });
                    notified.extend(digest.forwarded.iter().map(|department| NewNotified {
                        unit: department.unit_name.clone(),
                        findings: department.notified.iter().cloned().collect(),
                        through: digest.recipient.unit_name.clone(),
                    }));
                    messages.push(message);
                }
                Err(error) if error.is::<MailsDiffer>() => return Err(error),
                Err(error) => {
                    reasons.insert(digest.recipient.unit, NotifyReason::NotMade);
                    let fault = MailFault { act_title: "", act: "", detail: format!("{error:#}") };
                    failed.entry(fault).or_default().push(digest.recipient.unit_name.clone());
                }
            }
        }
        let (mut new_drafts, mut unchanged_drafts, mut letters) = (Vec::new(), Vec::new(), Vec::new());
        for mut draft in std::mem::take(&mut planned.acts.drafts) {
            progress.inc(1);
            if !is_wanted(&draft.recipient.unit_name, draft.act) {
                unchanged += 1;
                continue;
            }
            let mut message = self.draft_messages(run, &mut draft, self.made_on, &making);
            if let (Ok(messages), Some(first)) = (&mut message, compared.drafts.get_mut(&(draft.recipient.unit, draft.act))) {
                let first = self.draft_messages(run, first, self.first_made_on, &making)?;
                messages[0].1.digest_sha256.clone_from(&first[0].1.digest_sha256);
            }
            if let Ok(messages) = &message {
                letters.push(LetterCounts {
                    message: messages[0].1.id.clone(),
                    projects: draft.counts.items,
                    findings: draft.counts.findings,
                    amount: draft.amount,
                    longest: draft.longest_days,
                    weight: draft.weight,
                });
            }
            match message {
                // a letter and its copies are made and replaced together
                Ok(messages) => {
                    let is_unchanged = earlier_digests.get(&messages[0].1.recipient) == Some(&messages[0].1.digest_sha256);
                    if is_unchanged { unchanged_drafts.push(messages) } else { new_drafts.push(messages) }
                }
                Err(error) if error.is::<MailsDiffer>() => return Err(error),
                Err(error) => {
                    let fault = MailFault { act_title: draft.act_title, act: draft.act, detail: format!("{error:#}") };
                    failed.entry(fault).or_default().push(draft.recipient.unit_name.clone());
                }
            }
        }
        progress.finish_and_clear();
        // a revision replaces the drafts of the run that it revises, also those that would be the same; where nothing has changed, they stay
        let replaces_drafts = stopped.is_none() && (run.revision == 0 || !messages.is_empty() || !new_drafts.is_empty());
        if replaces_drafts {
            let waiting = self.evaluator.store.outbox().undecided_drafts(&run.job, &run.slot, run.revision).await?;
            let (undecided, decided): (Vec<_>, Vec<_>) =
                unchanged_drafts.into_iter().partition(|messages| waiting.contains(&messages[0].1.recipient));
            new_drafts.extend(undecided);
            unchanged_drafts = decided;
        }
        unchanged += unchanged_drafts.len();
        let drafts = new_drafts.len();
        let mut drafted = Vec::new();
        for (draft, message) in new_drafts.into_iter().flatten() {
            drafted.push(draft);
            messages.push(message);
        }
        let fault = |(MailFault { act, detail, .. }, units): (MailFault, _)| RunFault::Mail { act: act.to_owned(), units, detail };
        inputs.faults.extend(failed.into_iter().map(fault));
        if let Some(fault) = self.register.records.fault() {
            anyhow::bail!("{fault}; nothing was mailed");
        }
        let name = |unit: &UnitId| self.config.policy.units.units[*unit].name.clone();
        let mailed = MailedResult {
            digests: messages.len() - drafted.len(),
            drafts,
            unchanged,
            coverage: planned.coverage,
            packs_mailed,
            packs_of_office: self.packs_of_mails(&making, inputs).saturating_sub(packs_mailed),
            letters,
            not_interviewed: planned.acts.not_interviewed.iter().map(name).collect(),
        };
        let batch = OutboxBatch {
            messages,
            notified,
            drafts: drafted,
            reasons: self.unit_reasons(&reasons),
            notified_on: self.made_on.to_string(),
            now: stamp(self.evaluator.clock.now()),
            result: RunResult { judged: Some(judged), mailed: Some(mailed), ..RunResult::default() },
            expires_at: expiry(&self.evaluator.clock, &self.evaluator.config.settings),
            test: self.evaluator.config.settings.mail.test_to.is_some(),
            replaces_drafts,
        };
        self.evaluator.store.outbox().commit(run, JobStep::Remind.name(), inputs, &batch).await?;
        Ok(batch.result)
    }

    /// The mails of a revision as they would be if they were made on the day of the first edition, by which it is seen whether they have changed.
    async fn compared_mails(&self, inputs: &RunInputs, run: &Run) -> anyhow::Result<ComparedMails> {
        if self.first_made_on == self.made_on {
            return Ok(ComparedMails::default());
        }
        let PlannedMails { planned, .. } = self.plan(inputs, run.revision, self.first_made_on).await?;
        Ok(ComparedMails {
            digests: planned.digests.into_iter().map(|digest| (digest.recipient.unit, digest)).collect(),
            drafts: planned.acts.drafts.into_iter().map(|draft| ((draft.recipient.unit, draft.act), draft)).collect(),
        })
    }

    /// A time by the clock of the job's zone.
    fn date_of(&self, at: DateTime<FixedOffset>) -> DateTime<FixedOffset> {
        at.with_timezone(&FixedOffset::east_opt(self.job.schedule.utc_offset_seconds).unwrap_or_else(|| *at.offset()))
    }

    /// The reasons by code and name of their units.
    fn unit_reasons(&self, reasons: &BTreeMap<UnitId, NotifyReason>) -> Vec<UnitReason> {
        let units = &self.config.policy.units.units;
        let of = |(unit, reason): (&UnitId, &NotifyReason)| {
            let unit = &units[*unit];
            UnitReason { unit: unit.code.clone(), name: unit.name.clone(), reason: *reason }
        };
        reasons.iter().map(of).collect()
    }

    /// Checks that the job's workbooks and the planned digests show the same.
    fn reconcile_workbooks(&self, planned: &Plan) -> anyhow::Result<()> {
        let inputs = self.inputs_named();
        let findings = &self.register.judged.findings;
        for template in self.job.workbooks.iter().filter_map(|name| self.config.templates.get(name)) {
            if template.sheets.iter().any(|sheet| matches!(&sheet.kind, SheetKind::List(list) if !list.fold)) {
                let material = self.material(template.audience(), None, &inputs);
                let book = build(template, &material)?;
                ensure_same(&reconcile_digests(&self.config.policy, findings, planned, template, &book))?;
            }
        }
        Ok(())
    }

    fn digest_message(
        &self,
        run: &Run,
        digest: &mut Digest,
        (dated, replaces_on): (NaiveDate, Option<NaiveDate>),
        last_notified: Option<&BTreeMap<Identity, Option<Light>>>,
        making: &Making,
    ) -> anyhow::Result<NewMessage> {
        let Making { templates, named, .. } = making;
        // the roll-up counts all units; its workbook lists only the findings addressed to the office itself
        let findings = &self.register.judged.findings;
        let own = |index: &usize| digest.roll_up.is_none() || findings[*index].is_addressed_to(digest.recipient.unit);
        let findings_listed: Vec<usize> = digest.findings.iter().copied().filter(own).collect();
        let silent = digest.roll_up.as_ref().map_or(&[][..], |roll_up| &roll_up.silent);
        let unit = digest.recipient.unit;
        let counts = digest.roll_up.is_none().then_some(&digest.counts);
        let workbook = match digest.recipient.counts_only {
            true => MailWorkbook::None,
            false => {
                let rows = MailRows { unit, dated, findings: &findings_listed, restricted: digest.restricted, counts, silent, prefix: "" };
                self.mail_workbook(run, &rows, named)?
            }
        };
        digest.attached.attachment_retained = workbook.retained().map(str::to_owned);
        digest.attached.attachment = workbook.attached().map(|file| file.name.clone());
        let (mut more, mut more_names) = self.files_passed_on(run, &mut digest.forwarded, dated, named)?;
        let (packs, names_of_packs) =
            if digest.recipient.counts_only { Default::default() } else { self.packs_of_mail(unit, dated, making)? };
        digest.packs = packs.iter().map(|pack| pack.name.clone()).collect();
        more.extend(packs);
        more_names.extend(names_of_packs);
        let stated = templates.render(&self.job.digest, digest)?.text;
        digest.replaces_on = replaces_on;
        digest.sealed_audit = if digest.roll_up.is_some() { self.sealed_audit()? } else { None };
        let rendered = templates.render(&self.job.digest, digest)?;
        // a digest also names what it thanks for
        let identities = digest.notified.iter().map(|(identity, _)| identity).chain(last_notified.into_iter().flat_map(BTreeMap::keys));
        let mut names = self.names_of_mail(unit, &findings_listed, silent, identities);
        names.extend(more_names);
        let envelope = Envelope { unit, mailbox: &digest.recipient.mailbox, subject: &digest.subject, act: None, names };
        let files: Vec<&WorkbookFile> = workbook.attached().into_iter().chain(&more).collect();
        self.message(run, envelope, &rendered, &stated, &files)
    }

    /// Up to where the audit is sealed; `None` = it is not sealed at all, or nobody knows its end.
    fn sealed_audit(&self) -> anyhow::Result<Option<SealedAudit>> {
        let head = AuditHeadFile::below(&self.evaluator.var).read().context("cannot read var/audit.head")?;
        let sealed = head.known().filter(|head| head.no > 0);
        Ok(sealed.map(|head| SealedAudit { no: head.no, hash: head.hash.clone() }))
    }

    /// A letter that waits for the person who releases it, followed by its copies.
    fn draft_messages(
        &self,
        run: &Run,
        draft: &mut Draft,
        dated: NaiveDate,
        making: &Making,
    ) -> anyhow::Result<Vec<(NewDraft, NewMessage)>> {
        let letter = self.draft_message(run, draft, dated, making)?;
        let id = letter.id.clone();
        let findings_of = |draft: &Draft| draft.notified.iter().cloned().collect();
        let mut made = vec![(NewDraft { message: id.clone(), findings: findings_of(draft) }, letter)];
        for copy in &mut draft.copies {
            let message = NewMessage { copy_of: id.clone(), ..self.draft_message(run, copy, dated, making)? };
            made.push((NewDraft { message: message.id.clone(), findings: findings_of(copy) }, message));
        }
        Ok(made)
    }

    /// A message that waits for the person who releases it.
    fn draft_message(&self, run: &Run, draft: &mut Draft, dated: NaiveDate, making: &Making) -> anyhow::Result<NewMessage> {
        let Making { templates, named, .. } = making;
        let unit = draft.recipient.unit;
        let (findings, restricted, prefix) = (&draft.findings, draft.restricted, draft.act_title);
        let workbook = match draft.recipient.counts_only {
            true => MailWorkbook::None,
            false => self.mail_workbook(run, &MailRows { unit, dated, findings, restricted, counts: None, silent: &[], prefix }, named)?,
        };
        draft.attached.attachment_retained = workbook.retained().map(str::to_owned);
        draft.attached.attachment = workbook.attached().map(|file| file.name.clone());
        let rendered = templates.render(&self.job.draft, draft)?;
        let names = self.names_of_mail(unit, &draft.findings, &[], draft.notified.iter().map(|(identity, _)| identity));
        let envelope = Envelope { unit, mailbox: &draft.recipient.mailbox, subject: &draft.subject, act: Some(draft.act), names };
        let files: Vec<&WorkbookFile> = workbook.attached().into_iter().collect();
        self.message(run, envelope, &rendered, &rendered.text, &files)
    }

    /// The bytes of a mail with what the outbox stores of it. `stated`: the part of its text that makes it another mail where it differs.
    fn message(
        &self,
        run: &Run,
        envelope: Envelope<'_>,
        rendered: &Rendered,
        stated: &str,
        files: &[&WorkbookFile],
    ) -> anyhow::Result<NewMessage> {
        let attachments: Vec<Attachment<'_>> = files.iter().map(|file| Attachment { name: &file.name, bytes: &file.bytes }).collect();
        let Envelope { unit, mailbox, subject, act, names } = envelope;
        let settings = &self.config.settings;
        let unit = &self.config.policy.units.units[unit];
        let kind = act.map_or(String::new(), |act| format!("_{act}"));
        let of = MessageOf { job: &self.job.name, as_of: self.as_of, at: self.at, unit: &unit.code, act, revision: run.revision };
        let id = of.id();
        // the current configuration, not the frozen one: removing the setting ends the test mode at once
        let test_to = self.evaluator.config.settings.mail.test_to.as_deref();
        let from_domain = settings.mail.from.rsplit('@').next().unwrap_or("localhost");
        let date = self.date_of(self.evaluator.clock.now().fixed_offset());
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
            attachments: &attachments,
        })?;
        let mut hasher = Hashing::new(&SHA256);
        hasher.update(subject.as_bytes());
        hasher.update(stated.as_bytes());
        for file in files {
            hasher.update(&file.bytes);
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
            copy_of: String::new(),
            names,
        })
    }
}
