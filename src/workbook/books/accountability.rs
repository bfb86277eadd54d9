//! 责任追究建议清单 (一(一)4, 四3): the units and persons with findings that were red at the end of several consecutive closed quarters. Each
//! finding is listed with what exonerates the unit: the cause, exemptions, difficulties raised, its own statement.
//!
//! Invariant: for the office only; units are in administrative order and are not ranked.

use crate::domain::register::levels::LevelWord;
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::domain::rules::sentence::clause;
use crate::workbook::build::mark_restricted;
use crate::workbook::model::{self, At, Column, Entry, Paper, Role, Row, Sheet, Sum, Value, Workbook, fit_heights};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// What has become of a listed finding on the day of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CurrentState {
    /// The rule still finds it, with this light.
    Open(Light),
    Exempt,
    Unjudged,
    /// The rule no longer finds it.
    Resolved,
    /// The record is no longer in the register.
    Gone,
}

/// A finding that was red for enough quarters to be listed.
#[derive(Clone, Debug)]
pub(crate) struct AccountabilityFinding {
    /// Index of the rule.
    pub(crate) rule: usize,
    /// Code of the record.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) restricted: bool,
    /// Code of the project; empty if the record belongs to none.
    pub(crate) project: String,
    /// `None` = the register names no known unit.
    pub(crate) owner: Option<UnitId>,
    pub(crate) unit: String,
    /// Consecutive closed quarters at whose end the finding was red and waited for no other unit.
    pub(crate) quarters: u32,
    /// Names in the register at the ends of these quarters, newest first, without duplicates.
    pub(crate) leaders: Vec<String>,
    pub(crate) officers: Vec<String>,
    pub(crate) due_on: Option<NaiveDate>,
    pub(crate) current: CurrentState,
    pub(crate) cause: String,
    /// Every 豁免、延期、异议 granted for it, as text.
    pub(crate) exemptions: Vec<String>,
    /// Difficulties that the unit reported or raised, as text.
    pub(crate) difficulties: Vec<String>,
    /// Reasons, measures and dates that the unit itself wrote.
    pub(crate) statements: Vec<String>,
    /// File, sheet and cell of the record.
    pub(crate) place: String,
}

/// A closed quarter that the list takes into account.
#[derive(Clone, Debug)]
pub(crate) struct ClosedQuarter {
    pub(crate) title: String,
    /// The run that closed it.
    pub(crate) run: String,
}

/// The content of the list.
#[derive(Clone, Debug)]
pub(crate) struct AccountabilityFacts<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) office: &'a str,
    pub(crate) as_of: NaiveDate,
    /// A finding is listed from so many consecutive closed quarters on.
    pub(crate) quarters_required: u32,
    /// Newest first.
    pub(crate) closed_quarters: &'a [ClosedQuarter],
    /// In any order.
    pub(crate) findings: Vec<AccountabilityFinding>,
    /// Findings left out at the end of the newest quarter because another unit owes an answer.
    pub(crate) waiting_on_others: usize,
    /// Findings left out at the end of the newest quarter because they were exempt.
    pub(crate) exempt: usize,
}

// Titles of the columns with their widths in characters.
const PERSON_HEADS: [(&str, f64); 7] =
    [("序号", 6.0), ("责任单位", 26.0), ("姓名", 14.0), ("身份", 12.0), ("事项数", 9.0), ("最长连续季度数", 12.0), ("编号", 46.0)];
const FINDING_HEADS: [(&str, f64); 18] = [
    ("序号", 6.0),
    ("责任单位", 16.0),
    ("责任领导", 10.0),
    ("责任人", 10.0),
    ("督办事项", 14.0),
    ("编号", 15.0),
    ("名称", 24.0),
    ("依据", 13.0),
    ("连续季度数", 8.0),
    ("应完成日期", 12.0),
    ("现状", 9.0),
    ("原因类别", 9.0),
    ("提出的困难问题及答复", 30.0),
    ("豁免、延期、异议", 26.0),
    ("单位情况说明", 30.0),
    ("数据来源", 22.0),
    ("单位陈述意见", 22.0),
    ("研究意见", 18.0),
];

