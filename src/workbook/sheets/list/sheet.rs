//! Building lists: one row per finding, each traceable to its cell in the register.

use crate::domain::audience::{Audience, is_named};
use crate::domain::judging::finding::{Finding, State, count_blank_cells};
use crate::domain::register::levels::LevelWord;
use crate::domain::register::period::chinese_date;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::workbook::item_counts::count_items;
use crate::workbook::model;
use crate::workbook::model::{Column, LIGHTS, LazyRows, Role, Row, Sheet, Value, fit, fit_heights};
use crate::workbook::sheet_builder::{LIST_ROWS_MAX, SheetBuilder};
use crate::workbook::sheets::list::columns::{ColumnKey, ListColumn, Width};
use crate::workbook::sheets::list::declaration::{Group, List};
use crate::workbook::sheets::list::row::FoldedFindings;
use crate::workbook::visible::VisibleMaterial;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rows of a long table that are built at once and decide the column widths. The rows below them are built while the file is written.
pub(crate) const EAGER_ROWS_MAX: usize = 2000;

/// Wider columns wrap, in characters.
const WIDTH_MAX: f64 = 34.0;
const NUMBER_WIDTH: f64 = 6.0;
const LINES_WIDTH: f64 = 40.0;
const NAME_WIDTH_MAX: f64 = 16.0;
const FILL_WIDTH_MIN: f64 = 16.0;

/// The findings of a list, in order, as all its sheets need them.
struct ListedFindings<'a> {
    /// Every finding, including those that folding takes off the rows.
    all: Vec<&'a Finding>,
    folded: Arc<FoldedFindings<'a>>,
    /// The list ends with the sums of its amounts.
    has_total: bool,
}

