//! A small office in memory: it decides acts and writes their events as a store would.

use crate::config::load::{Config, read_files};
use crate::domain::life::act::{Act, Decision, Draft, Numbering, Placed, Refusal};
use crate::domain::life::declaration::Life;
use crate::domain::life::event::Via;
use crate::domain::life::fold::{Folded, Imported, RowVersion, Step};
use crate::domain::life::handle::decide;
use crate::domain::life::matter::{Matter, Matters};
use crate::domain::life::office::Office;
use crate::domain::register::record::{Cell, Columns, Place};
use crate::domain::register::units::UnitId;
use crate::domain::rules::owner::{Linked, Owner};
use crate::domain::rules::policy::Policy;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, LazyLock};

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(super) static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let mut files = read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let orders = files.get_mut("config/ledgers/work-order.toml").unwrap();
    orders.push_str("\n[issuer.\"贵阳市\"]\nprefix = \"GY\"\nnumber = \"筑招商服务单〔{year}〕{n}号\"\n");
    Config::parse(files).unwrap_or_else(|problems| panic!("{problems}")).policy
});

/// Who acts, by the unit's name; the office records for all others.
pub(super) struct Desk {
    pub(super) policy: &'static Policy,
    pub(super) ledger: usize,
    pub(super) today: NaiveDate,
    pub(super) matters: Matters,
    pub(super) projects: HashMap<String, Linked>,
    pub(super) names: HashMap<String, String>,
    pub(super) persons: HashMap<UnitId, BTreeSet<String>>,
    pub(super) numbers: Vec<String>,
    series: BTreeMap<String, u32>,
    pos: i64,
}

impl Desk {
    pub(super) fn new(ledger: &str, today: &str) -> Desk {
        let policy: &'static Policy = &POLICY;
        let mut desk = Desk {
            policy,
            ledger: policy.ledger(ledger).unwrap(),
            today: day(today),
            matters: Matters::new(),
            projects: HashMap::new(),
            names: HashMap::new(),
            persons: HashMap::new(),
            numbers: Vec::new(),
            series: BTreeMap::new(),
            pos: 0,
        };
        for (code, place) in [("GZ1", "瓮安县"), ("GZ2", "南明区"), ("GZ3", "贵阳市")] {
            let unit = policy.units.find(place).unwrap();
            let division = policy.units.division_of(unit);
            let owner = Owner { unit: Some(unit), text: String::new(), division };
            let linked = Linked { owner, division, industry: None, major: None, amount: None, restricted: false, negotiation_only: false };
            desk.projects.insert(code.into(), linked);
            desk.names.insert(code.into(), format!("{place}项目"));
        }
        desk
    }

