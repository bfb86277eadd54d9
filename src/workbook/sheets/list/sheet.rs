//! Lists: one row per finding, each traceable to its cell in the register.

use crate::domain::audience::masked_phone;
use crate::domain::judging::finding::blank_cells;
use crate::domain::judging::finding::{Finding, Notice, State};
use crate::domain::register::ledger::{Ledger, Privacy};
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::{Cell, Decimal, Record};
use crate::domain::register::units::Level;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Act, Light, Rule, RuleKind};
use crate::domain::rules::sentence::clause;
use crate::workbook::item_counts::items;
use crate::workbook::material::Audience;
use crate::workbook::model;
use crate::workbook::model::{Column, FigureKey, LazyRows, Role, Row, Sheet, Tag, Value, fit, fit_heights};
use crate::workbook::sheet_builder::{LIST_ROWS_MAX, SheetBuilder};
use crate::workbook::sheets::list::columns::{BuiltIn, ColumnKey, ListColumn};
use crate::workbook::sheets::list::declaration::{Group, List};
use crate::workbook::visible::{Shown, VisibleMaterial};
use hashbrown::HashMap;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longer lists are made row by row when they are written.
pub(crate) const LATER_FROM: usize = 2000;

/// Wider columns wrap.
const WIDEST: f64 = 34.0;
/// Where many matters of a record stand.
const ITEMS_WIDTH: f64 = 40.0;

/// What a row of a list reads from.
struct Subject<'a> {
    rule: usize,
    key: &'a str,
    project: &'a str,
    /// `None` for a notice, which is no finding.
    finding: Option<&'a Finding>,
    notice: Option<&'a Notice>,
    /// Further findings of the same project, where a list has one row per project.
    also: &'a [&'a Finding],
}