impl<'a> SheetBuilder<'a, '_> {
    /// The sheets of a list: one, or more if it has more rows than a sheet takes.
    pub(crate) fn list(&mut self, list: &List) -> Vec<Sheet<'a>> {
        let mut rows: Vec<&'a Finding> = self.visible.findings.iter().copied().filter(|finding| list.takes(finding)).collect();
        self.visible.sort_findings(list.group, &mut rows);
        let all = rows.clone();
        let folded = Arc::new(if list.fold { fold(self.visible.policy(), &mut rows) } else { FoldedFindings::default() });
        // only in an ungrouped list of one rule does every project have a single row
        let has_total = list.rules.len() == 1 && list.group.is_none() && rows.len() <= LIST_ROWS_MAX;
        let listed = ListedFindings { all, folded, has_total };
        let mut chunks = rows.chunks(LIST_ROWS_MAX);
        let first = chunks.next().unwrap_or_default();
        let mut sheets: Vec<Sheet<'a>> = Vec::new();
        for (number, chunk) in std::iter::once(first).chain(chunks).enumerate() {
            let mut sheet = self.list_sheet(list, &listed, chunk, number * LIST_ROWS_MAX);
            if number > 0 {
                sheet.name = continuation_name(&sheet.name, number);
            }
            sheets.push(sheet);
        }
        sheets
    }

    /// One sheet of a list; `rows_before` rows are on the sheets before it.
    fn list_sheet(&mut self, list: &List, listed: &ListedFindings<'a>, findings: &[&'a Finding], rows_before: usize) -> Sheet<'a> {
        let is_lazy = list.group.is_none() && self.visible.material.audience == Audience::Office && findings.len() > EAGER_ROWS_MAX;
        let (eager, lazy) = findings.split_at(if is_lazy { EAGER_ROWS_MAX } else { findings.len() });
        let mut body = self.list_rows(list, &listed.folded, eager, rows_before);
        let shown_columns = match self.visible.material.audience {
            // narrow enough to read: columns that are blank in every row are left out
            Audience::Unit(_) if !list.blank => drop_blank_columns(self.visible.policy(), &list.columns, &mut body),
            Audience::Unit(_) | Audience::Office | Audience::ThirdParty => list.columns.clone(),
        };
        let (head, columns) = head_row(&shown_columns, &body);
        fit_heights(&mut body, &columns);
        let mut sheet = self.start_sheet(columns, &self.visible.list_subtitle(list, &listed.all));
        sheet.partial = list.fold;
        let head_at = sheet.rows.len();
        sheet.rows.push(head);
        let first = sheet.rows.len();
        let is_empty = body.is_empty();
        sheet.rows.append(&mut body);
        sheet.restricted_lazily = self.visible.material.audience.marks_restricted() && lazy.iter().any(|finding| !is_named(finding));
        if is_lazy {
            sheet.lazy_rows = Some(self.lazy_list_rows(lazy, rows_before + EAGER_ROWS_MAX, &shown_columns, &listed.folded));
        }
        let last = sheet.height() - 1;
        if is_empty {
            self.note_empty_list(list, &mut sheet);
        } else if list.group.is_none() {
            sheet.filter = Some((head_at, last));
        }
        if listed.has_total && !is_empty {
            self.list_total(&mut sheet, first);
        }
        sheet.freeze = Some((head_at + 1, 0));
        sheet.repeat = Some((head_at, head_at));
        self.add_notes(&mut sheet);
        sheet
    }

    /// The rows of findings, each group below its heading.
    fn list_rows(&self, list: &List, folded: &FoldedFindings<'a>, findings: &[&'a Finding], rows_before: usize) -> Vec<Row> {
        let mut body: Vec<Row> = Vec::with_capacity(findings.len() + 1);
        let mut heading = None;
        for (index, finding) in findings.iter().enumerate() {
            if let Some(group) = list.group {
                let name = (finding.state, self.visible.group_name(group, finding));
                if heading.as_ref() != Some(&name) {
                    let is_same = |other: &&&Finding| (other.state, self.visible.group_name(group, other)) == name;
                    let count = findings[index..].iter().take_while(is_same).count();
                    let state = match finding.state {
                        State::Open => "",
                        State::Exempt => "（豁免）",
                        State::Unjudged => "（无法判定）",
                    };
                    let counted = if list.fold { "个项目" } else { "件" };
                    body.push(group_heading(format!("{}{state}　{count}{counted}", name.1), list.columns.len()));
                    heading = Some(name);
                }
            }
            body.push(self.visible.finding_row(&list.columns, rows_before + index + 1, finding, folded));
        }
        body
    }

    /// The rows below the eager ones; `rows_before` rows of the list are above them.
    fn lazy_list_rows(
        &self,
        findings: &[&'a Finding],
        rows_before: usize,
        columns: &[ListColumn],
        folded: &Arc<FoldedFindings<'a>>,
    ) -> LazyRows<'a> {
        let count = findings.len();
        let found: Arc<[&'a Finding]> = findings.into();
        let (rows, columns, folded) = (Arc::clone(&found), columns.to_vec(), Arc::clone(folded));
        let visible = self.visible.without_findings();
        let row = move |index: usize| visible.finding_row(&columns, rows_before + index + 1, rows[index], &folded);
        LazyRows { count, found, row: Arc::new(row) }
    }

    /// Adds notes that there are no findings, and on rules that judged no row.
    fn note_empty_list(&self, list: &List, sheet: &mut Sheet<'a>) {
        let unjudged: Vec<usize> = list.rules.iter().copied().filter(|rule| self.visible.judged_nothing(*rule)).collect();
        if unjudged.len() < list.rules.len() {
            sheet.banner(Role::Note, "无此类事项。");
        }
        for rule in unjudged.into_iter().filter(|_| list.states.contains(&State::Open)) {
            let title = &self.visible.policy().rules[rule].title;
            sheet.banner(Role::Note, format!("“{title}”未作判定：{}。", self.visible.not_judged(rule)));
        }
    }

    /// Adds the sums of the amounts; `first` is the first row of the table.
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
        if let Some(lazy) = &sheet.lazy_rows {
            (0..lazy.count).for_each(|index| add(&lazy.row(index)));
        }
        if sums.is_empty() {
            return;
        }
        let row = sheet.height();
        let last = sheet.rows.len();
        let mut cells = vec![Value::Blank; sheet.columns.len()];
        for (column, sum) in sums {
            cells[column] = Value::Amount(sum);
            // the balance check cannot read lazy rows
            if sheet.lazy_rows.is_none() {
                self.record_sum(row, &(first..last).collect::<Vec<_>>(), column);
            }
        }
        if cells[0] == Value::Blank {
            cells[0] = Value::text("合计");
        }
        sheet.row(Role::Total, cells);
    }
}