/// Builds the workbook of the list: notes, units, persons, findings.
pub(crate) fn accountability_workbook(facts: &AccountabilityFacts<'_>) -> Workbook<'static> {
    let mut findings: Vec<&AccountabilityFinding> = facts.findings.iter().collect();
    findings.sort_by_key(|finding| (finding.owner.is_none(), finding.owner, finding.unit.clone(), finding.rule, finding.key.clone()));
    let title = "责任追究建议清单".to_owned();
    let mut book = Workbook {
        title: title.clone(),
        subject: format!("{title}（截至{}）", facts.as_of),
        keywords: "招商引资,督办".into(),
        description: format!("数据截至{}", chinese_date(facts.as_of)),
        author: facts.office.to_owned(),
        created: facts.as_of,
        ..Workbook::default()
    };
    let levels = &facts.policy.units.levels;
    let unit_heads = [
        ("序号", 6.0),
        ("责任单位", 26.0),
        ("类别", 16.0),
        (levels.division(LevelWord::Name), 20.0),
        ("事项数", 9.0),
        ("涉及项目数", 11.0),
        ("最长连续季度数", 12.0),
    ];
    let units = unit_rows(facts, &findings);
    let unit_count = units.len();
    let mut sheets = vec![
        notes(facts, findings.len(), unit_count),
        list_sheet("按单位", "责任追究建议清单（按单位）", facts, &unit_heads, units, false),
        list_sheet("按责任人", "责任追究建议清单（按责任人）", facts, &PERSON_HEADS, person_rows(facts, &findings), false),
        list_sheet("事项明细", "责任追究建议清单（事项明细）", facts, &FINDING_HEADS, finding_rows(facts, &findings), true),
    ];
    if unit_count > 1 {
        let list = &mut sheets[1];
        let first = list.rows.len() - unit_count;
        let mut cells = vec![Value::Blank; unit_heads.len()];
        (cells[1], cells[4]) = (Value::text("合计"), Value::count(findings.len()));
        list.rows.push(Row { role: Role::Total, cells, height: Some(20.0), ..Row::default() });
        let at = |row: usize| At { sheet: 1, row, column: 4 };
        book.sums.push(Sum { total: at(first + unit_count), parts: (first..first + unit_count).map(at).collect() });
    }
    book.sheets = sheets;
    mark_restricted(&mut book, &facts.policy.secrecy, Some(0));
    for sheet in &mut book.sheets {
        sheet.paginate();
        sheet.header = format!("内部资料　仅供{}研究使用", levels.office_in_text());
        sheet.footer = format!("截至{}", chinese_date(facts.as_of));
    }
    book
}

/// 说明: the basis of the list, the quarters it covers, and what it leaves out.
fn notes(facts: &AccountabilityFacts<'_>, findings: usize, units: usize) -> Sheet<'static> {
    let mut sheet =
        Sheet { name: "说明".into(), columns: vec![Column { width: 92.0, ..Column::default() }], paper: Paper::A4, ..Sheet::default() };
    sheet.banner(Role::Title, "责任追究建议清单");
    sheet.subtitle(format!("{}　　截至{}", facts.office, chinese_date(facts.as_of)));
    let quarters: Vec<&str> = facts.closed_quarters.iter().map(|quarter| quarter.title.as_str()).collect();
    let quarters = if quarters.is_empty() { "无".to_owned() } else { quarters.join("、") };
    let paragraphs = [
        format!(
            "本清单依据{}、{}编制，只列连续{}个以上已结束的季度、每个季度末均为红灯的事项，供{}研究，不作结论，不发送任何单位。",
            clause("一(一)4"),
            clause("四3"),
            facts.quarters_required,
            facts.policy.units.levels.office_in_text()
        ),
        format!("查阅的已结束季度：{quarters}。季度末的灯色取自当时执行的季度督办，没有执行的季度不计，也不连续。"),
        format!("列入{findings}件，涉及{units}个单位。单位按行政区划顺序排列，不排名次。"),
        format!(
            "未计入：最近一个季度末因其他单位未答复困难问题而等待的{}件，已批准豁免、延期或异议的{}件。此前任一季度末有上述情形的，该季度不计。",
            facts.waiting_on_others, facts.exempt
        ),
        "每件均附原因、豁免、已提出的困难问题和单位自己的说明；提出建议前应听取单位和本人的陈述，填入最后两栏。".to_owned(),
    ];
    for text in paragraphs {
        sheet.banner(Role::Paragraph, text);
    }
    let available = facts.closed_quarters.len();
    if (available as u32) < facts.quarters_required {
        let text = format!("本服务已结束的季度只有{available}个，不足{}个，没有可以列入的事项。", facts.quarters_required);
        sheet.banner(Role::Paragraph, text);
    }
    for ClosedQuarter { title, run } in facts.closed_quarters {
        sheet.banner(Role::Note, format!("{title}：{run}"));
    }
    sheet
}

/// A sheet with a table. `wide`: it lists findings and is printed on A3.
fn list_sheet(
    name: &str,
    title: &str,
    facts: &AccountabilityFacts<'_>,
    heads: &[(&str, f64)],
    mut body: Vec<Row>,
    wide: bool,
) -> Sheet<'static> {
    let mut columns: Vec<Column> = heads
        .iter()
        .map(|(head, width)| {
            let fill = matches!(*head, "单位陈述意见" | "研究意见");
            Column { width: *width, fill, entry: fill.then_some(Entry::Text) }
        })
        .collect();
    let head = model::head(&heads.iter().map(|(head, _)| *head).collect::<Vec<_>>(), &mut columns);
    fit_heights(&mut body, &columns);
    let mut sheet =
        Sheet { name: name.to_owned(), landscape: true, paper: if wide { Paper::A3 } else { Paper::A4 }, columns, ..Sheet::default() };
    sheet.banner(Role::Title, title);
    sheet.subtitle(format!("截至{}　　共{}{}", chinese_date(facts.as_of), body.len(), if wide { "件" } else { "行" }));
    let head_at = sheet.rows.len();
    sheet.rows.push(head);
    if body.is_empty() {
        sheet.banner(Role::Note, "没有可以列入的事项。");
    } else {
        sheet.rows.append(&mut body);
        sheet.filter = Some((head_at, sheet.rows.len() - 1));
    }
    sheet.freeze = Some((head_at + 1, 0));
    sheet.repeat = Some((head_at, head_at));
    sheet
}

/// One row for each unit; unknown units come last.
fn unit_rows(facts: &AccountabilityFacts<'_>, findings: &[&AccountabilityFinding]) -> Vec<Row> {
    let units = &facts.policy.units;
    let mut by_unit: BTreeMap<(bool, Option<UnitId>, &str), Vec<&AccountabilityFinding>> = BTreeMap::new();
    for finding in findings {
        by_unit.entry((finding.owner.is_none(), finding.owner, finding.unit.as_str())).or_default().push(finding);
    }
    by_unit
        .into_iter()
        .enumerate()
        .map(|(number, ((_, owner, unit), findings))| {
            let mut projects: Vec<&str> = findings.iter().map(|finding| finding.project.as_str()).filter(|code| !code.is_empty()).collect();
            projects.sort_unstable();
            projects.dedup();
            let division = owner.and_then(|owner| units.division_of(owner)).map_or("", |unit| units.units[unit].name.as_str());
            Row {
                cells: vec![
                    Value::count(number + 1),
                    Value::text(if unit.is_empty() { "责任单位不明" } else { unit }),
                    Value::text(owner.map_or("待核", |owner| units.levels.name(units.units[owner].level))),
                    Value::text(division),
                    Value::count(findings.len()),
                    Value::count(projects.len()),
                    Value::count(findings.iter().map(|finding| finding.quarters).max().unwrap_or(0)),
                ],
                ..Row::default()
            }
        })
        .collect()
}

/// One row for each person and capacity (责任领导 or 责任人).
fn person_rows(facts: &AccountabilityFacts<'_>, findings: &[&AccountabilityFinding]) -> Vec<Row> {
    let mark = |finding: &AccountabilityFinding| if finding.restricted { facts.policy.secrecy.row_mark.as_str() } else { "" };
    type Key<'a> = (bool, Option<UnitId>, &'a str, &'static str, &'a str);
    let mut by_person: BTreeMap<Key<'_>, Vec<&AccountabilityFinding>> = BTreeMap::new();
    for finding in findings {
        for (capacity, names) in [("责任领导", &finding.leaders), ("责任人", &finding.officers)] {
            for name in names {
                by_person.entry((finding.owner.is_none(), finding.owner, &finding.unit, capacity, name)).or_default().push(finding);
            }
        }
    }
    by_person
        .into_iter()
        .enumerate()
        .map(|(number, ((_, _, unit, capacity, name), findings))| Row {
            cells: vec![
                Value::count(number + 1),
                Value::text(unit),
                Value::text(name),
                Value::text(capacity),
                Value::count(findings.len()),
                Value::count(findings.iter().map(|finding| finding.quarters).max().unwrap_or(0)),
                Value::text(findings.iter().map(|finding| format!("{}{}", mark(finding), finding.key)).collect::<Vec<_>>().join("、")),
            ],
            // the row is that of a person, so only the codes of restricted records are marked
            restricted: findings.iter().any(|finding| finding.restricted),
            ..Row::default()
        })
        .collect()
}

