//! Who may see what, and in which form. Workbooks, mails and commands ask here and decide nothing themselves.
//!
//! A record is open, under negotiation (only its own unit, the recipients of its findings and the office see its row) or restricted (outside
//! the office it is only counted). A field of a row may be personal (phone numbers are masked) or commercial (only units that the record
//! concerns read it). A mailbox outside the domains of the office gets counts only. Outside the office's own workbooks no text holds the number
//! of a person in full: a telephone, an identity card, a passport, a bank card, a private mailbox, an account of a messenger.

use crate::domain::judging::finding::{Finding, Notice, State, Subject};
pub use crate::domain::personal_numbers::mask::{masked, masked_phone};
use crate::domain::register::ledger::{Field, Ledger, Privacy, Role};
use crate::domain::register::record::{Cell, Record, Records};
use crate::domain::register::units::{UnitId, Units};
use crate::domain::rules::condition::STAGE_NEGOTIATING;
use crate::domain::rules::policy::Policy;
use std::collections::BTreeSet;

/// In place of a text that names a restricted record.
pub const NOT_SHOWN: &str = "〔不便列示〕";

/// Who reads an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The office in its own workbooks: every row, with phone numbers in full.
    Office,
    /// One unit, by a pack or by the attachment of its mail; the office too, where it is mailed.
    Unit(UnitId),
    /// Whoever fills in a form outside the offices: no restricted row and none under negotiation.
    ThirdParty,
}

impl Audience {
    /// Whether the row of a finding may be shown: a unit sees the findings addressed to it and its own unjudged ones.
    pub fn sees_finding(self, finding: &Finding) -> bool {
        self.may_list(finding)
            && match self {
                Audience::Office | Audience::ThirdParty => true,
                Audience::Unit(unit) => finding.is_addressed_to(unit) || finding.state == State::Unjudged && finding.owner == Some(unit),
            }
    }

    /// Whether the row of a finding that a mail or a pack selects may be shown.
    pub fn may_list(self, finding: &Finding) -> bool {
        match self {
            Audience::Office => true,
            Audience::Unit(_) => is_named(finding),
            Audience::ThirdParty => is_named_to_all(finding),
        }
    }

    /// Whether a finding is only counted: it is addressed to the unit, and its record is restricted.
    pub fn only_counts(self, finding: &Finding) -> bool {
        !self.may_list(finding) && self.unit().is_some_and(|unit| finding.is_addressed_to(unit))
    }

    /// Whether a due date that is near may be shown: a unit sees its own.
    pub fn sees_notice(self, notice: &Notice) -> bool {
        self.sees_own(|unit| notice.owner == Some(unit), || !is_named(notice))
    }

    /// Whether a line about a row of the register may be shown that only the unit of the row is to see.
    pub fn sees_own(self, is_own: impl FnOnce(UnitId) -> bool, is_restricted: impl FnOnce() -> bool) -> bool {
        match self {
            Audience::Office => true,
            Audience::Unit(unit) => is_own(unit) && !is_restricted(),
            Audience::ThirdParty => false,
        }
    }

    /// Whether the row of another record may name and show the project it belongs to.
    pub fn sees_project(
        self,
        ledger: &Ledger,
        project: &Record,
        owner: impl FnOnce() -> Option<UnitId>,
        is_addressed: impl FnOnce() -> bool,
    ) -> bool {
        match self {
            Audience::Office => true,
            Audience::Unit(unit) => !is_negotiation_only(ledger, project) || owner() == Some(unit) || is_addressed(),
            Audience::ThirdParty => !is_negotiation_only(ledger, project),
        }
    }

    /// Whether tables count what belongs to a unit. Those of a unit count its own area, also records whose rows it may not see, so that a
    /// number is the same in every workbook.
    pub fn counts(self, units: &Units, owner: Option<UnitId>) -> bool {
        match self {
            Audience::Office | Audience::ThirdParty => true,
            Audience::Unit(unit) => owner.is_some_and(|owner| units.is_within(owner, unit)),
        }
    }