/// The name of a further sheet of the same list: `签约未开工（2）`. `number` counts from 0.
pub(crate) fn continuation_name(name: &str, number: usize) -> String {
    format!("{}（{}）", name.chars().take(25).collect::<String>(), number + 1)
}

/// The row above a group, one cell across all columns.
pub(crate) fn group_heading(text: String, columns: usize) -> Row {
    let merges = if columns > 1 { vec![(0, columns - 1)] } else { Vec::new() };
    Row { role: Role::Section, cells: vec![Value::text(text)], height: Some(20.0), merges, ..Row::default() }
}

/// Reduces the findings of each project and state to the leading one, and returns the others by project. The leading finding is one whose
/// rule is under no other rule found on the project; of these the one with the worst light.
fn fold<'a>(policy: &Policy, found: &mut Vec<&'a Finding>) -> FoldedFindings<'a> {
    // most projects have one finding: only the others need an entry
    let project_of = |index: &u32| (found[*index as usize].state, &*found[*index as usize].project);
    let mut order: Vec<u32> = (0..found.len() as u32).filter(|index| !project_of(index).1.is_empty()).collect();
    order.sort_unstable_by(|a, b| project_of(a).cmp(&project_of(b)).then(a.cmp(b)));
    let mut folded = FoldedFindings::default();
    let mut is_leading = vec![true; found.len()];
    for group in order.chunk_by(|a, b| project_of(a) == project_of(b)).filter(|group| group.len() > 1) {
        let mut findings: Vec<&'a Finding> = group.iter().map(|index| found[*index as usize]).collect();
        let rules: Vec<usize> = findings.iter().map(|finding| finding.rule).collect();
        let is_under = |finding: &Finding| policy.rules[finding.rule].under.iter().any(|above| rules.contains(above));
        findings.sort_by_key(|finding| (is_under(finding), Reverse(finding.light), finding.rule));
        let leading = findings.remove(0);
        for index in group {
            is_leading[*index as usize] = std::ptr::eq(found[*index as usize], leading);
        }
        folded.insert((leading.state, &*leading.project), findings);
    }
    let mut is_leading = is_leading.into_iter();
    found.retain(|_| is_leading.next().unwrap_or(true));
    folded
}

