//! Building sheets of records: one row per selected record with its findings, whether it has any or not.

use crate::domain::audience::Audience;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::roster::{Doubt, Member, Selection};
use crate::domain::own_sheet::SELECTION_PREFIX;
use crate::domain::register::ledger::Role as FieldRole;
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::{Cell, Record};
use crate::domain::rules::rule::Light;
use crate::domain::rules::sentence::{clause, condition_words};
use crate::workbook::model::{LazyRows, Role, Row, Sheet, Value, fit_heights};
use crate::workbook::named::NamedRecords;
use crate::workbook::sheet_builder::{LIST_ROWS_MAX, SheetBuilder};
use crate::workbook::sheets::list::columns::{BuiltIn, ColumnKey, ListColumn};
use crate::workbook::sheets::list::declaration::Group;
use crate::workbook::sheets::list::row::name_column;
use crate::workbook::sheets::list::sheet::{EAGER_ROWS_MAX, continuation_name, group_heading, head_row};
use crate::workbook::sheets::records::declaration::{Reach, RecordList};
use crate::workbook::visible::{LinkedProject, VisibleMaterial};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl<'a> SheetBuilder<'a, '_> {
    /// The sheets of a selection of records: one, or more if there are more rows than a sheet takes.
    pub(crate) fn records(&mut self, list: &RecordList) -> Vec<Sheet<'a>> {
        let mut members = self.visible.members(list);
        self.visible.sort_members(list, &mut members);
        let mut sheets: Vec<Sheet<'a>> = Vec::new();
        let mut chunks = members.chunks(LIST_ROWS_MAX);
        let first = chunks.next().unwrap_or_default();
        let is_whole = members.len() <= LIST_ROWS_MAX;
        for (number, chunk) in std::iter::once(first).chain(chunks).enumerate() {
            let mut sheet = self.records_sheet(list, chunk, &members, number * LIST_ROWS_MAX, is_whole);
            if number > 0 {
                sheet.name = continuation_name(&sheet.name, number);
            }
            sheets.push(sheet);
        }
        sheets
    }

    /// One sheet of records; `rows_before` rows are on the sheets before it, `is_whole` = it has all rows.
    fn records_sheet(
        &mut self,
        list: &RecordList,
        chunk: &[&'a Member],
        all: &[&'a Member],
        rows_before: usize,
        is_whole: bool,
    ) -> Sheet<'a> {
        let is_lazy = list.group.is_none() && chunk.len() > EAGER_ROWS_MAX;
        let (eager, lazy) = chunk.split_at(if is_lazy { EAGER_ROWS_MAX } else { chunk.len() });
        let mut body = self.record_rows(list, eager, rows_before);
        let (head, columns) = head_row(&list.columns, &body);
        fit_heights(&mut body, &columns);
        let mut sheet = self.start_sheet(columns, &self.visible.records_subtitle(list, all));
        sheet.banner(Role::Note, self.visible.selection_text(list));
        let head_at = sheet.rows.len();
        sheet.rows.push(head);
        let first = sheet.rows.len();
        sheet.rows.append(&mut body);
        sheet.restricted_lazily = self.visible.material.audience.marks_restricted() && lazy.iter().any(|member| member.readers.restricted);
        if is_lazy {
            sheet.lazy_rows = Some(self.lazy_record_rows(list, lazy, rows_before + EAGER_ROWS_MAX));
        }
        let last = sheet.height() - 1;
        if chunk.is_empty() {
            sheet.banner(Role::Note, "无。");
        } else {
            if list.group.is_none() {
                sheet.filter = Some((head_at, last));
            }
            if is_whole {
                self.records_total(list, &mut sheet, first, chunk.len());
            }
        }
        for (doubt, rows) in self.visible.doubts(list) {
            let title = |field: usize| self.visible.policy().ledgers[list.selection.ledger].fields[field].title.as_str();
            let note = match doubt {
                Doubt::NoColumn(field) => format!("注：台账没有“{}”一栏的{rows}行，无从选取，未列入。", title(field)),
                Doubt::Blank(field) => format!("注：另有{rows}行“{}”未填，无从选取，未列入。", title(field)),
            };
            sheet.banner(Role::Note, note);
        }
        sheet.freeze = Some((head_at + 1, 0));
        sheet.repeat = Some((head_at, head_at));
        self.add_notes(&mut sheet);
        sheet
    }

    /// The rows of records, each group below its heading.
    fn record_rows(&self, list: &RecordList, members: &[&'a Member], rows_before: usize) -> Vec<Row> {
        let mut body: Vec<Row> = Vec::with_capacity(members.len() + 1);
        let mut heading: Option<String> = None;
        for (index, member) in members.iter().enumerate() {
            if let Some(group) = list.group {
                let name = self.visible.member_group_name(group, member);
                if heading.as_ref() != Some(&name) {
                    let count = members[index..].iter().take_while(|other| self.visible.member_group_name(group, other) == name).count();
                    let counted = &self.visible.policy().ledgers[list.selection.ledger].counted;
                    body.push(group_heading(format!("{name}　{count}{counted}"), list.columns.len()));
                    heading = Some(name);
                }
            }
            body.push(self.visible.record_row(list, rows_before + index + 1, member));
        }
        body
    }

    /// The rows below the eager ones; `rows_before` rows of the list are above them.
    fn lazy_record_rows(&self, list: &RecordList, members: &[&'a Member], rows_before: usize) -> LazyRows<'a> {
        let count = members.len();
        let (members, list) = (members.to_vec(), list.clone());
        let visible = self.visible.without_findings();
        let row = move |index: usize| visible.record_row(&list, rows_before + index + 1, members[index]);
        LazyRows { count, found: Arc::from([]), row: Arc::new(row) }
    }

    /// Adds the number of rows and the sums of their amounts; `first` is the first row of the table.
    fn records_total(&mut self, list: &RecordList, sheet: &mut Sheet<'a>, first: usize, count: usize) {
        let mut sums: BTreeMap<usize, i128> = BTreeMap::new();
        // the amount of a project is repeated on every row that belongs to it: only fields of the record itself are added up
        let is_own = |column: &ListColumn| matches!(column.key, ColumnKey::Field(_));
        let own_columns: Vec<usize> =
            list.columns.iter().enumerate().filter(|(_, column)| is_own(column)).map(|(index, _)| index).collect();
        let mut rows: Vec<usize> = Vec::new();
        let mut add = |row: &Row| {
            for column in &own_columns {
                if let Some(Value::Amount(fen)) = row.cells.get(*column) {
                    *sums.entry(*column).or_default() += fen;
                }
            }
        };
        for (at, row) in sheet.rows.iter().enumerate().skip(first).filter(|(_, row)| row.role == Role::Body) {
            add(row);
            rows.push(at);
        }
        let lazy_count = sheet.lazy_rows.as_ref().map_or(0, |lazy| lazy.count);
        if let Some(lazy) = &sheet.lazy_rows {
            (0..lazy.count).for_each(|index| add(&lazy.row(index)));
        }
        let at = sheet.height();
        let mut cells = vec![Value::Blank; sheet.columns.len()];
        for (column, sum) in &sums {
            cells[*column] = Value::Amount(*sum);
            // the balance check cannot read lazy rows
            if sheet.lazy_rows.is_none() {
                self.record_sum(at, &rows, *column);
            }
        }
        if cells[0] == Value::Blank {
            cells[0] = Value::text("合计");
        }
        if cells.get(1).is_some_and(|cell| *cell == Value::Blank) {
            cells[1] = Value::count(rows.len() + lazy_count);
            self.record_total(self.visible.count_name(list, count), at, 1);
        }
        sheet.row(Role::Total, cells);
    }
}

impl<'a> VisibleMaterial<'a> {
    /// The findings on a record: open ones first, then by light and rule.
    fn findings_of<'m>(&self, member: &'m Member) -> impl Iterator<Item = &'a Finding> + use<'a, 'm> {
        let all: &'a [Finding] = &self.material.judged.findings;
        member.findings.iter().filter_map(move |index| all.get(*index as usize))
    }

    /// The worst light of the open findings on a record.
    fn worst_light(&self, member: &Member) -> Option<Light> {
        self.findings_of(member)
            .filter(|finding| finding.state == State::Open)
            .filter_map(|finding| finding.counted_light(self.policy()))
            .max()
    }

    /// The selected records that the audience may see.
    fn members(&self, list: &RecordList) -> Vec<&'a Member> {
        let Some(roster) = self.material.rosters.of(&list.selection) else { return Vec::new() };
        let fits = |member: &&'a Member| {
            let is_of_rules = |finding: &Finding| finding.state == State::Open && list.rules.contains(&finding.rule);
            (list.rules.is_empty() || self.findings_of(member).any(is_of_rules))
                && (list.lights.is_empty() || self.worst_light(member).is_some_and(|worst| list.lights.contains(&worst)))
        };
        match self.material.audience {
            Audience::Office => roster.members.iter().filter(fits).collect(),
            Audience::ThirdParty => roster.members.iter().filter(|member| member.readers.admit_third_party()).filter(fits).collect(),
            Audience::Unit(unit) => {
                let is_of_ledger = |finding: &&Finding| self.policy().rules[finding.rule].ledger == list.selection.ledger;
                let is_addressed =
                    |member: &Member| self.findings_of(member).filter(is_of_ledger).any(|finding| finding.is_addressed_to(unit));
                let units = &self.policy().units;
                let seen = roster.seen_by(units, unit, list.reach == Reach::All, is_addressed).into_iter();
                let within = |member: &&Member| member.owner().is_some_and(|owner| units.is_within(owner, unit));
                let seen = seen.map(|index| &roster.members[index as usize]);
                seen.filter(|member| list.reach != Reach::Held || within(member)).filter(fits).collect()
            }
        }
    }

    /// The selected records that the audience may see, with the projects of the findings on them.
    pub(crate) fn named_members(&self, list: &RecordList) -> NamedRecords {
        let projects = self.policy().project_ledger();
        let mut named = NamedRecords::new();
        for member in self.members(list) {
            named.insert((list.selection.ledger, member.code.to_string()));
            for finding in self.findings_of(member) {
                named.insert((self.policy().rules[finding.rule].ledger, finding.key.to_string()));
                named.extend(projects.filter(|_| !finding.project.is_empty()).map(|projects| (projects, finding.project.to_string())));
            }
        }
        named
    }

    pub(crate) fn has_members(&self, list: &RecordList) -> bool {
        !self.members(list).is_empty()
    }

    /// The heading of the group that a record belongs to.
    fn member_group_name(&self, group: Group, member: &Member) -> String {
        let units = &self.policy().units;
        match group {
            Group::Unit => member.owner().map_or_else(|| "责任单位不明".into(), |unit| units.units[unit].name.clone()),
            Group::City => {
                let city = member.owner().and_then(|owner| units.division_of(owner));
                city.map_or_else(|| self.outside_divisions(), |city| units.units[city].name.clone())
            }
            Group::Light | Group::Rule => self.worst_light(member).map_or_else(|| "无督办事项".into(), |light| light.title().into()),
        }
    }

    /// Sorts by group, then by the keys of the template, then in administrative order.
    fn sort_members(&self, list: &RecordList, members: &mut [&'a Member]) {
        let fields: Vec<usize> = list.order.iter().filter_map(|order| order.field).collect();
        let units = &self.policy().units;
        let group = |member: &Member| match list.group {
            None => (false, 0),
            Some(Group::Unit) => (member.owner().is_none(), member.owner().unwrap_or(0)),
            Some(Group::City) => {
                let city = member.owner().and_then(|owner| units.division_of(owner));
                (city.is_none(), city.unwrap_or(0))
            }
            Some(Group::Light | Group::Rule) => (false, self.worst_light(member).map_or(9, |light| 2 - light as usize)),
        };
        let mut keyed: Vec<(Vec<Cell>, &'a Member)> = members
            .iter()
            .map(|member| {
                let record = if fields.is_empty() { None } else { self.record(list.selection.ledger, &member.code) };
                let cells = fields.iter().map(|field| record.as_deref().map_or(Cell::Empty, |record| record.cell(*field).clone()));
                (cells.collect(), *member)
            })
            .collect();
        keyed.sort_by(|(left, one), (right, other)| {
            let mut cells = left.iter().zip(right);
            group(one)
                .cmp(&group(other))
                .then_with(|| {
                    let mut steps = list.order.iter().map(|order| {
                        let ordering = match order.field {
                            None => self.worst_light(one).cmp(&self.worst_light(other)),
                            Some(_) => cells.next().map_or(Ordering::Equal, |(left, right)| by_value(left, right, order.descending)),
                        };
                        if order.descending { ordering.reverse() } else { ordering }
                    });
                    steps.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
                })
                .then_with(|| (one.owner().is_none(), one.owner(), &one.code).cmp(&(other.owner().is_none(), other.owner(), &other.code)))
        });
        for (place, (_, member)) in members.iter_mut().zip(keyed) {
            *place = member;
        }
    }

    /// The row of a record; `number` is its running number.
    fn record_row(&self, list: &RecordList, number: usize, member: &Member) -> Row {
        let policy = self.policy();
        let ledger = list.selection.ledger;
        let own = self.record(ledger, &member.code);
        let record = own.as_deref();
        let project = policy.project_ledger();
        let code = record.map_or("", |record| record.text(policy.ledgers[ledger].role(FieldRole::Project)));
        let other = project.filter(|project| *project != ledger && !code.is_empty()).and_then(|project| self.record(project, code));
        let linked = match project {
            Some(project) if project == ledger => record.map_or(LinkedProject::None, LinkedProject::Visible),
            Some(project) => self.linked_project(project, other.as_deref()),
            None => LinkedProject::None,
        };
        let found: Vec<&Finding> = self.findings_of(member).collect();
        let cells = list
            .columns
            .iter()
            .map(|column| match &column.key {
                ColumnKey::BuiltIn(key) => self.built_in_member_cell(*key, number, member, ledger, record, &found),
                ColumnKey::Field(fields) => match (record, fields.get(ledger).copied().flatten()) {
                    (Some(record), Some(field)) => self.member_cell(member, ledger, field, record),
                    _ => Value::Blank,
                },
                ColumnKey::Project(field) => match (&linked, project) {
                    (LinkedProject::Visible(record), Some(project)) => self.member_cell(member, project, *field, record),
                    (_, Some(project)) => self.project_cell(&linked, project, *field),
                    _ => Value::Blank,
                },
            })
            .collect();
        let mut row = Row { cells, ..Row::default() };
        if member.readers.restricted {
            self.mark_restricted(&mut row, name_column(policy, ledger, &list.columns));
        }
        row
    }

    /// A cell, with a word in its place where the audience may not read the field.
    fn member_cell(&self, member: &Member, ledger: usize, field: usize, record: &Record) -> Value {
        let value = self.cell(ledger, field, record);
        let policy = self.policy();
        match member.readers.withhold(&policy.units, self.material.audience, &policy.ledgers[ledger].fields[field]) {
            true if value != Value::Blank => Value::text("（商业信息，略）"),
            _ => value,
        }
    }

    fn built_in_member_cell(
        &self,
        key: BuiltIn,
        number: usize,
        member: &Member,
        ledger: usize,
        record: Option<&Record>,
        found: &[&Finding],
    ) -> Value {
        let policy = self.policy();
        let name = |unit: usize| policy.units.units[unit].name.clone();
        let open = || found.iter().filter(|finding| finding.state == State::Open);
        match key {
            BuiltIn::No => Value::count(number),
            BuiltIn::Key => Value::text(&*member.code),
            BuiltIn::Serial => Value::text(format!("{}-{}", member.code, self.material.as_of.format("%Y%m"))),
            BuiltIn::Subject => {
                let name = record.map_or("", |record| record.text(policy.ledgers[ledger].role(FieldRole::Name)));
                Value::text(self.text(name))
            }
            BuiltIn::Light => open().filter_map(|finding| finding.counted_light(self.policy())).max().map_or(Value::Blank, Value::Light),
            BuiltIn::Items => self.findings_by_light(found),
            BuiltIn::Unit => match (member.owner(), record) {
                (Some(owner), _) => Value::text(name(owner)),
                (None, Some(record)) => Value::text(self.text(record.text(Some(policy.ledgers[ledger].owner.field())))),
                (None, None) => Value::Blank,
            },
            BuiltIn::City => {
                member.owner().and_then(|owner| policy.units.division_of(owner)).map_or(Value::Blank, |city| Value::text(name(city)))
            }
            BuiltIn::Cause => Value::text(join_distinct(open().map(|finding| finding.cause.to_string()))),
            BuiltIn::Basis => Value::text(join_distinct(open().map(|finding| clause(&policy.rules[finding.rule].basis)))),
            BuiltIn::WaitingOn => Value::text(join_distinct(open().filter_map(|finding| finding.waiting_on()).map(name))),
            BuiltIn::Major => member.major.map_or(Value::Blank, |level| Value::text(policy.units.levels.major_mark(level))),
            BuiltIn::Place => record.map_or(Value::Blank, |record| Value::text(self.place(ledger, record.place))),
            BuiltIn::Feedback => Value::text(self.text(&self.feedback(ledger, &member.code))),
            BuiltIn::Fill
            | BuiltIn::OtherFindings
            | BuiltIn::Act
            | BuiltIn::State
            | BuiltIn::Rule
            | BuiltIn::DueOn
            | BuiltIn::OverdueDays
            | BuiltIn::LagPoints
            | BuiltIn::Missing
            | BuiltIn::Change
            | BuiltIn::Recipients
            | BuiltIn::Quarters => Value::Blank,
        }
    }

    /// The findings on a record, one line per light: `●红：签约未开工、工作单未签收`.
    fn findings_by_light(&self, found: &[&Finding]) -> Value {
        let of = |finding: &&&Finding| match (finding.state, finding.light) {
            (State::Open, Some(_)) if finding.is_service(self.policy()) => (0, true, None),
            (State::Open, Some(light)) => (2, false, Some(light)),
            (State::Exempt, _) => (0, false, None),
            _ => (1, false, None),
        };
        let kinds: BTreeSet<_> = found.iter().map(|finding| of(&finding)).collect();
        let lines = kinds.into_iter().rev().map(|kind| {
            let title = |finding: &&Finding| {
                let title = &self.policy().rules[finding.rule].title;
                finding.done_since.as_ref().map_or_else(|| title.clone(), |done| format!("{title}〔{done}〕"))
            };
            let titles = found.iter().filter(|finding| of(finding) == kind).map(title);
            let what = match kind {
                (.., Some(light)) => light.title(),
                (_, true, None) => "服务",
                (0, false, None) => "豁免",
                _ => "无法判定",
            };
            format!("{what}：{}", join_distinct(titles))
        });
        Value::text(lines.collect::<Vec<_>>().join("\n"))
    }

    fn records_subtitle(&self, list: &RecordList, members: &[&Member]) -> String {
        let ledger = &self.policy().ledgers[list.selection.ledger];
        let mut lights: BTreeMap<Light, usize> = BTreeMap::new();
        for light in members.iter().filter_map(|member| self.worst_light(member)) {
            *lights.entry(light).or_default() += 1;
        }
        let shown = list.columns.iter().any(|column| matches!(column.key, ColumnKey::BuiltIn(BuiltIn::Light)));
        let lights: Vec<String> = lights.iter().rev().filter(|_| shown).map(|(light, count)| format!("{}{count}", light.title())).collect();
        let lights = if lights.is_empty() { String::new() } else { format!("（{}）", lights.join("　")) };
        format!("截至{}　　共{}{}{lights}", chinese_date(self.material.as_of), members.len(), ledger.counted)
    }

    /// The selection in words.
    fn selection_text(&self, list: &RecordList) -> String {
        let policy = self.policy();
        let Selection { ledger, conditions, project, major } = &list.selection;
        let mut parts: Vec<String> = conditions.iter().map(|condition| condition_words(&policy.ledgers[*ledger], condition)).collect();
        if let Some(ledger) = policy.project_ledger() {
            parts.extend(project.iter().map(|condition| format!("所属项目{}", condition_words(&policy.ledgers[ledger], condition))));
        }
        if let Some((level, bound)) = major.and_then(|level| policy.units.levels.major().find(|(known, _)| *known == level)) {
            let yi = crate::domain::register::record::fen_as_yi(bound);
            parts.push(format!("列入{}项目台账（重点产业，投资额不少于{yi}亿元）", policy.units.levels.major_mark(level)));
        }
        if !list.rules.is_empty() {
            let titles: Vec<&str> = list.rules.iter().map(|rule| policy.rules[*rule].title.as_str()).collect();
            parts.push(format!("存在{}", titles.join("或")));
        }
        if !list.lights.is_empty() {
            parts.push(format!("灯色为{}", list.lights.iter().map(|light| light.title()).collect::<Vec<_>>().join("或")));
        }
        let ledger = &policy.ledgers[*ledger];
        // without the measure word, which is the first character
        let rows: String = ledger.counted.chars().skip(1).collect();
        match parts.is_empty() {
            true => format!("{SELECTION_PREFIX}{}所列全部{rows}。", ledger.title),
            false => format!("{SELECTION_PREFIX}{}中{}的{rows}。", ledger.title, parts.join("、")),
        }
    }

    /// Rows that could neither be selected nor excluded, by the reason.
    pub(crate) fn doubts(&self, list: &RecordList) -> BTreeMap<Doubt, u64> {
        let Some(roster) = self.material.rosters.of(&list.selection) else { return BTreeMap::new() };
        let unit = match self.material.audience {
            Audience::Unit(unit) if list.reach != Reach::All => Some(unit),
            _ => None,
        };
        roster.doubts(&self.policy().units, unit)
    }

    /// The name of the count of rows, for the balance check: sheets with the same selection print the same count, and the count of all
    /// projects is that of the matrix.
    fn count_name(&self, list: &RecordList, count: usize) -> String {
        let Selection { ledger, conditions, project, major } = &list.selection;
        let is_unfiltered = list.rules.is_empty() && list.lights.is_empty() && self.material.audience == Audience::Office;
        let is_selected = !conditions.is_empty() || !project.is_empty() || major.is_some();
        match is_unfiltered {
            true if !is_selected && self.policy().project_ledger() == Some(*ledger) => "projects".into(),
            true => format!("records/{ledger}/{conditions:?}/{project:?}/{major:?}"),
            // filtered by findings or by audience: no other sheet prints this count
            false => format!("records/{ledger}/{conditions:?}/{project:?}/{major:?}/{:?}/{:?}/{count}", list.rules, list.lights),
        }
    }
}

/// Compares cells by value; empty cells are last in both directions.
fn by_value(left: &Cell, right: &Cell, descending: bool) -> Ordering {
    let last = if descending { Ordering::Less } else { Ordering::Greater };
    match (left, right) {
        (Cell::Empty, Cell::Empty) => Ordering::Equal,
        (Cell::Empty, _) => last,
        (_, Cell::Empty) => last.reverse(),
        (Cell::Text(left), Cell::Text(right)) => left.cmp(right),
        (Cell::Date(left), Cell::Date(right)) => left.cmp(right),
        (Cell::Money(left), Cell::Money(right)) => left.cmp(right),
        (Cell::Bool(left), Cell::Bool(right)) => left.cmp(right),
        (left, right) => left.decimal().zip(right.decimal()).map_or(Ordering::Equal, |(left, right)| left.compare(right)),
    }
}

/// The different texts in the order of their first occurrence.
fn join_distinct(words: impl Iterator<Item = String>) -> String {
    let mut out: Vec<String> = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !out.contains(&word) {
            out.push(word);
        }
    }
    out.join("、")
}