    /// Whether the counts of lights of the previous run may be compared with: they include records that units may not see.
    pub fn sees_previous_lights(self) -> bool {
        self == Audience::Office
    }

    /// Whether rows of restricted records are marked: only the office sees such rows.
    pub fn marks_restricted(self) -> bool {
        self == Audience::Office
    }

    /// Whether an act that no person has released yet is shown as such.
    pub fn sees_drafts(self) -> bool {
        self == Audience::Office
    }

    /// Free text as the reader gets it.
    pub fn text(self, text: &str) -> String {
        match self {
            Audience::Office => text.to_owned(),
            Audience::Unit(_) | Audience::ThirdParty => masked(text),
        }
    }

    /// The text of a field as the reader gets it.
    pub fn field_text(self, field: &Field, text: &str) -> String {
        match (self, is_personal(field)) {
            (Audience::Unit(_) | Audience::ThirdParty, true) => masked_phone(text),
            _ => self.text(text),
        }
    }

    fn unit(self) -> Option<UnitId> {
        match self {
            Audience::Office | Audience::ThirdParty => None,
            Audience::Unit(unit) => Some(unit),
        }
    }
}

/// What decides which units may see the row of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowReaders {
    pub owner: Option<UnitId>,
    /// Who leads its industry.
    pub lead: Option<UnitId>,
    /// Who reported it.
    pub raiser: Option<UnitId>,
    pub negotiation_only: bool,
    pub restricted: bool,
}

impl RowReaders {
    /// Whether a unit may see the row where a sheet selects it. `is_addressed`: a finding on the record is addressed to the unit.
    pub fn admit(&self, unit: UnitId, is_addressed: impl FnOnce() -> bool) -> bool {
        !self.restricted && (!self.negotiation_only || self.owner == Some(unit) || is_addressed())
    }

    /// Whether the record concerns a unit: it is its own or a subordinate's, of an industry it leads, or raised by it.
    pub fn concern(&self, units: &Units, unit: UnitId) -> bool {
        self.owner.is_some_and(|owner| units.is_within(owner, unit)) || self.lead == Some(unit) || self.raiser == Some(unit)
    }

    /// Whether a unit may look the record up: one that concerns it, or has a finding that it may see.
    pub fn admit_lookup(&self, units: &Units, unit: UnitId, has_finding: bool) -> bool {
        self.admit(unit, || has_finding) && (has_finding || self.concern(units, unit))
    }

    /// Whether a third party may see the row.
    pub fn admit_third_party(&self) -> bool {
        !self.restricted && !self.negotiation_only
    }

    /// Whether a field of the row is left out: a commercial one, for a third party, or for a unit that the record does not concern, because it is neither its own
    /// nor a subordinate's, not of an industry it leads, and not raised by it.
    pub fn withhold(&self, units: &Units, audience: Audience, field: &Field) -> bool {
        field.privacy == Privacy::Commercial
            && match audience {
                Audience::Office => false,
                Audience::Unit(unit) => !self.concern(units, unit),
                Audience::ThirdParty => true,
            }
    }
}

/// The units to whose lists a finding belongs: those it is addressed to and its owner; unless its record is under negotiation, also the owner's
/// superiors and the unit that leads the industry of its project. Where its record is restricted, these lists only count it.
pub fn list_readers(units: &Units, finding: &Finding) -> BTreeSet<UnitId> {
    let mut readers: BTreeSet<UnitId> = finding.recipients().flatten().chain(finding.owner).collect();
    if !finding.negotiation_only {
        readers.extend(finding.owner.into_iter().flat_map(|owner| units.upwards(owner)));
        readers.extend(finding.project_lead());
    }
    readers
}

/// The units whose packs may list a finding.
pub fn pack_readers(units: &Units, finding: &Finding) -> BTreeSet<UnitId> {
    if is_named(finding) { list_readers(units, finding) } else { BTreeSet::new() }
}

/// Whether a finding or notice may be named outside the office's own workbooks; else it is only counted.
pub fn is_named(subject: &Subject) -> bool {
    !subject.restricted
}

