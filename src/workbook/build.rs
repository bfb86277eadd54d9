//! Workbooks (报表): what a template and the material of one run make, as plain data that `report` turns into a file.
//!
//! Invariant: pure and deterministic. The same template and material build an equal [`Workbook`]; no hash map is walked into it.

use crate::workbook::model::{At, Column, Figure, FigureKey, Role, Sheet, Sum, Value, Workbook};
use crate::workbook::sheets::leader_page::Before;
use crate::workbook::template::{Form, List, SheetTemplate, Template};

use crate::domain::audience::is_restricted;
use crate::domain::audience::masked;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::indicators::Indicators;
use crate::domain::judging::judge::Judged;
use crate::domain::judging::quality::Quality;
use crate::domain::judging::roster::{Doubt, Rosters};
use crate::domain::notify::feedback::{Answers, Asked, Silent, asked};
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::{Origin, Record, Records};
use crate::domain::register::units::UnitId;
use crate::domain::rules::owner::{owner_of, project_of};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use chrono::NaiveDate;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// For whom a workbook is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Everything, phone numbers in full.
    Office,
    /// What this unit is told of and what it has to complete, personal fields masked.
    Unit(UnitId),
}

/// One snapshot that a run judged.
#[derive(Clone, Debug, Default)]
pub struct SourceLine {
    /// Ledger title.
    pub ledger: String,
    pub source: String,
    pub snapshot: i64,
    pub covers_on: NaiveDate,
    pub file: String,
    /// The sheets of the file that hold rows of the ledger.
    pub sheets: Vec<String>,
    pub accepted: u64,
    pub quarantined: u64,
    pub skipped: u64,
    /// What a reader should know of it, e.g. that it covers a later day than as_of.
    pub note: String,
}

/// One row or cell the intake could not take as it stands.
#[derive(Clone, Debug, Default)]
pub struct IntakeLine {
    /// Ledger title.
    pub ledger: String,
    /// 待核 or 提示.
    pub level: String,
    pub file: String,
    pub sheet: String,
    /// The cell, or the row where it is about all of it: `P27`, `第27行`.
    pub cell: String,
    /// Field title.
    pub field: String,
    pub raw: String,
    pub reason: String,
    pub hint: String,
    /// Name of the unit that keeps the row.
    pub unit: String,
    pub code: String,
    /// For the office alone.
    pub restricted: bool,
}

/// A code that has left the register without a word from the office.
#[derive(Clone, Debug, Default)]
pub struct GoneLine {
    /// Ledger title.
    pub ledger: String,
    pub source: String,
    pub code: String,
    pub name: String,
    /// The unit as the register last had it.
    pub unit: String,
    /// What the last snapshot with it and the first without it cover.
    pub seen_on: Option<NaiveDate>,
    pub gone_on: Option<NaiveDate>,
    /// Where it stood.
    pub place: String,
}

/// All that a workbook is made of.
pub struct Material<'a> {
    pub policy: &'a Policy,
    pub as_of: NaiveDate,
    pub office: &'a str,
    /// Whom to call.
    pub contact: &'a str,
    /// The day the run was due: papers bear it.
    pub made_on: NaiveDate,
    /// The last day to object.
    pub reply_by: NaiveDate,
    /// Sorted.
    pub judged: &'a Judged,
    /// By ledger index and code: every record with a finding, notice or quality line, and the projects that orders and the like
    /// belong to.
    pub records: &'a dyn Records,
    /// The records that sheets of records choose.
    pub rosters: &'a Rosters,
    pub origins: &'a [Origin],
    pub indicators: &'a Indicators,
    pub sources: &'a [SourceLine],
    pub intake: &'a [IntakeLine],
    pub viewer: Viewer,
    /// The findings (indices, ascending) to show; `None` = all that the viewer may see. A digest's attachment shows what the digest tells.
    pub rows: Option<&'a [usize]>,
    /// Items that this viewer is only told the number of; `None` = counted from what is judged.
    pub withheld: Option<usize>,
    /// What units have said of their records.
    pub answers: &'a Answers,
    /// Records that their units have not answered for; told to the office alone.
    pub silent: &'a [Silent],
    pub gone: &'a [GoneLine],
    /// What the job's run before this one found.
    pub before: Option<&'a Before>,
    /// Named inputs that the cover prints.
    pub inputs: &'a [(String, String)],
}

/// The most characters a file's comment takes.
pub(crate) const DESCRIPTION_CHARS_MAX: usize = 255;

