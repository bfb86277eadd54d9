//! A matter (办件): a record with all its events, and what it is on a day.

use crate::domain::life::declaration::{Life, Transition, WITHDRAW};
use crate::domain::life::event::Event;
use crate::domain::life::fold::{Folded, Imported, fold};
use crate::domain::life::ground::Ground;
use crate::domain::life::office::Office;
use crate::domain::register::ledger::Role;
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::condition::Condition;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// A record of one ledger with its events.
#[derive(Clone, Debug, Default)]
pub struct Matter {
    pub code: String,
    pub imported: Imported,
    /// The source of the imported row; empty where there is none.
    pub source: String,
    /// In their order, the retracted ones too.
    pub events: Vec<Event>,
}

/// The matters that one decision concerns, by code.
pub type Matters = BTreeMap<String, Matter>;

/// A record on a day with its state.
#[derive(Clone, Debug)]
pub struct MatterOn {
    pub folded: Folded,
    /// Its place in the list of states; `None` = the ledger has none.
    pub state: Option<usize>,
}

impl Matter {
    /// The events that are not retracted.
    pub fn counting(&self) -> Vec<&Event> {
        self.events.iter().filter(|event| event.retracted.is_none()).collect()
    }

    pub fn last(&self) -> Option<&Event> {
        self.counting().last().copied()
    }

    /// The number of its next event.
    pub fn next_no(&self) -> u32 {
        self.events.iter().map(|event| event.no).max().unwrap_or(0) + 1
    }

    /// The number that the record has on a day; empty where it has none.
    pub fn number(&self, day: NaiveDate) -> &str {
        let numbers = self.counting().into_iter().rev().filter(|event| event.on <= day).map(|event| event.number.as_str());
        numbers.into_iter().find(|number| !number.is_empty()).unwrap_or_default()
    }

    /// The matter on a day; `None` where it does not exist yet.
    pub fn on(&self, office: &Office<'_>, life: &Life, day: NaiveDate) -> Option<MatterOn> {
        self.with(office, life, &self.counting(), day)
    }

    /// The matter on a day with only some of its events.
    pub fn with(&self, office: &Office<'_>, life: &Life, events: &[&Event], day: NaiveDate) -> Option<MatterOn> {
        let folded = fold(office.ledger(), Some(life), &self.code, &self.imported, events, day)?;
        let state = life.states.of(office.ledger(), &folded.record, &office.policy.units, day);
        Some(MatterOn { folded, state })
    }

    /// The state right after an event, on its day; `None` where the event is retracted or the ledger has no states.
    pub fn state_after(&self, office: &Office<'_>, life: &Life, event: &Event) -> Option<usize> {
        if event.retracted.is_some() {
            return None;
        }
        let events: Vec<&Event> = self.counting().into_iter().filter(|known| known.no <= event.no).collect();
        self.with(office, life, &events, event.on)?.state
    }

    /// The first day of the state of a day, counted from the first event on; `None` before the first event.
    pub fn since(&self, office: &Office<'_>, life: &Life, day: NaiveDate) -> Option<NaiveDate> {
        let events = self.counting();
        let first = events.iter().map(|event| event.on).min().filter(|first| *first <= day)?;
        let state = |day: NaiveDate| self.with(office, life, &events, day).map(|on| life.state_id(on.state).to_owned());
        let now = state(day);
        // in force since `first`, or since the last day before on which anything could change
        let every_day = life.states.list.iter().any(|state| state.when.iter().flatten().any(asks_for_a_span));
        let mut days: Vec<NaiveDate> = match every_day {
            true => first.iter_days().take_while(|turn| *turn <= day).collect(),
            false => self.turning_days(&events).into_iter().filter(|turn| (first..=day).contains(turn)).collect(),
        };
        days.push(first);
        days.sort_unstable();
        days.dedup();
        days.into_iter().rev().take_while(|turn| state(*turn) == now).last().or(Some(day))
    }

    /// The days on which the state may change: those of events, of snapshots, and those on which a date comes or lies behind.
    fn turning_days(&self, events: &[&Event]) -> BTreeSet<NaiveDate> {
        let of_rows = self.imported.steps.iter().filter_map(|step| step.version.as_ref()).flat_map(|version| &version.cells);
        let of_events = events.iter().flat_map(|event| event.set.iter().map(|(_, cell)| cell));
        let dates = of_rows.chain(of_events).filter_map(|cell| cell.date());
        let dated = dates.flat_map(|date| [Some(date), date.succ_opt()]).flatten();
        let days = events.iter().map(|event| event.on).chain(self.imported.steps.iter().map(|step| step.covers_on));
        dated.chain(days).collect()
    }