impl<'a> SheetBuilder<'a, '_> {
    /// The sheet of a list; more than one when it holds more rows than a sheet takes.
    pub(crate) fn list(&mut self, list: &List) -> Vec<Sheet<'a>> {
        let mut found: Vec<&'a Finding> = self.visible.findings.iter().copied().filter(|finding| list.takes(finding)).collect();
        match list.group {
            Some(group) => found.sort_by_key(|finding| {
                let place = match group {
                    Group::Unit => (finding.owner.is_none(), finding.owner.unwrap_or(0)),
                    Group::City => {
                        let city = finding.owner.and_then(|owner| self.visible.policy().units.city_of(owner));
                        (city.is_none(), city.unwrap_or(0))
                    }
                    Group::Rule => (false, finding.rule),
                    Group::Light => (false, 2 - finding.light.map_or(0, |light| light as usize)),
                };
                (finding.state, place, Reverse(finding.light), finding.rule, finding.owner.is_none(), finding.owner, &finding.key)
            }),
            // approved exemptions stand below what is to be done
            None => found.sort_by_key(|finding| finding.state),
        }
        let all = found.clone();
        let also = Arc::new(if list.fold { fold(self.visible.policy(), &mut found) } else { FoldedFindings::default() });
        let single = list.rules.len() == 1 && list.group.is_none();
        let mut sheets: Vec<Sheet<'a>> = Vec::new();
        let mut chunks = found.chunks(LIST_ROWS_MAX);
        let first = chunks.next().unwrap_or_default();
        for (number, chunk) in std::iter::once(first).chain(chunks).enumerate() {
            let mut sheet = self.list_part(list, chunk, &all, &also, number * LIST_ROWS_MAX, single && found.len() <= LIST_ROWS_MAX);
            if number > 0 {
                sheet.name = format!("{}（{}）", sheet.name.chars().take(25).collect::<String>(), number + 1);
            }
            sheets.push(sheet);
        }
        sheets
    }

    #[allow(clippy::too_many_arguments)]
    fn list_part(
        &mut self,
        list: &List,
        chunk: &[&'a Finding],
        all: &[&'a Finding],
        also: &Arc<FoldedFindings<'a>>,
        before: usize,
        total: bool,
    ) -> Sheet<'a> {
        // a long list is made row by row when it is written; its first rows set the widths
        let later = list.group.is_none() && self.visible.material.audience == Audience::Office && chunk.len() > LATER_FROM;
        let chunk_all = chunk;
        let chunk = if later { &chunk[..LATER_FROM] } else { chunk };
        let mut body: Vec<Row> = Vec::with_capacity(chunk.len() + 1);
        let mut heading = None;
        for (index, finding) in chunk.iter().enumerate() {
            if let Some(group) = list.group {
                let name = (finding.state, self.visible.group_name(group, finding));
                if heading.as_ref() != Some(&name) {
                    let count =
                        chunk[index..].iter().take_while(|other| (other.state, self.visible.group_name(group, other)) == name).count();
                    let state = match finding.state {
                        State::Open => "",
                        State::Exempt => "（豁免）",
                        State::Unjudged => "（无法判定）",
                    };
                    let text = format!("{}{state}　{count}{}", name.1, if list.fold { "个项目" } else { "项" });
                    let merges = if list.columns.len() > 1 { vec![(0, list.columns.len() - 1)] } else { Vec::new() };
                    body.push(Row { role: Role::Section, cells: vec![Value::text(text)], height: Some(20.0), merges, ..Row::default() });
                    heading = Some(name);
                }
            }
            body.push(self.visible.finding_line(&list.columns, before + index + 1, finding, also));
        }
        let shown = match self.visible.material.audience {
            Audience::Unit(_) if list.blank => list.columns.clone(),
            Audience::Office => list.columns.clone(),
            // a unit's page stays small enough to read: a column in which nothing stands is left out
            Audience::Unit(_) => without_blank(self.visible.policy(), &list.columns, &mut body),
        };
        let (head, columns) = head_row(&shown, &body);
        fit_heights(&mut body, &columns);
        let mut sheet = self.head(columns, &self.visible.subtitle(list, all));
        sheet.partial = list.fold;
        let head_at = sheet.rows.len();
        sheet.rows.push(head);
        let first = sheet.rows.len();
        let filled = !body.is_empty();
        sheet.rows.append(&mut body);
        if later {
            sheet.lazy_rows = Some(self.later(&chunk_all[LATER_FROM..], before + LATER_FROM, &shown, also));
        }
        let last = sheet.height() - 1;
        if !filled {
            let blind: Vec<usize> = list.rules.iter().copied().filter(|rule| self.visible.is_blind(*rule)).collect();
            if blind.len() < list.rules.len() {
                sheet.banner(Role::Note, "无此类事项。");
            }
            // what was not judged is not nothing
            for rule in blind.into_iter().filter(|_| list.states.contains(&State::Open)) {
                let title = &self.visible.policy().rules[rule].title;
                sheet.banner(Role::Note, format!("“{title}”未作判定：{}。", self.visible.not_judged(rule)));
            }
        } else if list.group.is_none() {
            sheet.filter = Some((head_at, last));
        }
        if total && filled {
            self.list_total(&mut sheet, first);
        }
        sheet.freeze = Some((head_at + 1, 0));
        sheet.repeat = Some((head_at, head_at));
        self.note(&mut sheet);
        sheet
    }

    /// The rows of a long list behind its first ones.
    fn later(&self, found: &[&'a Finding], before: usize, columns: &[ListColumn], also: &Arc<FoldedFindings<'a>>) -> LazyRows<'a> {
        let count = found.len();
        let found: Arc<[&'a Finding]> = found.into();
        let (rows, columns, also) = (Arc::clone(&found), columns.to_vec(), Arc::clone(also));
        let visible = VisibleMaterial {
            material: self.visible.material,
            findings: Vec::new(),
            addressed_projects: Arc::clone(&self.visible.addressed_projects),
        };
        let row = move |number: usize| visible.finding_line(&columns, before + number + 1, rows[number], &also);
        LazyRows { count, found, row: Arc::new(row) }
    }

    /// Sums the amounts of a list where every project stands once.
    fn list_total(&mut self, sheet: &mut Sheet<'a>, first: usize) {
        let mut sums: BTreeMap<usize, i128> = BTreeMap::new();
        let mut add = |row: &Row| {
            for (column, cell) in row.cells.iter().enumerate() {
                if let Value::Amount(fen) = cell {
                    *sums.entry(column).or_default() += fen;
                }
            }
        };
        sheet.rows[first..].iter().for_each(&mut add);
        if let Some(later) = &sheet.lazy_rows {
            (0..later.count).for_each(|number| add(&later.row(number)));
        }
        if sums.is_empty() {
            return;
        }
        let row = sheet.height();
        let last = sheet.rows.len();
        let mut cells = vec![Value::Blank; sheet.columns.len()];
        for (column, sum) in sums {
            cells[column] = Value::Amount(sum);
            // a total over rows made later is their sum as they are made
            if sheet.lazy_rows.is_none() {
                self.sum(row, &(first..last).collect::<Vec<_>>(), column);
            }
        }
        if cells[0] == Value::Blank {
            cells[0] = Value::text("合计");
        }
        sheet.row(Role::Total, cells);
    }

    /// Due dates that come near.
    pub(crate) fn notices(&mut self, rules: Option<&[usize]>, columns: &[ListColumn]) -> Sheet<'a> {
        let mut body = Vec::new();
        for (index, notice) in self.visible.notices_of(rules).enumerate() {
            let subject =
                Subject { rule: notice.rule, key: &notice.key, project: &notice.project, finding: None, notice: Some(notice), also: &[] };
            body.push(self.visible.line(columns, index + 1, &subject));
        }
        let (head, widths) = head_row(columns, &body);
        fit_heights(&mut body, &widths);
        let subtitle = format!("截至{}　　共{}项", chinese_date(self.visible.material.as_of), body.len());
        let mut sheet = self.head(widths, &subtitle);
        let head_at = sheet.rows.len();
        sheet.rows.push(head);
        if body.is_empty() {
            sheet.banner(Role::Note, "近期无到期事项。");
        } else {
            sheet.rows.append(&mut body);
            sheet.filter = Some((head_at, sheet.rows.len() - 1));
        }
        sheet.freeze = Some((head_at + 1, 0));
        sheet.repeat = Some((head_at, head_at));
        self.note(&mut sheet);
        sheet
    }

    /// Notes that a cell prints how many findings of a rule there are.
    pub(crate) fn findings(&mut self, rule: usize, state: State, light: Option<Light>, row: usize, column: usize) {
        self.figure(FigureKey::Findings { rule, state, light }, row, column);
    }
}