    pub(super) fn life(&self) -> &'static Life {
        self.policy.life(self.ledger).unwrap()
    }

    pub(super) fn field(&self, id: &str) -> usize {
        self.policy.ledgers[self.ledger].field(id).unwrap_or_else(|| panic!("no field {id}"))
    }

    pub(super) fn with_office<T>(&self, of: impl FnOnce(&Office<'_>) -> T) -> T {
        of(&Office {
            policy: self.policy,
            ledger: self.ledger,
            projects: &self.projects,
            project_names: &self.names,
            persons: &self.persons,
        })
    }

    pub(super) fn unit(&self, name: &str) -> UnitId {
        self.policy.units.find_configured(name).unwrap_or_else(|| panic!("no unit {name}"))
    }

    /// A record that a source states from a day on, with some of its fields.
    pub(super) fn import(&mut self, code: &str, covers_on: &str, cells: &[(&str, Cell)]) {
        let ledger = &self.policy.ledgers[self.ledger];
        let mut row = vec![Cell::Empty; ledger.fields.len()];
        row[self.field("code")] = Cell::Text(code.into());
        for (id, cell) in cells {
            row[self.field(id)] = cell.clone();
        }
        let columns: Columns = (0..ledger.fields.len()).filter(|field| !ledger.fields[*field].own).collect();
        let version = Arc::new(RowVersion { cells: row, columns, place: Place::default() });
        let matter = self.matters.entry(code.into()).or_insert_with(|| Matter { code: code.into(), ..Matter::default() });
        matter.imported.steps.push(Step { covers_on: day(covers_on), version: Some(version) });
        matter.imported.steps.sort_by_key(|step| step.covers_on);
    }

    pub(super) fn lose(&mut self, code: &str, covers_on: &str) {
        let Imported { steps } = &mut self.matters.get_mut(code).unwrap().imported;
        steps.push(Step { covers_on: day(covers_on), version: None });
    }

    /// An act of a unit, recorded by the office for all others. Values are read as texts of the field's type.
    pub(super) fn act(&self, code: &str, transition: &str, unit: &str, given: &[(&str, &str)]) -> Act {
        let office = self.policy.units.office();
        let unit = self.unit(unit);
        let given = given.iter().map(|(id, text)| {
            let field = self.field(id);
            (field, cell_of(self.policy.ledgers[self.ledger].fields[field].kind, text))
        });
        Act {
            code: (code != "new").then(|| code.to_owned()),
            transition: transition.into(),
            by: format!("{}的人", self.policy.units.units[unit].name),
            unit,
            on_behalf: unit != office,
            stated_on: None,
            given: given.collect(),
            number: None,
            reason: "理由".into(),
            key: String::new(),
            actor: "test".into(),
            via: Via::CommandLine,
        }
    }

    pub(super) fn decide(&self, act: &Act) -> Result<Decision, Refusal> {
        self.with_office(|office| decide(office, self.life(), &self.matters, std::slice::from_ref(act), self.today))
    }

    /// Decides and writes. Returns the code and the state.
    pub(super) fn handle(&mut self, act: &Act) -> Result<(String, String), Refusal> {
        let decision = self.decide(act)?;
        Ok((self.write_all(&decision), decision.state))
    }

    /// Writes what was decided. Returns the code of the record.
    fn write_all(&mut self, decision: &Decision) -> String {
        let mut written: Vec<(String, i64)> = Vec::new();
        for draft in &decision.drafts {
            let followed = draft.follows.map(|followed| written[followed].1);
            written.push(self.write(draft, followed));
        }
        written.swap_remove(decision.named).0
    }

    /// As [`Desk::handle`], of several acts on one record that are made together.
    pub(super) fn handle_together(&mut self, acts: &[Act]) -> Result<String, Refusal> {
        let decision = self.with_office(|office| decide(office, self.life(), &self.matters, acts, self.today))?;
        self.write_all(&decision);
        Ok(decision.state)
    }

    /// As [`Desk::handle`], of an act that has to be possible.
    pub(super) fn does(&mut self, code: &str, transition: &str, unit: &str, given: &[(&str, &str)]) -> String {
        let act = self.act(code, transition, unit, given);
        self.handle(&act).unwrap_or_else(|refusal| panic!("{transition} on {code}: {refusal:?}")).1
    }

    pub(super) fn refuses(&self, code: &str, transition: &str, unit: &str, given: &[(&str, &str)]) -> String {
        self.decide(&self.act(code, transition, unit, given)).expect_err("it is refused").reason
    }

    fn next(&mut self, series: &str) -> u32 {
        let next = self.series.entry(series.to_owned()).or_default();
        *next += 1;
        *next
    }

    fn number(&mut self, numbering: Option<&Numbering>) -> String {
        let number = match numbering {
            None => return String::new(),
            Some(Numbering::Given { number, .. }) => number.clone(),
            Some(Numbering::Next { issuer, text }) => {
                let n = self.next(&format!("number {issuer}"));
                text.replace("{year}", "2026").replace("{n}", &n.to_string())
            }
        };
        self.numbers.push(number.clone());
        number
    }

    fn write(&mut self, draft: &Draft, followed: Option<i64>) -> (String, i64) {
        let code = match draft.event.creates {
            true => format!("{}-2026-{:06}", draft.prefix, self.next(&draft.prefix)),
            false => draft.event.code.clone(),
        };
        self.pos += 1;
        let pos = self.pos;
        let number = self.number(draft.numbering.as_ref());
        let act = followed.unwrap_or(pos);
        let opened = draft.opens.as_ref().map(|opened| {
            self.pos += 1;
            let code = format!("{}-2026-{:06}", opened.prefix, self.next(&opened.prefix));
            (self.pos, code, self.number(opened.numbering.as_ref()))
        });
        let placed = Placed { pos, act, recorded_at: String::new(), code: code.clone(), number, opened };
        let (event, birth) = draft.written(placed);
        if let Some(birth) = birth {
            let matter = Matter { code: birth.code.clone(), events: vec![birth], ..Matter::default() };
            self.matters.insert(matter.code.clone(), matter);
        }
        let matter = self.matters.entry(code.clone()).or_insert_with(|| Matter { code: code.clone(), ..Matter::default() });
        assert_eq!(event.no, matter.events.len() as u32 + 1, "the events of {code} are counted");
        matter.events.push(event);
        (code, pos)
    }

    pub(super) fn folded(&self, code: &str) -> Folded {
        self.on(code, self.today).expect("a record").0
    }

    pub(super) fn on(&self, code: &str, day: NaiveDate) -> Option<(Folded, String)> {
        let on = self.with_office(|office| self.matters[code].on(office, self.life(), day))?;
        let state = self.life().state_id(on.state).to_owned();
        Some((on.folded, state))
    }

    pub(super) fn state(&self, code: &str) -> String {
        self.on(code, self.today).expect("a record").1
    }

    /// The plain text of a cell.
    pub(super) fn cell(&self, code: &str, id: &str) -> String {
        self.folded(code).record.cell(self.field(id)).to_string()
    }
}

pub(super) fn cell_of(kind: crate::domain::register::ledger::FieldKind, text: &str) -> Cell {
    use crate::domain::register::ledger::FieldKind;
    match kind {
        FieldKind::Date { .. } => Cell::Date(day(text)),
        FieldKind::Int => Cell::Int(text.parse().unwrap()),
        FieldKind::Bool => Cell::Bool(text == "是"),
        _ => Cell::Text(text.into()),
    }
}