/// The most rows of findings one sheet takes; what is more goes to a sheet （2）.
pub(crate) const LIST_ROWS_MAX: usize = 1_000_000;

/// Builds the workbook of a template.
pub fn build<'a>(template: &Template, material: &'a Material<'a>) -> Workbook<'a> {
    let view = View::new(material);
    let (mut kept, empty): (Vec<&SheetTemplate>, Vec<_>) =
        template.sheets.iter().partition(|sheet| !sheet.optional || view.has_rows(sheet));
    let mut empty = empty.into_iter();
    // a workbook with nothing to list says so
    if kept.is_empty() {
        kept.extend(empty.next());
    }
    let left_out: Vec<String> = empty.filter_map(|sheet| view.left_out(sheet)).collect();
    let title = view.fill_in(&template.title, template);
    let mut book = Workbook {
        title: title.clone(),
        subject: view.fill_in(&template.subject, template),
        keywords: template.keywords.clone(),
        description: inputs_named(material),
        author: material.office.to_owned(),
        created: material.as_of,
        ..Workbook::default()
    };
    let mut overflow = Vec::new();
    for (index, form) in kept.iter().enumerate() {
        let mut page = Page { view: &view, template, form, index, kept: &kept, left_out: &left_out, book: &mut book };
        let mut sheet = match &form.form {
            Form::Cover { paragraphs, objection } => page.cover(paragraphs, objection),
            Form::Rules => page.rules(),
            Form::Summary { chart } => page.summary(*chart),
            Form::Matrix { axis, window, columns, rows } => page.matrix(*axis, *window, columns, rows),
            Form::List(list) => {
                let mut parts = page.list(list).into_iter();
                let first = parts.next().unwrap_or_default();
                overflow.extend(parts);
                first
            }
            Form::Notices { rules, columns } => page.notices(rules.as_deref(), columns),
            Form::Quality => page.quality(),
            Form::Answers => page.answers(),
            Form::Page(of) => page.one_page(of),
            Form::Bulletin(of) => page.bulletin(of),
            Form::Silent => page.silent(),
            Form::Records(list) => {
                let mut parts = page.records(list).into_iter();
                let first = parts.next().unwrap_or_default();
                overflow.extend(parts);
                first
            }
            Form::Reporting { rules } => page.reporting(rules),
            Form::Gone => page.gone(),
            Form::Feedback => {
                let mut parts = page.feedback().into_iter();
                let first = parts.next().unwrap_or_default();
                overflow.extend(parts);
                first
            }
        };
        sheet.header = title.clone();
        sheet.footer = format!("截至{}", chinese_date(material.as_of));
        book.sheets.push(sheet);
    }
    // links and figures name sheets by their place, so what did not fit comes last
    for mut sheet in overflow {
        sheet.header = title.clone();
        sheet.footer = format!("截至{}", chinese_date(material.as_of));
        book.sheets.push(sheet);
    }
    let mut sheets = std::mem::take(&mut book.sheets);
    for (index, sheet) in sheets.iter_mut().enumerate() {
        let again = sheet.paginate();
        let moved = |at: &mut At| {
            if at.sheet == index {
                at.row += again.iter().filter(|row| **row <= at.row).count();
            }
        };
        if !again.is_empty() {
            book.figures.iter_mut().map(|figure| &mut figure.at).for_each(moved);
            book.sums.iter_mut().flat_map(|sum| std::iter::once(&mut sum.total).chain(&mut sum.parts)).for_each(moved);
        }
    }
    book.sheets = sheets;
    book
}

/// What the workbook was made from, for its properties: a sheet names it only where the template has a cover.
pub(crate) fn inputs_named(material: &Material<'_>) -> String {
    let snapshots = material.sources.iter().map(|line| format!("{}{}第{}次快照", line.ledger, line.source, line.snapshot));
    let texts = material.inputs.iter().map(|(name, print)| format!("{name}{print}"));
    let named: Vec<String> = std::iter::once(format!("数据截至{}", chinese_date(material.as_of))).chain(snapshots).chain(texts).collect();
    let named = named.join("；");
    // the format takes no more in this place
    if named.chars().count() > DESCRIPTION_CHARS_MAX {
        named.chars().take(DESCRIPTION_CHARS_MAX - 1).chain(['…']).collect()
    } else {
        named
    }
}

