//! 责任追究建议清单 (一(一)4, 四3): units and persons with findings that were red at the end of several closed quarters in a row, and beside
//! each what speaks for them: the cause, exemptions, difficulties raised, their own statement. For the office alone; in administrative
//! order, without ranks.

use crate::domain::register::period::chinese_date;
use crate::domain::register::units::{Level, UnitId};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Light;
use crate::domain::rules::sentence::clause;
use crate::workbook::model;
use crate::workbook::model::{At, Entry};
use crate::workbook::model::{Column, Paper, Role, Row, Sheet, Sum, Value, Workbook, fit_heights};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// How a listed finding stands on the day of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// Still found, with this light.
    Found(Light),
    Exempt,
    Unjudged,
    /// No longer found.
    Over,
    /// No longer in the register.
    Gone,
}

/// One finding that stood red long enough.
#[derive(Clone, Debug)]
pub struct AccountabilityLine {
    pub rule: usize,
    pub key: String,
    pub name: String,
    pub project: String,
    /// `None` = the register names no known unit.
    pub owner: Option<UnitId>,
    pub unit: String,
    /// Closed quarters in a row, red at their end and waiting for nobody.
    pub quarters: u32,
    /// Who was named at the quarters' ends, newest first, each once.
    pub leaders: Vec<String>,
    pub officers: Vec<String>,
    pub due_on: Option<NaiveDate>,
    pub now: Now,
    pub cause: String,
    /// 豁免、延期、异议 ever granted for it, in words.
    pub exemptions: Vec<String>,
    /// Difficulties that the unit reported or raised, in words.
    pub difficulties: Vec<String>,
    /// What the unit itself wrote: reasons, measures, dates.
    pub statements: Vec<String>,
    pub place: String,
}

/// What the list is made of. Lines come in any order.
#[derive(Clone, Debug)]
pub struct Accountability<'a> {
    pub policy: &'a Policy,
    pub office: &'a str,
    pub as_of: NaiveDate,
    /// Closed quarters in a row from which a finding is listed.
    pub quarters: u32,
    /// The closed quarters looked at, newest first: title and the run that closed it.
    pub closed: &'a [(String, String)],
    pub lines: Vec<AccountabilityLine>,
    /// Findings left out at the newest quarter's end because another unit owes an answer.
    pub waiting: usize,
    /// Findings left out there because they were exempt.
    pub exempt: usize,
}

const UNIT_HEADS: [(&str, f64); 7] = [
    ("序号", 6.0),
    ("责任单位", 26.0),
    ("类别", 16.0),
    ("市（州）", 20.0),
    ("事项数", 9.0),
    ("涉及项目数", 11.0),
    ("最长连续季度数", 12.0),
];
const PERSON_HEADS: [(&str, f64); 7] =
    [("序号", 6.0), ("责任单位", 26.0), ("姓名", 14.0), ("身份", 12.0), ("事项数", 9.0), ("最长连续季度数", 12.0), ("编号", 46.0)];