/// One row for each finding, with blank cells for the statement of the unit and the opinion of the office.
fn finding_rows(facts: &AccountabilityFacts<'_>, findings: &[&AccountabilityFinding]) -> Vec<Row> {
    let people = |names: &[String]| if names.is_empty() { "未写明".to_owned() } else { names.join("、") };
    let lines = |texts: &[String], none: &str| if texts.is_empty() { none.to_owned() } else { texts.join("\n") };
    findings
        .iter()
        .enumerate()
        .map(|(number, finding)| {
            let rule = &facts.policy.rules[finding.rule];
            let mut row = Row {
                cells: vec![
                    Value::count(number + 1),
                    Value::text(finding.unit.clone()),
                    Value::text(people(&finding.leaders)),
                    Value::text(people(&finding.officers)),
                    Value::text(rule.title.clone()),
                    Value::text(finding.key.clone()),
                    Value::text(finding.name.clone()),
                    Value::text(clause(&rule.basis)),
                    Value::count(finding.quarters),
                    finding.due_on.map_or(Value::Blank, Value::Date),
                    match finding.current {
                        CurrentState::Open(light) => Value::Light(light),
                        CurrentState::Exempt => Value::text("豁免"),
                        CurrentState::Unjudged => Value::text("无法判定"),
                        CurrentState::Resolved => Value::text("已办结"),
                        CurrentState::Gone => Value::text("台账中未见"),
                    },
                    Value::text(finding.cause.clone()),
                    Value::text(lines(&finding.difficulties, "未提出")),
                    Value::text(lines(&finding.exemptions, "无")),
                    Value::text(lines(&finding.statements, "未填报")),
                    Value::text(finding.place.clone()),
                    Value::Blank,
                    Value::Blank,
                ],
                ..Row::default()
            };
            if finding.restricted {
                let name = FINDING_HEADS.iter().position(|(head, _)| *head == "名称");
                row.mark_restricted(&facts.policy.secrecy.row_mark, name);
            }
            row
        })
        .collect()
}