/// Whether a workbook of the template would list anything for its viewer.
pub fn lists_anything(template: &Template, material: &Material<'_>) -> bool {
    let view = View::new(material);
    let lists = |sheet: &&SheetTemplate| {
        use Form as F;
        !matches!(sheet.form, F::Cover { .. } | F::Rules | F::Summary { .. } | F::Matrix { .. } | F::Page(_) | F::Bulletin(_))
    };
    template.sheets.iter().filter(lists).any(|sheet| match &sheet.form {
        Form::Records(list) => view.has_members(list),
        _ => view.has_rows(sheet),
    })
}

/// The file name a template gives its workbook; no wall time, no random part.
pub fn file_name(template: &Template, material: &Material<'_>) -> String {
    let view = View::new(material);
    let title = view.fill_in(&template.title, template);
    view.fill_in(&template.file.replace("{title}", &title), template)
}

/// What of a project stands beside a record that belongs to it.
pub(crate) enum Shown<'r> {
    Whole(&'r Record),
    /// There is one, and it is not this viewer's to see.
    Withheld,
    Nothing,
}

/// What the viewer may see of the material.
pub(crate) struct View<'a> {
    pub(crate) material: &'a Material<'a>,
    pub(crate) findings: Vec<&'a Finding>,
    /// Codes of the projects in which something was found that the viewer is told of.
    pub(crate) told: Arc<HashSet<&'a str>>,
}