/// Whether a paper that every unit reads may name a finding; else it is only counted.
pub fn is_named_to_all(subject: &Subject) -> bool {
    is_named(subject) && !subject.negotiation_only && !subject.project_negotiation_only
}

/// Whether the mail of a place may pass a finding on to a department of the place: nothing that is under negotiation, unless it belongs to a
/// project of the place itself.
pub fn is_named_to_place(subject: &Subject, place: UnitId) -> bool {
    is_named(subject) && !subject.negotiation_only && (!subject.project_negotiation_only || subject.project_owner() == Some(place))
}

/// Whether a draft may name a finding to a unit. A project under negotiation is not named to a unit that owes it an answer: that unit has the
/// draft of the difficulty.
pub fn is_named_in_draft(finding: &Finding, unit: UnitId) -> bool {
    !finding.negotiation_only || finding.owner == Some(unit) || finding.is_addressed_to(unit)
}

/// Whether a field may be shown to anyone who may see the row.
pub fn is_open_field(field: &Field) -> bool {
    field.privacy == Privacy::None
}

/// Whether a field holds what belongs to a person.
pub fn is_personal(field: &Field) -> bool {
    field.privacy == Privacy::Personal
}

/// Whether mails to an address carry counts only: its domain is neither one of these nor below one of them.
pub fn is_counts_only(address: &str, domains: &[String]) -> bool {
    let Some((_, domain)) = address.rsplit_once('@') else { return true };
    let domain = domain.to_ascii_lowercase();
    !domains.iter().map(|allowed| allowed.to_ascii_lowercase()).any(|allowed| domain == allowed || domain.ends_with(&format!(".{allowed}")))
}

/// Whether only its own unit, the recipients of its findings, and the office may see the row of a record: a project at stage 洽谈, and every
/// record of a ledger such as that of the target enterprises.
pub fn is_negotiation_only(ledger: &Ledger, record: &Record) -> bool {
    ledger.negotiation_only || ledger.is_of_projects() && record.text(ledger.role(Role::Stage)) == STAGE_NEGOTIATING
}

/// Whether a record is only counted outside the office's own workbooks: it, or the project it belongs to, is marked 涉密 or 不便公开.
pub fn is_restricted(ledger: &Ledger, record: &Record, is_project_restricted: impl FnOnce() -> bool) -> bool {
    ledger.role(Role::Restricted).is_some_and(|field| is_marked(ledger, record.cell(field))) || is_project_restricted()
}

/// Whether the record with a code is restricted. A code without a record is not.
pub fn is_code_restricted(policy: &Policy, records: &dyn Records, ledger: usize, code: &str) -> bool {
    let Some(record) = records.find(ledger, code) else { return false };
    let shape = &policy.ledgers[ledger];
    let project = || records.find(policy.project_ledger()?, &shape.project_of(&record)?);
    let projects = policy.project_ledger().map(|ledger| &policy.ledgers[ledger]);
    is_restricted(shape, &record, || projects.zip(project()).is_some_and(|(shape, project)| is_restricted(shape, &project, || false)))
}

/// Whether the value of a ledger's secrecy field restricts the record.
pub fn is_marked(ledger: &Ledger, cell: &Cell) -> bool {
    match cell {
        Cell::Empty => false,
        Cell::Bool(restricted) => *restricted,
        Cell::Text(text) => ledger.secrecy.is_marked(text),
        _ => true,
    }
}

/// Whether the value of a ledger's secrecy field states that the record is open. An empty cell states nothing.
pub fn is_stated_open(ledger: &Ledger, cell: &Cell) -> bool {
    match cell {
        Cell::Bool(restricted) => !restricted,
        Cell::Text(text) => ledger.secrecy.is_open(text),
        _ => false,
    }
}

/// A mail address as logs and printed lines show it: `5***@gz.example`.
pub fn masked_address(address: &str) -> String {
    match address.split_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().next().map(String::from).unwrap_or_default()),
        None => "***".into(),
    }
}
