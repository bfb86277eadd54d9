//! Deciding about acts on a record: whether the transitions may be made, by whom and on which day, and which events record them. An act that
//! touches several records gives the events of all of them.

use crate::domain::life::act::{Act, Decision, Draft, Refusal, by_id};
use crate::domain::life::declaration::{Chain, Life, Party, Transition, Value, WITHDRAW};
use crate::domain::life::event::{Event, STATED_DAY, Via};
use crate::domain::life::matter::{Matter, MatterOn, Matters, ground};
use crate::domain::life::office::Office;
use crate::domain::life::worked::{Worked, blank, check_owner, computed, due_hint, given, named, opening, series, work};
use crate::domain::problem::{NAMES_OFFERED, by_nearness};
use crate::domain::register::ledger::Role;
use crate::domain::register::record::{Cell, Record};
use crate::domain::register::units::normalize_name;
use chrono::NaiveDate;
use std::collections::{BTreeSet, VecDeque};

/// How many working days back a unit may state the day of its own act.
pub const STATED_WORKDAYS: u32 = 5;

/// Decides about the acts on one record that are made together, in their order: all of them or none. `matters` are the record and all that are
/// linked with it; `office` has the units of the day of the acts.
///
/// # Errors
/// Why one of them is refused.
pub fn decide(office: &Office<'_>, life: &Life, matters: &Matters, acts: &[Act], today: NaiveDate) -> Result<Decision, Refusal> {
    let (mut known, mut drafts, mut last) = (matters.clone(), Vec::new(), None);
    for act in acts {
        let mut desk = Desk { office, life, matters: known, act, today, drafts };
        let decided = desk.decide().map_err(|reason| refusal(office, life, matters, act.code.as_deref(), today, reason))?;
        (known, drafts, last) = (desk.matters, desk.drafts, Some(decided));
    }
    let (named, state) = last.ok_or_else(|| refusal(office, life, matters, None, today, "请写明办理动作".into()))?;
    Ok(Decision { drafts, named, state })
}

/// What was found of a record where an act on it is refused.
pub fn refusal(office: &Office<'_>, life: &Life, matters: &Matters, code: Option<&str>, day: NaiveDate, reason: String) -> Refusal {
    let matter = code.and_then(|code| matters.get(code));
    let on = matter.and_then(|matter| matter.on(office, life, day));
    Refusal {
        state: life.state_id(on.and_then(|on| on.state)).to_owned(),
        last: matter.and_then(Matter::last).map(|event| (event.by.clone(), event.on)),
        possible: matter.map(|matter| matter.possible(office, life, matters, day)).unwrap_or_default(),
        reason,
    }
}

/// One act while it is decided.
struct Desk<'a> {
    office: &'a Office<'a>,
    life: &'a Life,
    /// With the events decided so far.
    matters: Matters,
    act: &'a Act,
    today: NaiveDate,
    /// The events decided so far, of the acts before it too.
    drafts: Vec<Draft>,
}

/// The day of an event.
#[derive(Clone, Copy)]
struct Dated {
    on: NaiveDate,
    /// The unit stated an earlier day than the event may have.
    late: bool,
}