impl<'a> View<'a> {
    fn new(material: &'a Material<'a>) -> View<'a> {
        let all = &material.judged.findings;
        let below = matches!(material.viewer, Viewer::Unit(_));
        let findings: Vec<&'a Finding> = match (material.viewer, material.rows) {
            (_, Some(rows)) => rows.iter().filter_map(|index| all.get(*index)).filter(|finding| !below || !finding.restricted).collect(),
            (Viewer::Office, None) => all.iter().collect(),
            (Viewer::Unit(unit), None) => {
                let told = |finding: &Finding| finding.tells(unit) || finding.state == State::Unjudged && finding.owner == Some(unit);
                let seen = |finding: &&Finding| !finding.restricted && told(finding);
                all.iter().filter(seen).collect()
            }
        };
        let of_projects = |finding: &&&'a Finding| Some(material.policy.rules[finding.rule].ledger) == material.policy.project_ledger();
        let told = match material.viewer {
            Viewer::Office => HashSet::new(),
            Viewer::Unit(unit) => {
                findings.iter().filter(of_projects).filter(|finding| finding.tells(unit)).map(|finding| &*finding.key).collect()
            }
        };
        View { material, findings, told: Arc::new(told) }
    }

    pub(crate) fn policy(&self) -> &'a Policy {
        self.material.policy
    }

    /// Replaces the words a template may use.
    pub(crate) fn fill_in(&self, text: &str, template: &Template) -> String {
        let unit = match self.material.viewer {
            Viewer::Office => self.material.office,
            Viewer::Unit(unit) => self.policy().units.units[unit].name.as_str(),
        };
        text.replace("{as_of}", &chinese_date(self.material.as_of))
            .replace("{unit}", unit)
            .replace("{contact}", self.material.contact)
            .replace("{data_as_of}", &self.data_days())
            .replace("{made_on}", &chinese_date(self.material.made_on))
            .replace("{reply_by}", &chinese_date(self.material.reply_by))
            .replace("{office}", self.material.office)
            .replace("{title}", &template.title)
    }

    fn has_rows(&self, sheet: &SheetTemplate) -> bool {
        match &sheet.form {
            Form::List(list) => self.findings.iter().any(|finding| list.takes(finding)),
            Form::Notices { rules, .. } => self.notices_of(rules.as_deref()).next().is_some(),
            Form::Quality => self.quality_lines().next().is_some() || self.intake_lines().next().is_some(),
            Form::Answers => self.answered().next().is_some(),
            Form::Silent => !self.material.silent.is_empty(),
            Form::Feedback => !self.asked().is_empty(),
            // what could not be chosen for lack of a cell is said too; for lack of a column, at the end of the first sheet
            Form::Records(list) => {
                self.has_members(list) || {
                    let doubts = self.doubts(list);
                    !doubts.is_empty() && !doubts.keys().any(|doubt| matches!(doubt, Doubt::NoColumn(_)))
                }
            }
            Form::Gone => self.gone_lines().next().is_some(),
            Form::Reporting { .. } => !self.reporting_units().is_empty(),
            Form::Page(_) | Form::Bulletin(_) | Form::Cover { .. } | Form::Rules | Form::Summary { .. } | Form::Matrix { .. } => true,
        }
    }

    /// Whether nothing could be judged by a rule: its ledger has never come in, or no row has the columns it needs.
    pub(crate) fn is_blind(&self, rule: usize) -> bool {
        let policy = self.policy();
        let title = &policy.ledgers[policy.rules[rule].ledger].title;
        let tally = &self.material.judged.tallies[rule];
        let none = tally.found + tally.fine + tally.met + tally.not_yet + tally.unjudged + tally.exempt == 0;
        !self.material.sources.iter().any(|line| line.ledger == *title) || none && tally.off > 0
    }

    /// A project as others may see it through a record that belongs to it: one still under negotiation is nobody's but its own unit's and
    /// the office's.
    pub(crate) fn shown_project<'r>(&self, ledger: usize, project: Option<&'r Record>) -> Shown<'r> {
        let policy = self.policy();
        match (project, self.material.viewer) {
            (Some(record), Viewer::Unit(unit)) if policy.is_negotiating(record) => {
                let owner = owner_of(policy, &policy.ledgers[ledger], record, &HashMap::new()).unit;
                // whom its rule tells of the project knows it
                let told = || self.told.contains(record.code.as_str());
                if owner == Some(unit) || told() { Shown::Whole(record) } else { Shown::Withheld }
            }
            (Some(record), _) => Shown::Whole(record),
            (None, _) => Shown::Nothing,
        }
    }

    /// A cell of the project a record belongs to.
    pub(crate) fn project_cell(&self, shown: &Shown<'_>, ledger: usize, field: usize) -> Value {
        match shown {
            Shown::Whole(record) => self.cell(ledger, field, record),
            Shown::Withheld if self.policy().ledgers[ledger].role(crate::domain::register::ledger::Role::Name) == Some(field) => {
                Value::text("（洽谈项目，名称略）")
            }
            Shown::Withheld | Shown::Nothing => Value::Blank,
        }
    }

    pub(crate) fn notices(&self) -> impl Iterator<Item = &'a crate::domain::judging::finding::Notice> {
        let viewer = self.material.viewer;
        self.material.judged.notices.iter().filter(move |notice| match viewer {
            Viewer::Office => true,
            Viewer::Unit(unit) => notice.owner == Some(unit) && !notice.restricted,
        })
    }

    /// The notices of these rules; `None` = all.
    pub(crate) fn notices_of(&self, rules: Option<&[usize]>) -> impl Iterator<Item = &'a crate::domain::judging::finding::Notice> {
        self.notices().filter(move |notice| rules.is_none_or(|rules| rules.contains(&notice.rule)))
    }

    pub(crate) fn quality_lines(&self) -> impl Iterator<Item = &'a Quality> {
        let viewer = self.material.viewer;
        self.material.judged.quality.iter().filter(move |line| match viewer {
            Viewer::Office => true,
            Viewer::Unit(unit) => line.owner == Some(unit) && !self.is_restricted(line.ledger, &line.key),
        })
    }

    pub(crate) fn intake_lines(&self) -> impl Iterator<Item = &'a IntakeLine> {
        let own = match self.material.viewer {
            Viewer::Office => None,
            Viewer::Unit(unit) => Some(self.policy().units.units[unit].name.as_str()),
        };
        self.material.intake.iter().filter(move |line| {
            let ledgers = 0..self.policy().ledgers.len();
            own.is_none_or(|own| {
                line.unit == own && !line.restricted && !ledgers.clone().any(|ledger| self.is_restricted(ledger, &line.code))
            })
        })
    }

    /// Whether a record, or the project it belongs to, is only counted outside the office.
    fn is_restricted(&self, ledger: usize, code: &str) -> bool {
        let Some(record) = self.record(ledger, code) else { return false };
        let shape = &self.policy().ledgers[ledger];
        let projects = self.policy().project_ledger();
        let project = || self.record(projects?, &project_of(shape, &record)?);
        is_restricted(shape, &record)
            || projects.zip(project()).is_some_and(|(ledger, project)| is_restricted(&self.policy().ledgers[ledger], &project))
    }

    /// How many items the viewer is only told the number of.
    fn withheld(&self) -> usize {
        let Viewer::Unit(unit) = self.material.viewer else { return 0 };
        self.material.withheld.unwrap_or_else(|| {
            let told = |finding: &&Finding| finding.restricted && finding.tells(unit);
            self.material.judged.findings.iter().filter(told).map(Finding::item).collect::<BTreeSet<_>>().len()
        })
    }

    /// What the viewer is to fill in; the office fills in nothing.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let Viewer::Unit(unit) = self.material.viewer else { return Vec::new() };
        asked(self.policy(), unit, &self.findings)
    }

    pub(crate) fn record(&self, ledger: usize, code: &str) -> Option<Cow<'a, Record>> {
        self.material.records.find(ledger, code)
    }

    /// Free text as this viewer may read it: outside the office no mobile number stands in full.
    pub(crate) fn text(&self, text: &str) -> String {
        match self.material.viewer {
            Viewer::Office => text.to_owned(),
            Viewer::Unit(_) => masked(text),
        }
    }

    pub(crate) fn count(&self, rule: usize, state: State, light: Option<Light>) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.rule == rule && finding.state == state && (light.is_none() || finding.light == light))
            .count()
    }
}

