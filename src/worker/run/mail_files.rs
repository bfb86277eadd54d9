//! The files of a mail: its workbook, the workbooks that it passes on, and the packs of its period.

use crate::domain::audience::Audience;
use crate::domain::judging::finding::Identity;
use crate::domain::judging::roster::Reach;
use crate::domain::notify::digest::{Counts, ForwardedUnit};
use crate::domain::notify::feedback::SilentRecord;
use crate::domain::register::units::UnitId;
use crate::mail::templates::Templates;
use crate::report::archive;
use crate::report::xlsx;
use crate::store::named_records::NamedCodes;
use crate::store::runs::Run;
use crate::workbook::build::{build, file_name, named_records};
use crate::workbook::material::Material;
use crate::workbook::named::records_of;
use crate::workbook::reconcile::{Discrepancy, MailContent, reconcile_attachment};
use crate::worker::run::context::RunContext;
use crate::worker::run::report::folder_of;
use chrono::NaiveDate;

/// The workbook of a mail.
pub(crate) enum MailWorkbook {
    /// The job has no template for it, or the recipient gets counts only.
    None,
    Attached(WorkbookFile),
    /// It is too large for a mail and is filed at the office under this name.
    Retained(String),
}

pub(crate) struct WorkbookFile {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl MailWorkbook {
    pub(crate) fn attached(&self) -> Option<&WorkbookFile> {
        match self {
            MailWorkbook::Attached(file) => Some(file),
            MailWorkbook::None | MailWorkbook::Retained(_) => None,
        }
    }

    pub(crate) fn retained(&self) -> Option<&str> {
        match self {
            MailWorkbook::Retained(name) => Some(name),
            MailWorkbook::None | MailWorkbook::Attached(_) => None,
        }
    }
}

/// In the name of a list, in place of the act that its letter is about.
const LIST_OF_ACTS: &str = "督办事项";

/// What all mails of a run are made with.
pub(crate) struct Making {
    pub(crate) templates: Templates,
    /// Names and fingerprints of the configuration.
    pub(crate) named: Vec<(String, String)>,
    /// The findings that each unit may see in its pack; `None` = no pack goes with a mail.
    pub(crate) reach: Option<Reach>,
}

/// What the workbook of a mail contains.
pub(crate) struct MailRows<'a> {
    pub(crate) unit: UnitId,
    /// The day that it bears.
    pub(crate) dated: NaiveDate,
    /// Indices of the findings it lists.
    pub(crate) findings: &'a [usize],
    /// Number of restricted findings, which are only counted.
    pub(crate) restricted: usize,
    /// The counts in the mail, with which the workbook has to agree; `None` = the mail counts more than its workbook lists.
    pub(crate) counts: Option<&'a Counts>,
    pub(crate) silent: &'a [SilentRecord],
    /// The title of the act that a letter is about; empty for a digest. It is part of the file name.
    pub(crate) prefix: &'a str,
}