impl Desk<'_> {
    /// Decides about the act. Returns the place of the event of its transition among the drafts, and the id of the state in which the record ends.
    fn decide(&mut self) -> Result<(usize, String), String> {
        let (life, act) = (self.life, self.act);
        if act.by.trim().is_empty() {
            return Err("请写明办理人姓名".into());
        }
        let by_title = || life.transitions.iter().position(|transition| transition.title == act.transition);
        let transition = life.transition(&act.transition).or_else(by_title).map(|index| &life.transitions[index]);
        let Some(transition) = transition else {
            let named = |transition: &Transition| named(&transition.title, &transition.id);
            let words = life.transitions.iter().map(|transition| (named(transition), [transition.title.as_str(), transition.id.as_str()]));
            let near = by_nearness(&act.transition, words).into_iter().take(NAMES_OFFERED).collect::<Vec<_>>().join("、");
            return Err(format!("没有“{}”这一办理动作，相近的有：{near}", act.transition));
        };
        match &act.code {
            None => self.create(transition),
            Some(code) => self.change(code, transition),
        }
    }

    fn create(&mut self, transition: &Transition) -> Result<(usize, String), String> {
        let (office, life, act) = (self.office, self.life, self.act);
        if !transition.from.new {
            return Err(format!("“{}”不新立一件，请写明编号", transition.title));
        }
        let given = given(office, transition, act)?;
        let dated = self.day(&given, None)?;
        let worked = work(office, life, transition, &blank(office), &given, act, dated.on);
        let same_person = self.permit(transition, &worked.base, None)?;
        self.check(transition, &worked, dated.on)?;
        let state = self.end(transition, None, &worked.after, dated.on)?;
        let (prefix, numbering) = series(office, life, &worked.after, transition.number, act.number.as_deref())?;
        let mut draft = Draft { prefix, numbering, ..self.draft(transition, None, &worked, dated) };
        draft.event.same_person = same_person;
        self.drafts.push(draft);
        Ok((self.drafts.len() - 1, state))
    }

    fn change(&mut self, code: &str, transition: &Transition) -> Result<(usize, String), String> {
        let (office, life) = (self.office, self.life);
        let unknown = || format!("没有编号“{code}”");
        let matter = self.matters.get(code).ok_or_else(unknown)?;
        if transition.from.new && transition.from.states.is_empty() {
            return Err(format!("“{}”新立一件，编号处请写new", transition.title));
        }
        let today = matter.on(office, life, self.today).ok_or_else(unknown)?;
        let dated = self.day(&today.folded.record, Some(matter))?;
        let on_day =
            |desk: &Desk<'_>| desk.matters[code].on(office, life, dated.on).ok_or_else(|| format!("{}还没有编号“{code}”", dated.on));
        let mut on = on_day(self)?;
        if let Some(first) = transition.first.map(|first| &life.transitions[first])
            && self.matters[code].allows(office, life, &self.matters, &on, first, dated.on).is_ok()
        {
            self.event(code, first, &on, dated, true)?;
            on = on_day(self)?;
        }
        let named = self.drafts.len();
        let state = self.event(code, transition, &on, dated, false)?;
        self.copy_along_chain(code, transition, named, dated);
        self.write_below(&on.folded.record, transition, named, dated);
        self.withdraw_lower_ones(named, dated);
        Ok((named, state))
    }

    /// Decides one event of the acting unit on a record and returns the id of the state in which it ends. `precedes`: it only precedes the one
    /// that was named, and nothing is given for it.
    fn event(&mut self, code: &str, transition: &Transition, on: &MatterOn, dated: Dated, precedes: bool) -> Result<String, String> {
        let (office, life, act) = (self.office, self.life, self.act);
        let record = &on.folded.record;
        let matter = &self.matters[code];
        matter.allows(office, life, &self.matters, on, transition, dated.on)?;
        let same_person = self.permit(transition, record, Some((matter, on)))?;
        let given = if precedes { blank(office) } else { given(office, transition, act)? };
        let worked = work(office, life, transition, record, &given, act, dated.on);
        self.check(transition, &worked, dated.on)?;
        let opens = opening(office, life, transition, &worked, act, dated.on)?;
        let state = self.end(transition, on.state, &worked.after, dated.on)?;
        let numbering = if transition.number { series(office, life, &worked.after, true, act.number.as_deref())?.1 } else { None };
        let mut draft = Draft { opens, numbering, ..self.draft(transition, Some(code), &worked, dated) };
        draft.event.same_person = same_person;
        if precedes {
            draft.event.key.clear();
            draft.event.reason.clear();
        }
        self.add(draft);
        Ok(state)
    }

    /// Whether the record with what is given has what the transition needs.
    fn check(&self, transition: &Transition, worked: &Worked, day: NaiveDate) -> Result<(), String> {
        let (office, life) = (self.office, self.life);
        let owner = office.ledger().owner.field();
        if !worked.given.cell(owner).is_empty() && !transition.unwritten.contains(owner) {
            check_owner(office, &worked.after)?;
        }
        let ground = ground(office, life, &worked.base, &worked.given, day, &self.act.by, office.name(self.act.unit));
        if ground.holds(&transition.need) {
            return Ok(());
        }
        let fields = transition.ask.iter().chain(&transition.may).filter(|field| !worked.given.cell(**field).is_empty());
        let shown = fields.map(|field| format!("{}为{}", office.ledger().fields[*field].title, worked.given.cell(*field)));
        let shown = shown.collect::<Vec<_>>().join("，");
        let shown = if shown.is_empty() { due_hint(office, life, &worked.base) } else { shown };
        Err(format!("所填不符合“{}”的要求：{shown}", transition.title))
    }

    /// The day of the event: today, or an earlier one that is stated.
    fn day(&self, record: &Record, matter: Option<&Matter>) -> Result<Dated, String> {
        let today = Dated { on: self.today, late: false };
        let Some(stated) = self.act.stated_on.filter(|stated| *stated != self.today) else { return Ok(today) };
        if stated > self.today {
            return Err(format!("日期{stated}晚于今天"));
        }
        let is_of_office = self.act.unit == self.office.policy.units.office();
        if is_of_office && !self.act.on_behalf {
            return Err("本单位的办理以当天为准，只有代下级单位录入时可写以前的日期".into());
        }
        let last = matter.and_then(Matter::last).filter(|last| last.on > stated);
        let is_far_back = self.office.calendar(record).after_workdays(stated, STATED_WORKDAYS) < self.today;
        // what a unit states of its own act is not lost, and changes nothing that others have done since
        if !self.act.on_behalf && (is_far_back || last.is_some()) {
            return Ok(Dated { late: true, ..today });
        }
        if let Some(last) = last {
            return Err(format!("日期{stated}早于上一条办理记录（{}）", last.on));
        }
        let dispatched = self.office.ledger().role(Role::Dispatched).and_then(|field| record.cell(field).date());
        if let Some(dispatched) = dispatched.filter(|dispatched| *dispatched > stated) {
            return Err(format!("日期{stated}早于派发日期（{dispatched}）"));
        }
        Ok(Dated { on: stated, late: false })
    }

    /// Whether the acting unit may make the transition. Returns whether the only known person of the unit does the owner's act and the issuer's.
    fn permit(&self, transition: &Transition, record: &Record, matter: Option<(&Matter, &MatterOn)>) -> Result<bool, String> {
        let (office, act) = (self.office, self.act);
        let units = &office.policy.units;
        let gone = matter.is_some_and(|(_, on)| on.folded.gone);
        let mut refused = None;
        for party in &transition.by {
            let is_party = match party {
                Party::Service => act.via == Via::Service,
                _ if gone && party.is_of_issuer() && act.unit == units.office() => true,
                Party::IssuerClerk | Party::IssuerReleaser if matter.is_none() => self.may_issue(transition, record),
                party => office.units_of(*party, record).contains(&act.unit),
            };
            if !is_party {
                continue;
            }
            let owner = office.owner(record).unit;
            let Some((matter, _)) = matter.filter(|_| party.is_of_issuer() && owner == Some(act.unit)) else { return Ok(false) };
            let by_owner = |event: &&Event| {
                let transition = self.life.transition(&event.transition).map(|index| &self.life.transitions[index]);
                transition.is_some_and(|transition| transition.by.iter().any(|party| party.is_of_owner()))
            };
            let last = matter.counting().into_iter().rev().find(by_owner);
            let by = normalize_name(&act.by);
            if last.is_none_or(|last| normalize_name(&last.by) != by) {
                return Ok(false);
            }
            let known = office.persons.get(&act.unit);
            if known.is_some_and(|known| known.len() == 1 && known.iter().all(|name| normalize_name(name) == by)) {
                return Ok(true);
            }
            refused = Some(format!("{}已以承办单位身份办理此件，请由另一人“{}”", act.by, transition.title));
        }
        Err(refused.unwrap_or_else(|| self.not_permitted(transition, record)))
    }

    /// Whether the acting unit may create a record in its own name, or in that of the record's issuer.
    fn may_issue(&self, transition: &Transition, record: &Record) -> bool {
        let (office, act) = (self.office, self.act);
        let issuer = office.ledger().role(Role::Issuer);
        let in_own_name = transition.set.iter().any(|(field, value)| Some(*field) == issuer && *value == Value::Unit);
        if !in_own_name {
            return office.issuer(record) == act.unit;
        }
        let units = &office.policy.units;
        act.unit == units.office() || self.life.issuers.iter().any(|series| units.find_configured(&series.unit) == Some(act.unit))
    }

    fn not_permitted(&self, transition: &Transition, record: &Record) -> String {
        let office = self.office;
        let mut names: Vec<&str> = Vec::new();
        for party in &transition.by {
            for unit in office.units_of(*party, record) {
                if !names.contains(&office.name(unit)) {
                    names.push(office.name(unit));
                }
            }
        }
        let unit = office.name(self.act.unit);
        match names.is_empty() {
            true => format!("{unit}不能“{}”，此件没有可以办理的单位", transition.title),
            false => format!("{unit}不能“{}”，应由{}办理", transition.title, names.join("、")),
        }
    }

    /// The id of the state in which a transition ends.
    fn end(&self, transition: &Transition, before: Option<usize>, after: &Record, day: NaiveDate) -> Result<String, String> {
        let (office, life) = (self.office, self.life);
        let state = life.states.of(office.ledger(), after, &office.policy.units, day);
        let allowed = match (&transition.to, before) {
            (Some(to), _) => life.contains_state(to, state),
            (None, None) => true,
            (None, Some(before)) => life.contains_state(&[before], state),
        };
        if allowed {
            return Ok(life.state_id(state).to_owned());
        }
        Err(format!("办理“{}”后将为“{}”，与规定不符，请先核对此件的日期", transition.title, life.state_title(state)))
    }

    /// The event of a transition, of which the rest is as it is for most.
    fn draft(&self, transition: &Transition, code: Option<&str>, worked: &Worked, dated: Dated) -> Draft {
        let (office, act) = (self.office, self.act);
        let mut draft = Draft::of(office, act, code, &transition.id, dated.on);
        let given = worked.given.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
        let given: Vec<(usize, Cell)> = given.map(|(field, cell)| (field, cell.clone())).collect();
        draft.event.given = by_id(office.ledger(), &given);
        if let Some(stated) = act.stated_on.filter(|_| dated.late) {
            draft.event.given.push((STATED_DAY.to_owned(), Cell::Date(stated)));
        }
        draft.event.late = dated.late;
        draft.event.set = by_id(office.ledger(), &worked.set);
        draft
    }

    /// Adds an event of an existing record, which the decisions behind it see.
    fn add(&mut self, mut draft: Draft) {
        let Some(matter) = self.matters.get_mut(&draft.event.code) else { return };
        draft.event.no = matter.next_no();
        matter.events.push(draft.event.clone());
        self.drafts.push(draft);
    }

    /// Adds an event that follows from the one that was named.
    fn add_following(&mut self, named: usize, mut draft: Draft) {
        draft.event.key.clear();
        self.add(Draft { follows: Some(named), ..draft });
    }

    fn on(&self, code: &str, day: NaiveDate) -> Option<MatterOn> {
        self.matters.get(code)?.on(self.office, self.life, day)
    }

    fn linked(&self, code: &str, role: Role, day: NaiveDate) -> Option<String> {
        let on = self.on(code, day)?;
        let text = on.folded.record.text(self.office.ledger().role(role));
        (!text.is_empty() && self.matters.contains_key(text)).then(|| text.to_owned())
    }

    /// Makes the same transition on the linked records that are not in a final state.
    fn copy_along_chain(&mut self, code: &str, transition: &Transition, named: usize, dated: Dated) {
        let Some(chain) = transition.chain else { return };
        let mut codes: Vec<String> = Vec::new();
        let mut seen: BTreeSet<String> = [code.to_owned()].into();
        let mut open: VecDeque<String> = [code.to_owned()].into();
        while let Some(at) = open.pop_front() {
            let below = self.linked(&at, Role::RaisedFrom, dated.on);
            let above: Vec<String> = match chain {
                Chain::Below => Vec::new(),
                Chain::All => {
                    let came_from = |other: &&String| self.linked(other, Role::RaisedFrom, dated.on).as_deref() == Some(at.as_str());
                    self.matters.keys().filter(came_from).cloned().collect()
                }
            };
            for next in below.into_iter().chain(above) {
                if seen.insert(next.clone()) {
                    codes.push(next.clone());
                    open.push_back(next);
                }
            }
        }
        let (office, life, act) = (self.office, self.life, self.act);
        let given = given(office, transition, act).unwrap_or_else(|_| blank(office));
        for code in codes {
            let Some(on) = self.on(&code, dated.on).filter(|on| !life.is_final(on.state)) else { continue };
            let worked = work(office, life, transition, &on.folded.record, &given, act, dated.on);
            let draft = self.draft(transition, Some(&code), &worked, dated);
            self.add_following(named, draft);
        }
    }

    /// Writes to the record from which this one came.
    fn write_below(&mut self, record: &Record, transition: &Transition, named: usize, dated: Dated) {
        if transition.below.is_empty() {
            return;
        }
        let (office, life, act) = (self.office, self.life, self.act);
        let roles = [Role::RaisedFrom, Role::Upper, Role::ReassignedFrom];
        let codes = roles.into_iter().map(|role| record.text(office.ledger().role(role)).to_owned());
        let Some(code) = codes.into_iter().find(|code| self.matters.contains_key(code)) else { return };
        let Some(on) = self.on(&code, dated.on).filter(|on| !life.is_final(on.state)) else { return };
        let base = on.folded.record;
        let set = computed(office, life, &transition.below, &base, &blank(office), act, dated.on);
        let worked = Worked { given: blank(office), after: base.clone(), base, set };
        let draft = self.draft(transition, Some(&code), &worked, dated);
        self.add_following(named, draft);
    }

    /// Ends the open lower orders of every record that has ended by this act, and theirs.
    fn withdraw_lower_ones(&mut self, named: usize, dated: Dated) {
        let life = self.life;
        let Some(withdraw) = life.transition(WITHDRAW).map(|index| &life.transitions[index]) else { return };
        let mut at = named;
        while let Some(code) = self.drafts.get(at).map(|draft| draft.event.code.clone()) {
            at += 1;
            let Some(upper) = self.on(&code, dated.on).filter(|on| life.is_final(on.state)) else { continue };
            let lower: Vec<String> =
                self.matters.keys().filter(|other| self.linked(other, Role::Upper, dated.on).as_deref() == Some(&code)).cloned().collect();
            for other in lower {
                let Some(on) = self.on(&other, dated.on).filter(|on| !life.is_final(on.state)) else { continue };
                let reason = format!("上级工作单{code}{}", life.state_title(upper.state));
                let worked = work(self.office, life, withdraw, &on.folded.record, &blank(self.office), self.act, dated.on);
                let unit = self.office.name(self.office.policy.units.office()).to_owned();
                let mut draft = self.draft(withdraw, Some(&other), &worked, Dated { late: false, ..dated });
                draft.event = Event { reason, unit, via: Via::Service, on_behalf: false, ..draft.event };
                self.add_following(named, draft);
            }
        }
    }
}