impl List {
    pub(crate) fn takes(&self, finding: &Finding) -> bool {
        self.rules.contains(&finding.rule) && self.states.contains(&finding.state)
    }
}

/// One sheet under construction, with the book whose figures it adds to.
pub(crate) struct Page<'a, 'b> {
    pub(crate) view: &'b View<'a>,
    pub(crate) template: &'b Template,
    pub(crate) form: &'b SheetTemplate,
    pub(crate) index: usize,
    pub(crate) kept: &'b [&'b SheetTemplate],
    /// What is said of sheets that could not be made.
    left_out: &'b [String],
    book: &'b mut Workbook<'a>,
}

impl<'a> Page<'a, '_> {
    /// A sheet with its columns, mark, title and subtitle; the table follows.
    pub(crate) fn head(&self, columns: Vec<Column>, subtitle: &str) -> Sheet<'a> {
        let mut sheet =
            Sheet { name: self.form.name.clone(), landscape: self.form.landscape, paper: self.form.paper, columns, ..Sheet::default() };
        sheet.pages_high = self.form.pages_high;
        if !self.form.mark.is_empty() {
            sheet.banner(Role::Mark, self.form.mark.clone());
        }
        sheet.banner(Role::Title, self.view.fill_in(&self.form.title, self.template));
        if !subtitle.is_empty() {
            sheet.banner(Role::Subtitle, subtitle);
            // from a list back to the figures that lead to it; on paper nothing of it is seen
            let summary = self.kept.iter().position(|sheet| matches!(sheet.form, Form::Summary { .. }));
            if let (Some(to), Some(cell)) =
                (summary.filter(|to| *to < self.index), sheet.rows.last_mut().and_then(|row| row.cells.first_mut()))
            {
                *cell = Value::Link { text: cell.shown(), sheet: to };
            }
        }
        sheet
    }

    pub(crate) fn note(&self, sheet: &mut Sheet<'_>) {
        if !self.form.note.is_empty() {
            sheet.banner(Role::Note, self.view.fill_in(&self.form.note, self.template));
        }
        let withheld = self.view.withheld();
        if withheld > 0 {
            sheet.banner(Role::Note, format!("注：另有{withheld}项不便列示。"));
        }
        if self.index == 0 {
            let provenance = self.view.provenance(self.kept);
            self.left_out.iter().cloned().chain(provenance).for_each(|text| sheet.banner(Role::Note, text));
        }
        if !self.form.sign.is_empty() {
            sheet.banner(Role::Address, self.view.fill_in(&self.form.sign, self.template));
        }
    }

    pub(crate) fn figure(&mut self, key: FigureKey, row: usize, column: usize) {
        self.book.figures.push(Figure { key, at: At { sheet: self.index, row, column } });
    }

    pub(crate) fn total(&mut self, key: impl Into<String>, row: usize, column: usize) {
        self.figure(FigureKey::Total(key.into()), row, column);
    }

    pub(crate) fn sum(&mut self, row: usize, parts: &[usize], column: usize) {
        let at = |row| At { sheet: self.index, row, column };
        self.book.sums.push(Sum { total: at(row), parts: parts.iter().map(|part| at(*part)).collect() });
    }

    /// The sheet that lists a rule's open findings.
    pub(crate) fn sheet_of(&self, rule: usize) -> Option<usize> {
        self.kept
            .iter()
            .position(|sheet| matches!(&sheet.form, Form::List(list) if list.rules.contains(&rule) && list.states.contains(&State::Open)))
    }
}