impl RunContext<'_> {
    /// The workbooks of departments that the mail of their government passes on, with the records they name.
    pub(crate) fn files_passed_on(
        &self,
        run: &Run,
        forwarded: &mut [ForwardedUnit],
        dated: NaiveDate,
        named: &[(String, String)],
    ) -> anyhow::Result<(Vec<WorkbookFile>, NamedCodes)> {
        let (mut files, mut names) = (Vec::new(), NamedCodes::new());
        for department in forwarded {
            let rows = MailRows {
                unit: department.unit,
                dated,
                findings: &department.findings,
                restricted: department.restricted,
                counts: Some(&department.counts),
                silent: &[],
                prefix: "",
            };
            let workbook = self.mail_workbook(run, &rows, named)?;
            names.extend(self.names_of_mail(
                department.unit,
                &department.findings,
                &[],
                department.notified.iter().map(|(identity, _)| identity),
            ));
            department.attachment = workbook.attached().map(|file| file.name.clone());
            if let MailWorkbook::Attached(file) = workbook {
                files.push(file);
            }
        }
        Ok((files, names))
    }

    /// The packs that go with the mail of a unit, with the records they name.
    pub(crate) fn packs_of_mail(&self, unit: UnitId, dated: NaiveDate, making: &Making) -> anyhow::Result<(Vec<WorkbookFile>, NamedCodes)> {
        let (mut files, mut names) = (Vec::new(), NamedCodes::new());
        let Some(reach) = &making.reach else { return Ok((files, names)) };
        for template in self.packs_mailed_to(unit) {
            let Some((bytes, of_pack)) = self.pack((template, unit), dated, reach, &making.named)? else { continue };
            if bytes.len() as u64 <= self.config.settings.limits.attachment_kib_max * 1024 {
                let (_, name) = self.pack_name(template, unit);
                names.extend(of_pack);
                files.push(WorkbookFile { name, bytes });
            }
        }
        Ok((files, names))
    }

    /// The records that a mail names, or more: those of its findings and of everything that its workbook may list for the unit.
    pub(crate) fn names_of_mail<'i>(
        &self,
        unit: UnitId,
        findings: &[usize],
        silent: &[SilentRecord],
        identities: impl Iterator<Item = &'i Identity>,
    ) -> NamedCodes {
        let material = Material { silent, ..self.material(Audience::Unit(unit), Some(findings), &[]) };
        let template = self.job.attachment.as_ref().and_then(|name| self.config.templates.get(name));
        let mut names = self.codes_named(records_of(&material));
        names.extend(self.codes_named(template.map(|template| named_records(template, &material)).unwrap_or_default()));
        names.extend(identities.map(|identity| (identity.ledger.clone(), identity.key.clone())));
        names
    }

    /// The workbook of a mail. One that is too large for a mail is filed at the office.
    pub(crate) fn mail_workbook(&self, run: &Run, rows: &MailRows<'_>, named: &[(String, String)]) -> anyhow::Result<MailWorkbook> {
        let &MailRows { unit, dated, findings: listed, restricted, counts, silent, prefix } = rows;
        let template = self.job.attachment.as_ref().and_then(|name| self.config.templates.get(name));
        let Some(template) = template else { return Ok(MailWorkbook::None) };
        let material = Material {
            silent,
            only_counted: Some(restricted),
            made_on: dated,
            reply_by: self.reply_by(dated),
            ..self.material(Audience::Unit(unit), Some(listed), named)
        };
        // the list of a letter is named after its act: 约谈事项清单
        let name = file_name(template, &material);
        let name = match prefix {
            "" => name,
            act if name.contains(LIST_OF_ACTS) => name.replacen(LIST_OF_ACTS, &format!("{act}事项"), 1),
            act => format!("{act}{name}"),
        };
        let book = build(template, &material)?;
        let (policy, findings) = (&self.config.policy, &self.register.judged.findings);
        let mail = MailContent { unit: &policy.units.units[unit].name, findings: listed, counts };
        ensure_same(&reconcile_attachment(policy, findings, &mail, template, &book))?;
        let bytes = xlsx::render(&book)?;
        if bytes.len() as u64 <= self.config.settings.limits.attachment_kib_max * 1024 {
            return Ok(MailWorkbook::Attached(WorkbookFile { name, bytes }));
        }
        // the mail asks the unit to request the workbook, so the office needs it
        let folder = format!("reports/{}/{}/未随邮件发送", self.job.name, folder_of(self.as_of, run.revision));
        let filed = archive::write(&self.evaluator.var.join(folder), &name, &bytes)?;
        tracing::warn!(file = %filed.path.display(), filed.bytes, "the attachment is too large and stays in the office");
        Ok(MailWorkbook::Retained(name))
    }
}

/// The mails and the workbooks do not show the same, so nothing is mailed.
#[derive(Debug, thiserror::Error)]
#[error("提醒与报表不一致，未发送：{0}")]
pub(crate) struct MailsDiffer(String);

pub(crate) fn ensure_same(discrepancies: &[Discrepancy]) -> Result<(), MailsDiffer> {
    match discrepancies {
        [] => Ok(()),
        all => {
            let first: Vec<String> = all.iter().take(5).map(ToString::to_string).collect();
            let more = if all.len() > first.len() { format!("；另有{}处", all.len() - first.len()) } else { String::new() };
            Err(MailsDiffer(format!("{}{more}", first.join("；"))))
        }
    }
}