/// Drops the columns that are blank in every row and returns the others. A column to fill in stays if the ledger of a row has its field.
/// A table without rows loses no column.
fn drop_blank_columns(policy: &Policy, columns: &[ListColumn], body: &mut [Row]) -> Vec<ListColumn> {
    let stays: Vec<bool> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let has_value = |row: &&Row| row.role == Role::Body && row.cells.get(index).is_some_and(|cell| *cell != Value::Blank);
            let is_asked = |row: &&Row| match (&column.key, row.tag) {
                (ColumnKey::Field(fields), Some(tag)) if column.fill => fields[policy.rules[tag.rule].ledger].is_some(),
                _ => false,
            };
            body.is_empty() || body.iter().any(|row| has_value(&row) || is_asked(&row))
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

/// The head of a list, and columns as wide as the head and the rows need.
pub(crate) fn head_row(columns: &[ListColumn], body: &[Row]) -> (Row, Vec<Column>) {
    let mut widths = fit(body, columns.len(), WIDTH_MAX);
    for (width, column) in widths.iter_mut().zip(columns) {
        width.fill = column.fill;
        match column.width() {
            Width::Names => width.width = width.width.min(NAME_WIDTH_MAX),
            Width::Lines if width.width >= WIDTH_MAX => width.width = LINES_WIDTH,
            _ if column.fill => width.width = width.width.max(FILL_WIDTH_MIN),
            Width::Fitted | Width::Lines | Width::Number => {}
        }
    }
    let titles: Vec<&str> = columns.iter().map(|column| column.title.as_str()).collect();
    let head = model::head(&titles, &mut widths);
    for (width, column) in widths.iter_mut().zip(columns) {
        if column.width() == Width::Number {
            width.width = NUMBER_WIDTH;
        }
    }
    (head, widths)
}

impl VisibleMaterial<'_> {
    /// Sorts by state, so that approved exemptions are below open findings, then by group.
    fn sort_findings(&self, group: Option<Group>, findings: &mut [&Finding]) {
        let Some(group) = group else {
            findings.sort_by_cached_key(|finding| (finding.state, Reverse(finding.weight(self.policy()))));
            return;
        };
        findings.sort_by_cached_key(|finding| {
            let place = match group {
                Group::Unit => (finding.owner.is_none(), finding.owner.unwrap_or(0)),
                Group::City => {
                    let city = finding.owner.and_then(|owner| self.policy().units.division_of(owner));
                    (city.is_none(), city.unwrap_or(0))
                }
                Group::Rule => (false, finding.rule),
                Group::Light => (false, 2 - finding.light.map_or(0, |light| light as usize)),
            };
            (finding.state, place, Reverse(finding.weight(self.policy())))
        });
    }

    fn list_subtitle(&self, list: &List, findings: &[&Finding]) -> String {
        let policy = self.policy();
        let (services, findings): (Vec<&Finding>, Vec<&Finding>) =
            findings.iter().partition(|finding| finding.state == State::Open && finding.is_service(policy));
        let count = |state: State, light: Option<Light>| {
            findings.iter().filter(|finding| finding.state == state && (light.is_none() || finding.light == light)).count()
        };
        let mut parts = Vec::new();
        if list.states.contains(&State::Open) {
            let lights: Vec<String> = LIGHTS
                .into_iter()
                .filter_map(|light| match count(State::Open, Some(light)) {
                    0 => None,
                    count => Some(format!("{}{count}", light.title())),
                })
                .collect();
            let lights = if lights.is_empty() { String::new() } else { format!("（{}）", lights.join("　")) };
            let open = count(State::Open, None);
            let only_services = open == 0 && !services.is_empty();
            parts.extend((!only_services).then(|| match self.material.audience {
                Audience::Unit(unit) if unit == self.policy().units.office() => {
                    format!("按规则报{}的督办事项{open}件{lights}，全部事项见季度督办工作簿", self.material.office)
                }
                // a mail counts projects, and a project has a row here for each of its findings: both numbers are given
                Audience::Unit(_) => {
                    let items = count_items(self.policy(), findings.iter().copied()).items;
                    if items == open {
                        format!("督办事项{open}件{lights}")
                    } else {
                        format!("需办理{items}个，涉及督办事项{open}件{lights}")
                    }
                }
                Audience::Office | Audience::ThirdParty => format!("督办事项{open}件{lights}"),
            }));
            if !services.is_empty() {
                parts.push(format!("服务事项{}件", services.len()));
            }
        }
        for (state, word) in [(State::Exempt, "豁免"), (State::Unjudged, "无法判定")] {
            let count = count(state, None);
            if list.states.contains(&state) && count > 0 {
                let cells = match state {
                    State::Unjudged => format!("（待补齐{}处）", count_blank_cells(self.policy(), findings.iter().copied())),
                    _ => String::new(),
                };
                parts.push(format!("{word}{count}件{cells}"));
            }
        }
        format!("截至{}　　{}", chinese_date(self.material.as_of), parts.join("，"))
    }

    /// The heading of what lies in no division.
    pub(crate) fn outside_divisions(&self) -> String {
        format!("{}及其他", self.policy().units.levels.top(LevelWord::Grade))
    }

    /// The heading of the group that a finding belongs to.
    fn group_name(&self, group: Group, finding: &Finding) -> String {
        match group {
            Group::Unit if finding.unit.is_empty() => "责任单位不明".into(),
            Group::Unit => self.text(&finding.unit),
            Group::City => finding
                .owner
                .and_then(|owner| self.policy().units.division_of(owner))
                .map_or_else(|| self.outside_divisions(), |division| self.policy().units.units[division].name.clone()),
            Group::Rule => self.policy().rules[finding.rule].title.clone(),
            Group::Light => finding.light.map_or_else(|| "无法判定".into(), |light| light.title().into()),
        }
    }
}