/// The further findings of each project by state, where a list has one row per project.
pub(crate) type FoldedFindings<'a> = HashMap<(State, &'a str), Vec<&'a Finding>>;

/// Leaves one finding per project and state, the leading one: beneath no other of the project, then the worst light. Returns the others
/// by project.
fn fold<'a>(policy: &Policy, found: &mut Vec<&'a Finding>) -> FoldedFindings<'a> {
    // most projects have one finding: only those with more get an entry
    let of = |index: &u32| (found[*index as usize].state, &*found[*index as usize].project);
    let mut order: Vec<u32> = (0..found.len() as u32).filter(|index| !of(index).1.is_empty()).collect();
    order.sort_unstable_by(|a, b| of(a).cmp(&of(b)).then(a.cmp(b)));
    let mut also = FoldedFindings::default();
    let mut leads = vec![true; found.len()];
    for group in order.chunk_by(|a, b| of(a) == of(b)).filter(|group| group.len() > 1) {
        let mut findings: Vec<&'a Finding> = group.iter().map(|index| found[*index as usize]).collect();
        let rules: Vec<usize> = findings.iter().map(|finding| finding.rule).collect();
        let beneath = |finding: &Finding| policy.rules[finding.rule].under.iter().any(|above| rules.contains(above));
        findings.sort_by_key(|finding| (beneath(finding), Reverse(finding.light), finding.rule));
        let lead = findings.remove(0);
        for index in group {
            leads[*index as usize] = std::ptr::eq(found[*index as usize], lead);
        }
        also.insert((lead.state, &*lead.project), findings);
    }
    let mut leads = leads.into_iter();
    found.retain(|_| leads.next().unwrap_or(true));
    also
}