    /// How often a transition was made up to a day since the record has its owner.
    fn made(&self, office: &Office<'_>, life: &Life, id: &str, day: NaiveDate) -> u32 {
        let events: Vec<&Event> = self.counting().into_iter().filter(|event| event.on <= day).collect();
        let total = events.iter().filter(|event| event.transition == id).count();
        if total == 0 {
            return 0;
        }
        let owner = |events: &[&Event], day: NaiveDate| -> Option<(Option<UnitId>, String)> {
            let owner = office.owner(&self.with(office, life, events, day)?.folded.record);
            Some((owner.unit, if owner.unit.is_none() { owner.text } else { String::new() }))
        };
        let mut count = 0;
        let mut last: Option<Option<(Option<UnitId>, String)>> = None;
        for (index, event) in events.iter().enumerate() {
            let before = owner(&events[..index], event.on);
            if last.as_ref().is_some_and(|last| *last != before) {
                count = 0;
            }
            count += u32::from(event.transition == id);
            let after = owner(&events[..=index], event.on);
            if before.is_some() && after != before {
                count = 0;
            }
            last = Some(after);
        }
        if last.is_some_and(|last| last != owner(&events, day)) { 0 } else { count }
    }

    /// Whether a transition may be made as far as state, conditions and limit go. `on` is the matter on that day.
    pub(crate) fn allows(
        &self,
        office: &Office<'_>,
        life: &Life,
        matters: &Matters,
        on: &MatterOn,
        transition: &Transition,
        day: NaiveDate,
    ) -> Result<(), String> {
        let record = &on.folded.record;
        let in_state = match on.state {
            None => transition.from.any,
            state => life.contains_state(&transition.from.states, state),
        };
        if !in_state {
            return Err(match on.state {
                None => format!("“{}”不适用于这件", transition.title),
                state => format!("现为“{}”，不能“{}”", life.state_title(state), transition.title),
            });
        }
        if on.folded.gone && transition.id != WITHDRAW {
            return Err("台账已无此编号，只能撤销".into());
        }
        let none = Record::default();
        let ground = ground(office, life, record, &none, day, "", "");
        if !ground.holds(&transition.when) {
            let obstacle = ground.obstacle(&transition.when).map_or_else(String::new, |obstacle| format!("：{obstacle}"));
            return Err(format!("不具备“{}”的条件{obstacle}", transition.title));
        }
        if let Some(limit) = transition.limit
            && self.made(office, life, &transition.id, day) >= limit
        {
            return Err(format!("“{}”以{limit}次为限", transition.title));
        }
        if life.is_final(on.state) && self.upper_has_ended(office, life, matters, record, day) {
            return Err("上级工作单已结束，不能重启".into());
        }
        Ok(())
    }

    fn upper_has_ended(&self, office: &Office<'_>, life: &Life, matters: &Matters, record: &Record, day: NaiveDate) -> bool {
        let upper = matters.get(record.text(office.ledger().role(Role::Upper)));
        upper.and_then(|upper| upper.on(office, life, day)).is_some_and(|on| life.is_final(on.state))
    }

    /// The transitions (ids) that may be made on a day, whoever may make them.
    pub fn possible(&self, office: &Office<'_>, life: &Life, matters: &Matters, day: NaiveDate) -> Vec<String> {
        let Some(on) = self.on(office, life, day) else { return Vec::new() };
        let allowed = life.transitions.iter().filter(|transition| self.allows(office, life, matters, &on, transition, day).is_ok());
        allowed.map(|transition| transition.id.clone()).collect()
    }
}

/// Whether the days on which a condition turns are others than those of its dates.
fn asks_for_a_span(condition: &Condition) -> bool {
    match condition {
        Condition::Within { .. } => true,
        Condition::Not(condition) => asks_for_a_span(condition),
        Condition::Due(conditions) => conditions.iter().any(asks_for_a_span),
        _ => false,
    }
}

/// The ground of a record on a day.
pub(crate) fn ground<'a>(
    office: &Office<'a>,
    life: &'a Life,
    record: &'a Record,
    given: &'a Record,
    day: NaiveDate,
    by: &'a str,
    unit: &'a str,
) -> Ground<'a> {
    Ground {
        ledger: office.ledger(),
        states: &life.states,
        record,
        given,
        units: &office.policy.units,
        day,
        calendar: office.calendar(record),
        below_top: office.is_below_top(record),
        by,
        unit,
        above: office.above(record),
    }
}