const LINE_HEADS: [(&str, f64); 18] = [
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

/// Builds the list.
pub fn accountability(facts: &Accountability<'_>) -> Workbook<'static> {
    let mut lines: Vec<&AccountabilityLine> = facts.lines.iter().collect();
    lines.sort_by_key(|line| (line.owner.is_none(), line.owner, line.unit.clone(), line.rule, line.key.clone()));
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
    let units = unit_rows(facts, &lines);
    let sum = (units.len() > 1).then_some((units.len(), lines.len()));
    let mut sheets = vec![
        notes(facts, lines.len(), units.len()),
        sheet("按单位", "责任追究建议清单（按单位）", facts, &UNIT_HEADS, units, false),
        sheet("按责任人", "责任追究建议清单（按责任人）", facts, &PERSON_HEADS, person_rows(&lines), false),
        sheet("事项明细", "责任追究建议清单（事项明细）", facts, &LINE_HEADS, line_rows(facts, &lines), true),
    ];
    if let Some((count, total)) = sum {
        let list = &mut sheets[1];
        let first = list.rows.len() - count;
        let mut cells = vec![Value::Blank; UNIT_HEADS.len()];
        (cells[1], cells[4]) = (Value::text("合计"), Value::count(total));
        list.rows.push(Row { role: Role::Total, cells, height: Some(20.0), ..Row::default() });
        let at = |row: usize| At { sheet: 1, row, column: 4 };
        book.sums.push(Sum { total: at(first + count), parts: (first..first + count).map(at).collect() });
    }
    for sheet in &mut sheets {
        sheet.paginate();
        sheet.header = "内部资料　仅供省级办公室研究使用".into();
        sheet.footer = format!("截至{}", chinese_date(facts.as_of));
    }
    book.sheets = sheets;
    book
}

fn notes(facts: &Accountability<'_>, lines: usize, units: usize) -> Sheet<'static> {
    let mut sheet =
        Sheet { name: "说明".into(), columns: vec![Column { width: 92.0, ..Column::default() }], paper: Paper::A4, ..Sheet::default() };
    sheet.banner(Role::Title, "责任追究建议清单");
    sheet.banner(Role::Subtitle, format!("{}　　截至{}", facts.office, chinese_date(facts.as_of)));
    let quarters: Vec<&str> = facts.closed.iter().map(|(title, _)| title.as_str()).collect();
    let quarters = if quarters.is_empty() { "无".to_owned() } else { quarters.join("、") };
    let paragraphs = [
        format!(
            "本清单依据{}、{}编制，只列连续{}个以上已结束的季度、每个季度末均为红灯的事项，供省级办公室研究，不作结论，不发送任何单位。",
            clause("一(一)4"),
            clause("四3"),
            facts.quarters
        ),
        format!("查阅的已结束季度：{quarters}。季度末的灯色取自当时执行的季度督办，没有执行的季度不计，也不连续。"),
        format!("列入{lines}项，涉及{units}个单位。单位按行政区划顺序排列，不排名次。"),
        format!(
            "未计入：最近一个季度末因其他单位未答复困难问题而等待的{}项，已批准豁免、延期或异议的{}项。此前任一季度末有上述情形的，该季度不计。",
            facts.waiting, facts.exempt
        ),
        "每项均附原因、豁免、已提出的困难问题和单位自己的说明；提出建议前应听取单位和本人的陈述，填入最后两栏。".to_owned(),
    ];
    for text in paragraphs {
        sheet.banner(Role::Paragraph, text);
    }
    if (facts.closed.len() as u32) < facts.quarters {
        let text = format!("本服务已结束的季度只有{}个，不足{}个，没有可以列入的事项。", facts.closed.len(), facts.quarters);
        sheet.banner(Role::Paragraph, text);
    }
    for (title, run) in facts.closed {
        sheet.banner(Role::Note, format!("{title}：{run}"));
    }
    sheet
}

fn sheet(name: &str, title: &str, facts: &Accountability<'_>, heads: &[(&str, f64)], mut body: Vec<Row>, wide: bool) -> Sheet<'static> {
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
    sheet.banner(Role::Subtitle, format!("截至{}　　共{}{}", chinese_date(facts.as_of), body.len(), if wide { "项" } else { "行" }));
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

fn unit_rows(facts: &Accountability<'_>, lines: &[&AccountabilityLine]) -> Vec<Row> {
    let units = &facts.policy.units;
    let mut by_unit: BTreeMap<(bool, Option<UnitId>, &str), Vec<&AccountabilityLine>> = BTreeMap::new();
    for line in lines {
        by_unit.entry((line.owner.is_none(), line.owner, line.unit.as_str())).or_default().push(line);
    }
    by_unit
        .into_iter()
        .enumerate()
        .map(|(number, ((_, owner, unit), lines))| {
            let mut projects: Vec<&str> = lines.iter().map(|line| line.project.as_str()).filter(|code| !code.is_empty()).collect();
            projects.sort_unstable();
            projects.dedup();
            let city = owner.and_then(|owner| units.city_of(owner)).map_or("", |city| units.units[city].name.as_str());
            Row {
                cells: vec![
                    Value::count(number + 1),
                    Value::text(if unit.is_empty() { "责任单位不明" } else { unit }),
                    Value::text(owner.map_or("待核", |owner| Level::title(units.units[owner].level))),
                    Value::text(city),
                    Value::count(lines.len()),
                    Value::count(projects.len()),
                    Value::count(lines.iter().map(|line| line.quarters).max().unwrap_or(0)),
                ],
                ..Row::default()
            }
        })
        .collect()
}

fn person_rows(lines: &[&AccountabilityLine]) -> Vec<Row> {
    type Key<'a> = (bool, Option<UnitId>, &'a str, &'static str, &'a str);
    let mut by_person: BTreeMap<Key<'_>, Vec<&AccountabilityLine>> = BTreeMap::new();
    for line in lines {
        for (what, names) in [("责任领导", &line.leaders), ("责任人", &line.officers)] {
            for name in names {
                by_person.entry((line.owner.is_none(), line.owner, &line.unit, what, name)).or_default().push(line);
            }
        }
    }
    by_person
        .into_iter()
        .enumerate()
        .map(|(number, ((_, _, unit, what, name), lines))| Row {
            cells: vec![
                Value::count(number + 1),
                Value::text(unit),
                Value::text(name),
                Value::text(what),
                Value::count(lines.len()),
                Value::count(lines.iter().map(|line| line.quarters).max().unwrap_or(0)),
                Value::text(lines.iter().map(|line| line.key.as_str()).collect::<Vec<_>>().join("、")),
            ],
            ..Row::default()
        })
        .collect()
}

fn line_rows(facts: &Accountability<'_>, lines: &[&AccountabilityLine]) -> Vec<Row> {
    let people = |names: &[String]| if names.is_empty() { "未写明".to_owned() } else { names.join("、") };
    let several = |texts: &[String], none: &str| if texts.is_empty() { none.to_owned() } else { texts.join("\n") };
    lines
        .iter()
        .enumerate()
        .map(|(number, line)| {
            let rule = &facts.policy.rules[line.rule];
            Row {
                cells: vec![
                    Value::count(number + 1),
                    Value::text(line.unit.clone()),
                    Value::text(people(&line.leaders)),
                    Value::text(people(&line.officers)),
                    Value::text(rule.title.clone()),
                    Value::text(line.key.clone()),
                    Value::text(line.name.clone()),
                    Value::text(clause(&rule.basis)),
                    Value::count(line.quarters),
                    line.due_on.map_or(Value::Blank, Value::Date),
                    match line.now {
                        Now::Found(light) => Value::Light(light),
                        Now::Exempt => Value::text("豁免"),
                        Now::Unjudged => Value::text("无法判定"),
                        Now::Over => Value::text("已办结"),
                        Now::Gone => Value::text("台账中未见"),
                    },
                    Value::text(line.cause.clone()),
                    Value::text(several(&line.difficulties, "未提出")),
                    Value::text(several(&line.exemptions, "无")),
                    Value::text(several(&line.statements, "未填报")),
                    Value::text(line.place.clone()),
                    Value::Blank,
                    Value::Blank,
                ],
                ..Row::default()
            }
        })
        .collect()
}