/// Drops the columns without any value; one to fill in stays where a row has the field. An empty list keeps all.
fn without_blank(policy: &Policy, columns: &[ListColumn], body: &mut [Row]) -> Vec<ListColumn> {
    let stays: Vec<bool> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let stands = |row: &&Row| row.role == Role::Body && row.cells.get(index).is_some_and(|cell| *cell != Value::Blank);
            let asked = |row: &&Row| match (&column.key, row.tag) {
                (ColumnKey::Field(fields), Some(tag)) if column.fill => fields[policy.rules[tag.rule].ledger].is_some(),
                _ => false,
            };
            body.is_empty() || body.iter().any(|row| stands(&row) || asked(&row))
        })
        .collect();
    let last = stays.iter().filter(|stays| **stays).count().saturating_sub(1);
    for row in body {
        if row.role == Role::Body {
            let mut stays = stays.iter();
            row.cells.retain(|_| stays.next().copied().unwrap_or(true));
        } else if let Some(merge) = row.merges.first_mut() {
            merge.1 = last;
        }
    }
    columns.iter().zip(&stays).filter(|(_, stays)| **stays).map(|(column, _)| column.clone()).collect()
}

/// The head of a list and columns as wide as head and rows need.
pub(crate) fn head_row(columns: &[ListColumn], body: &[Row]) -> (Row, Vec<Column>) {
    let mut widths = fit(body, columns.len(), WIDEST);
    for (width, column) in widths.iter_mut().zip(columns) {
        width.fill = column.fill;
        match column.key {
            // names of units and places may take two lines
            ColumnKey::BuiltIn(BuiltIn::City | BuiltIn::Unit | BuiltIn::Told | BuiltIn::WaitingOn) => width.width = width.width.min(16.0),
            // several matters of one light stand in one line
            ColumnKey::BuiltIn(BuiltIn::Items) if width.width >= WIDEST => width.width = ITEMS_WIDTH,
            _ if column.fill => width.width = width.width.max(16.0),
            _ => {}
        }
    }
    let titles: Vec<&str> = columns.iter().map(|column| column.title.as_str()).collect();
    let head = model::head(&titles, &mut widths);
    for (width, column) in widths.iter_mut().zip(columns) {
        if matches!(column.key, ColumnKey::BuiltIn(BuiltIn::No)) {
            width.width = 6.0;
        }
    }
    (head, widths)
}

impl VisibleMaterial<'_> {
    fn subtitle(&self, list: &List, found: &[&Finding]) -> String {
        let count = |state: State, light: Option<Light>| {
            found.iter().filter(|finding| finding.state == state && (light.is_none() || finding.light == light)).count()
        };
        let mut parts = Vec::new();
        if list.states.contains(&State::Open) {
            let lights: Vec<String> = [Light::Red, Light::Orange, Light::Yellow]
                .into_iter()
                .filter_map(|light| match count(State::Open, Some(light)) {
                    0 => None,
                    count => Some(format!("{}{count}", light.title())),
                })
                .collect();
            let lights = if lights.is_empty() { String::new() } else { format!("（{}）", lights.join("　")) };
            let all = count(State::Open, None);
            parts.push(match self.material.audience {
                Audience::Unit(unit) if unit == self.policy().units.office() => {
                    format!("按规则报{}的督办事项{all}项{lights}，全部事项见季度督办工作簿", self.material.office)
                }
                // a mail counts projects; a project stands here on a row for each of its problems
                Audience::Unit(_) => {
                    let items = items(self.policy(), found.iter().copied()).items;
                    if items == all {
                        format!("督办事项{all}项{lights}")
                    } else {
                        format!("需办理{items}项，涉及督办事项{all}项{lights}")
                    }
                }
                Audience::Office => format!("督办事项{all}项{lights}"),
            });
        }
        for (state, word) in [(State::Exempt, "豁免"), (State::Unjudged, "无法判定")] {
            let count = count(state, None);
            if list.states.contains(&state) && count > 0 {
                let cells = match state {
                    State::Unjudged => format!("（待补齐{}处）", blank_cells(self.policy(), found.iter().copied())),
                    _ => String::new(),
                };
                parts.push(format!("{word}{count}项{cells}"));
            }
        }
        format!("截至{}　　{}", chinese_date(self.material.as_of), parts.join("，"))
    }

    fn group_name(&self, group: Group, finding: &Finding) -> String {
        match group {
            Group::Unit if finding.unit.is_empty() => "责任单位不明".into(),
            Group::Unit => finding.unit.to_string(),
            Group::City => finding
                .owner
                .and_then(|owner| self.policy().units.city_of(owner))
                .map_or_else(|| "省级及其他".into(), |city| self.policy().units.units[city].name.clone()),
            Group::Rule => self.policy().rules[finding.rule].title.clone(),
            Group::Light => finding.light.map_or_else(|| "无法判定".into(), |light| light.title().into()),
        }
    }

    pub(crate) fn finding_line(&self, columns: &[ListColumn], number: usize, finding: &Finding, also: &FoldedFindings<'_>) -> Row {
        let others = also.get(&(finding.state, &*finding.project)).map_or(&[][..], Vec::as_slice);
        let subject = Subject {
            rule: finding.rule,
            key: &finding.key,
            project: &finding.project,
            finding: Some(finding),
            notice: None,
            also: others,
        };
        self.line(columns, number, &subject)
    }

    fn line(&self, columns: &[ListColumn], number: usize, subject: &Subject<'_>) -> Row {
        let policy = self.policy();
        let ledger = policy.rules[subject.rule].ledger;
        let own = self.record(ledger, subject.key);
        let record = own.as_deref();
        let project = policy.project_ledger();
        let other = project.filter(|project| *project != ledger).and_then(|project| self.record(project, subject.project));
        let linked = match project {
            Some(project) if project == ledger => record.map_or(Shown::Nothing, Shown::Whole),
            Some(project) => self.shown_project(project, other.as_deref()),
            None => Shown::Nothing,
        };
        let cells = columns
            .iter()
            .map(|column| match &column.key {
                ColumnKey::BuiltIn(key) => self.built_in(*key, number, subject, record),
                ColumnKey::Field(fields) => match (record, fields.get(ledger).copied().flatten()) {
                    (Some(record), Some(field)) => self.cell(ledger, field, record),
                    _ => Value::Blank,
                },
                ColumnKey::Project(field) => project.map_or(Value::Blank, |project| self.project_cell(&linked, project, *field)),
            })
            .collect();
        let (tag, key) = subject.finding.map(|finding| (Tag::of(finding), Arc::clone(&finding.key))).unzip();
        Row { cells, tag, key, ..Row::default() }
    }

    fn built_in(&self, key: BuiltIn, number: usize, subject: &Subject<'_>, record: Option<&Record>) -> Value {
        let policy = self.policy();
        let rule = &policy.rules[subject.rule];
        let unit_name = |unit: usize| policy.units.units[unit].name.clone();
        // what finding and notice both have
        match (key, subject.finding, subject.notice) {
            (BuiltIn::No, ..) => return Value::count(number),
            (BuiltIn::Rule, _, Some(Notice { ends: Some(kind), .. })) => {
                return Value::text(format!("{}到期，恢复催办：{}", kind.title(), rule.title));
            }
            (BuiltIn::Rule, None, Some(_)) => return Value::text(coming(&policy.ledgers[rule.ledger], rule)),
            (BuiltIn::Rule, ..) => return Value::text(rule.title.clone()),
            (BuiltIn::Key, ..) => return Value::text(subject.key),
            (BuiltIn::Basis, ..) => return Value::text(clause(&rule.basis)),
            (BuiltIn::Feedback, ..) => return Value::text(self.text(&self.feedback(rule.ledger, subject.key))),
            (BuiltIn::Place, ..) => return record.map_or(Value::Blank, |record| Value::text(self.place(rule.ledger, record.place))),
            (BuiltIn::Subject, Some(finding), _) => return Value::text(self.text(&finding.name)),
            (BuiltIn::Subject, None, Some(notice)) => return Value::text(self.text(&notice.name)),
            (BuiltIn::DueOn, None, Some(notice)) => return Value::Date(notice.due_on),
            (BuiltIn::Unit, None, Some(notice)) => return notice.owner.map_or(Value::Blank, |unit| Value::text(unit_name(unit))),
            _ => {}
        }
        let Some(finding) = subject.finding else { return Value::Blank };
        match key {
            BuiltIn::FoldedFindings => {
                let others = subject.also.iter().map(|other| {
                    let light = other.light.map_or("", Light::title);
                    format!("{}（{light}）", policy.rules[other.rule].title)
                });
                Value::text(others.collect::<Vec<_>>().join("、"))
            }
            BuiltIn::Light => finding.light.map_or(Value::Blank, Value::Light),
            BuiltIn::State => Value::text(state_word(finding.state)),
            BuiltIn::Act => Value::text(self.act(finding)),
            BuiltIn::Unit => Value::text(finding.unit.to_string()),
            BuiltIn::City => {
                let city = finding.owner.and_then(|owner| policy.units.city_of(owner));
                city.map_or(Value::Blank, |city| Value::text(unit_name(city)))
            }
            BuiltIn::DueOn => finding.due_on.map_or(Value::Blank, Value::Date),
            BuiltIn::OverdueDays => finding.overdue_days().map_or(Value::Blank, Value::Count),
            BuiltIn::LagPoints => {
                finding.lag.as_ref().map_or(Value::Blank, |lag| Value::Number(Decimal { mantissa: lag.tenths(), scale: 1 }))
            }
            BuiltIn::Missing => {
                let fields = &policy.ledgers[rule.ledger].fields;
                Value::text(finding.missing.iter().map(|field| fields[*field].title.as_str()).collect::<Vec<_>>().join("、"))
            }
            BuiltIn::Change => Value::text(finding.change.title()),
            BuiltIn::Quarters if finding.quarters > 0 => Value::count(finding.quarters),
            BuiltIn::Quarters => Value::Blank,
            BuiltIn::Cause => Value::text(finding.cause.to_string()),
            BuiltIn::WaitingOn => finding.waiting_on().map_or(Value::Blank, |unit| Value::text(unit_name(unit))),
            BuiltIn::Told => {
                let mut names: Vec<String> = finding.told_units().flatten().map(unit_name).collect();
                if finding.told_units().any(|unit| unit.is_none()) {
                    names.push("（有单位未落实）".into());
                }
                Value::text(names.join("、"))
            }
            BuiltIn::Major => finding.major.map_or(Value::Blank, |level| Value::text(major_word(level))),
            BuiltIn::No
            | BuiltIn::Rule
            | BuiltIn::Key
            | BuiltIn::Basis
            | BuiltIn::Place
            | BuiltIn::Feedback
            | BuiltIn::Subject
            | BuiltIn::Items
            | BuiltIn::Serial
            | BuiltIn::Fill => Value::Blank,
        }
    }

    /// The act in words. From 督办 on it is a draft until a person releases it: units read 催办 at most.
    fn act(&self, finding: &Finding) -> String {
        match (finding.state, finding.act) {
            (State::Open, Some(act)) if act <= Act::Urge => act.title().into(),
            (State::Open, Some(act)) => match self.material.audience {
                Audience::Office => format!("{}（拟办）", act.title()),
                Audience::Unit(_) => Act::Urge.title().into(),
            },
            (State::Open, None) => String::new(),
            (State::Exempt, _) => finding
                .exempt
                .map_or_else(|| state_word(State::Exempt).into(), |exempt| format!("{}至{}", exempt.kind.title(), exempt.expires)),
            (state, _) => state_word(state).into(),
        }
    }

    /// A cell of the register as this viewer may read it.
    pub(crate) fn cell(&self, ledger: usize, field: usize, record: &Record) -> Value {
        match record.cell(field) {
            Cell::Empty => Value::Blank,
            Cell::Text(text) => match (self.material.audience, self.policy().ledgers[ledger].fields[field].privacy) {
                (Audience::Unit(_), Privacy::Personal) => Value::text(masked_phone(text)),
                _ => Value::text(self.text(text)),
            },
            Cell::Date(date) => Value::Date(*date),
            Cell::Money(fen) => Value::Amount(i128::from(*fen)),
            Cell::Decimal(value) => Value::Number(*value),
            Cell::Int(value) => Value::Count(*value),
            Cell::Bool(value) => Value::text(if *value { "是" } else { "否" }),
        }
    }
}

/// What has to happen by a day that comes near; until then nothing is wrong.
fn coming(ledger: &Ledger, rule: &Rule) -> String {
    match &rule.kind {
        RuleKind::Deadline { until: Some(until), .. } => format!("应有{}", ledger.fields[*until].title),
        _ => rule.title.clone(),
    }
}

/// How a project that a level's major-project ledger lists is marked.
pub(crate) fn major_word(level: Level) -> &'static str {
    match level {
        Level::Province => "省级重点",
        Level::City => "市级重点",
        _ => "县级重点",
    }
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Open => "督办",
        State::Exempt => "豁免",
        State::Unjudged => "无法判定",
    }
}
