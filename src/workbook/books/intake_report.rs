//! 导入报告: what became of each row of one file, what has to be mended by whom, and what came and went.
//!
//! The sheets are planned from counts; their lines come one by one while the file is written, because there may be hundreds of thousands.

mod columns;

use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::register::ledger::{Ledger, Role as FieldRole};
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::workbook::model::grid;
use crate::workbook::model::{At, Column, Role, Row, Sheet, Sum, Value, Workbook, fit_heights};
use crate::workbook::provenance::source_title;
use crate::workbook::sheet_builder::LIST_ROWS_MAX;
use crate::workbook::sheets::cover::{COLUMNS, spread, table};
use chrono::NaiveDate;

/// What a ledger of the file is beside the snapshot that was in force before.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Number and day of the earlier one; `None` = this is the first.
    pub base: Option<(i64, NaiveDate)>,
    pub added: usize,
    pub changed: usize,
    pub gone: usize,
    /// Titles of the fields that the earlier one had columns for and this one has not.
    pub lost: Vec<String>,
}

/// How one ledger of the file came out.
#[derive(Clone, Debug)]
pub struct LedgerFacts {
    /// Index in the policy.
    pub ledger: usize,
    pub seq: i64,
    pub covers_on: NaiveDate,
    /// Another file brought the same content before.
    pub identical: bool,
    /// Why the snapshot is held; empty = it is in force.
    pub held_because: String,
    pub accounts: Vec<SheetAccount>,
    pub quarantined: usize,
    pub warnings: usize,
    pub skipped: usize,
    pub compared: Compared,
}

/// What the report tells of one file.
#[derive(Clone, Debug)]
pub struct IntakeFacts<'a> {
    pub policy: &'a Policy,
    pub office: &'a str,
    pub file: &'a str,
    pub sha256: &'a str,
    pub source: &'a str,
    pub covers_on: NaiveDate,
    pub ledgers: &'a [LedgerFacts],
    /// Sheets that were not read, with the reason.
    pub unread: &'a [(String, String)],
}

/// A code that is new or gone.
#[derive(Clone, Debug, Default)]
pub struct CodeLine {
    pub gone: bool,
    pub ledger: usize,
    pub code: String,
    pub name: String,
    pub unit: String,
    pub place: String,
}

/// The planned workbook, and how its lines are made.
pub struct IntakeReport<'a> {
    pub book: Workbook<'static>,
    facts: &'a IntakeFacts<'a>,
    /// More than one ledger: every line names its own.
    several: bool,
    notes: Vec<Column>,
    skipped: Vec<Column>,
    codes: Vec<Column>,
}

const NOTE_HEADS: [(&str, f64); 11] = [
    ("序号", 6.0),
    ("责任单位", 14.0),
    ("台账", 11.0),
    ("工作表", 13.0),
    ("单元格", 9.0),
    ("编号", 14.5),
    ("名称", 20.0),
    ("栏目", 12.0),
    ("原文", 16.0),
    ("原因", 30.0),
    ("怎样改", 26.0),
];
const SKIPPED_HEADS: [(&str, f64); 6] = [("序号", 6.0), ("台账", 12.0), ("工作表", 18.0), ("行", 9.0), ("原文", 60.0), ("原因", 26.0)];
const CODE_HEADS: [(&str, f64); 7] = [
    ("序号", 6.0),
    ("类别", 8.0),
    ("台账", 12.0),
    ("编号", 18.0),
    ("名称", 36.0),
    ("责任单位", 20.0),
    ("所在位置（消失的为最后一次所在位置）", 42.0),
];

/// The place of a unit's lines: units in administrative order, names nobody knows behind them, lines without a unit last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitRank {
    Known(UnitId),
    Unknown(String),
    None,
}

/// Where the lines of a unit name stand in the report.
pub fn unit_rank(policy: &Policy, name: &str) -> UnitRank {
    match policy.units.find(name) {
        _ if name.trim().is_empty() => UnitRank::None,
        Some(unit) => UnitRank::Known(unit),
        None => UnitRank::Unknown(name.to_owned()),
    }
}

/// Plans the report of a file.
pub fn plan<'a>(facts: &'a IntakeFacts<'a>) -> IntakeReport<'a> {
    plan_within(facts, LIST_ROWS_MAX)
}

fn plan_within<'a>(facts: &'a IntakeFacts<'a>, lines_max: usize) -> IntakeReport<'a> {
    let several = facts.ledgers.len() > 1;
    let columns = |heads: &[(&str, f64)]| -> Vec<Column> {
        heads
            .iter()
            .filter(|(head, _)| several || *head != "台账")
            .map(|(_, width)| Column { width: *width, ..Column::default() })
            .collect()
    };
    let title = format!("导入报告（{}）", facts.file);
    let book = Workbook {
        title: title.clone(),
        subject: "台账导入情况及待核事项".into(),
        keywords: "导入,待核".into(),
        description: format!("数据截至{}", chinese_date(facts.covers_on)),
        author: facts.office.to_owned(),
        created: facts.covers_on,
        ..Workbook::default()
    };
    let mut report =
        IntakeReport { book, facts, several, notes: columns(&NOTE_HEADS), skipped: columns(&SKIPPED_HEADS), codes: columns(&CODE_HEADS) };
    let sum = |count: fn(&LedgerFacts) -> usize| facts.ledgers.iter().map(count).sum::<usize>();
    let quarantined = sum(|ledger| ledger.quarantined);
    let warnings = sum(|ledger| ledger.warnings);
    let skipped = sum(|ledger| ledger.skipped);
    let codes = sum(|ledger| if ledger.compared.base.is_some() { ledger.compared.added + ledger.compared.gone } else { 0 });
    let lists = [
        (
            "待核行",
            quarantined,
            "本表列没有入库、需要改正的行。请各责任单位按“怎样改”一栏在原文件中改正，再把改好的文件重新导入；同一行有几处要改的，分几条列出。",
        ),
        ("提示", warnings, "本表列不影响入库、但需要看一看的内容。请各责任单位核对，有误的在原文件中改正后重新导入，无误的不用处理。"),
        (
            "未作数据的行",
            skipped,
            "本表列没有当作数据的行，如合计、标题、备注。请看一遍：如其中有真正的数据，请补上编号后重新导入；没有的不用处理。",
        ),
        (
            "新增与消失",
            codes,
            "本表列与上一次相比新增和消失的编号。请核对消失的：漏报的，补报后重新导入；确已退出的，报办公室用 duban snapshot confirm-gone 确认。",
        ),
    ];
    // the first sheet links to the others, so their places are settled before it is made
    let mut at = 1;
    let contents: Vec<(&str, usize, usize)> = lists
        .iter()
        .map(|(name, count, _)| {
            let sheet = at;
            at += count.div_ceil(lines_max);
            (*name, *count, sheet)
        })
        .collect();
    let cover = report.cover(&contents);
    report.book.sheets.push(cover);
    for (name, count, advice) in &lists {
        let parts = count.div_ceil(lines_max);
        for part in 0..parts {
            let lines = (count - part * lines_max).min(lines_max);
            let mut sheet = report.list(name, advice, *count, lines);
            if parts > 1 {
                sheet.name = format!("{name}（{}）", part + 1);
            }
            report.book.sheets.push(sheet);
        }
    }
    for sheet in &mut report.book.sheets {
        sheet.header.clone_from(&title);
        sheet.footer = format!("截至{}", chinese_date(facts.covers_on));
    }
    report
}

impl IntakeReport<'_> {
    /// A sheet of lines: what it is, title, figures, head; the lines follow while the file is written.
    fn list(&self, name: &str, advice: &str, count: usize, lines: usize) -> Sheet<'static> {
        let (heads, columns): (&[(&str, f64)], &[Column]) = match name {
            "未作数据的行" => (&SKIPPED_HEADS, &self.skipped),
            "新增与消失" => (&CODE_HEADS, &self.codes),
            _ => (&NOTE_HEADS, &self.notes),
        };
        let mut sheet = Sheet { name: name.to_owned(), landscape: true, columns: columns.to_vec(), ..Sheet::default() };
        sheet.banner(Role::Paragraph, advice);
        sheet.banner(Role::Title, name);
        sheet.banner(
            Role::Subtitle,
            match name {
                "新增与消失" => self.compared().join("；"),
                _ => format!("{}　　截至{}　　共{count}条", self.facts.file, chinese_date(self.facts.covers_on)),
            },
        );
        let head = sheet.rows.len();
        let cells: Vec<Value> =
            heads.iter().filter(|(head, _)| self.several || *head != "台账").map(|(head, _)| Value::text(self.head(head))).collect();
        sheet.rows.push(Row { role: Role::Head, cells, height: Some(24.0), ..Row::default() });
        sheet.streamed = lines;
        sheet.filter = Some((head, head + lines));
        sheet.freeze = Some((head + 1, 0));
        sheet.repeat = Some((head, head));
        sheet
    }

    /// 编号 and 名称 as the one ledger of the file calls them.
    fn head(&self, head: &str) -> String {
        let role = match head {
            "编号" => FieldRole::Code,
            "名称" => FieldRole::Name,
            _ => return head.to_owned(),
        };
        match self.facts.ledgers {
            [only] => {
                let ledger = &self.facts.policy.ledgers[only.ledger];
                ledger.role(role).map_or(head.to_owned(), |field| ledger.fields[field].title.clone())
            }
            _ => head.to_owned(),
        }
    }

    fn ledger(&self, index: usize) -> &Ledger {
        &self.facts.policy.ledgers[index]
    }

    /// A line of 待核行 or 提示.
    pub fn note(&self, number: usize, ledger: usize, sheets: &[String], note: &Note) -> Row {
        let unit = match unit_rank(self.facts.policy, &note.unit) {
            UnitRank::Known(unit) => self.facts.policy.units.units[unit].name.clone(),
            UnitRank::Unknown(name) => name,
            UnitRank::None => "（责任单位不明）".to_owned(),
        };
        let hint = match (note.hint.as_str(), note.kind) {
            ("", NoteKind::Quarantined) => "请改正后重新导入",
            ("", _) => "请核对",
            (hint, _) => hint,
        };
        let mut cells = vec![Value::count(number), Value::text(unit)];
        self.push_ledger(&mut cells, ledger);
        cells.extend([
            Value::text(sheet_name(sheets, note.sheet)),
            Value::text(self.cell(ledger, sheets, note)),
            Value::text(note.code.clone()),
            Value::text(note.name.clone()),
            Value::text(note.field.clone()),
            Value::text(note.raw.clone()),
            Value::text(note.reason.clone()),
            Value::text(hint),
        ]);
        line(cells, &self.notes)
    }

    /// The cell of a note; that of its field's column where the note names only its row.
    fn cell(&self, ledger: usize, sheets: &[String], note: &Note) -> String {
        if !note.cell.is_empty() {
            return note.cell.clone();
        }
        let field = self.ledger(ledger).fields.iter().find(|field| note.row > 0 && field.title == note.field);
        let sheet = sheet_name(sheets, note.sheet);
        let letters = field.and_then(|field| {
            let accounts = self.facts.ledgers.iter().filter(|facts| facts.ledger == ledger).flat_map(|facts| &facts.accounts);
            let account = accounts.into_iter().find(|account| account.sheet == sheet)?;
            account.columns.iter().find(|(id, _)| *id == field.id).map(|(_, letters)| letters)
        });
        letters.map_or_else(|| row_text(note.row), |letters| format!("{letters}{}", note.row))
    }

    /// A line of 未作数据的行.
    pub fn skipped(&self, number: usize, ledger: usize, sheets: &[String], note: &Note) -> Row {
        let mut cells = vec![Value::count(number)];
        self.push_ledger(&mut cells, ledger);
        cells.extend([
            Value::text(sheet_name(sheets, note.sheet)),
            Value::text(row_text(note.row)),
            Value::text(if note.raw.is_empty() { note.code.clone() } else { note.raw.clone() }),
            Value::text(note.reason.clone()),
        ]);
        line(cells, &self.skipped)
    }

    /// A line of 新增与消失.
    pub fn code(&self, number: usize, code: &CodeLine) -> Row {
        let mut cells = vec![Value::count(number), Value::text(if code.gone { "消失" } else { "新增" })];
        self.push_ledger(&mut cells, code.ledger);
        cells.extend([
            Value::text(code.code.clone()),
            Value::text(code.name.clone()),
            Value::text(code.unit.clone()),
            Value::text(code.place.clone()),
        ]);
        line(cells, &self.codes)
    }

    fn push_ledger(&self, cells: &mut Vec<Value>, ledger: usize) {
        if self.several {
            cells.push(Value::text(self.ledger(ledger).title.clone()));
        }
    }

    /// One sentence a ledger: how it stands to the snapshot before.
    fn compared(&self) -> Vec<String> {
        self.facts
            .ledgers
            .iter()
            .map(|facts| {
                let title = &self.ledger(facts.ledger).title;
                let compared = &facts.compared;
                match compared.base {
                    _ if facts.identical => format!("{title}与第{}次快照相同，没有变化", facts.seq),
                    None => format!("{title}是第一次读入，共{}个编号，没有可比的上一次", compared.added),
                    Some((seq, day)) => format!(
                        "{title}与第{seq}次快照（截至{}）相比：新增{}，变更{}，消失{}",
                        chinese_date(day),
                        compared.added,
                        compared.changed,
                        compared.gone
                    ),
                }
            })
            .collect()
    }

    /// 说明: the account of every row, the columns, what was not read.
    fn cover(&mut self, contents: &[(&str, usize, usize)]) -> Sheet<'static> {
        let facts = self.facts;
        let mut sheet = Sheet { name: "说明".into(), columns: grid(20.0, 12.0, COLUMNS), ..Sheet::default() };
        let todo = contents.first().map_or(0, |(_, count, _)| *count);
        let listed = contents.iter().filter(|(name, count, _)| *count > 0 && ["提示", "新增与消失"].contains(name));
        let listed: Vec<String> = listed.map(|(name, ..)| format!("“{name}”")).collect();
        let held = facts.ledgers.iter().any(|ledger| !ledger.held_because.is_empty());
        sheet.banner(
            Role::Paragraph,
            match (held, todo) {
                (true, _) => "本表说明文件中每一行的去向。本次数据与上一次差异过大，暂缓生效：请先核对下面所列差异，无误的由办公室放行，有误的改正后重新导入。".to_owned(),
                (false, 0) if listed.is_empty() => "本表说明文件中每一行的去向。本次没有待核的行和提示，不用处理。".to_owned(),
                (false, 0) => {
                    format!("本表说明文件中每一行的去向。本次没有待核的行，请看一遍{}，无误的不用处理。", listed.join("和"))
                }
                (false, _) => "本表说明文件中每一行的去向。请先看“待核行”，在原文件中逐条改正后重新导入。".to_owned(),
            },
        );
        sheet.banner(Role::Title, "导入报告");
        sheet.banner(
            Role::Subtitle,
            format!(
                "{}　　文件：{}　　来源：{}　　截至{}",
                facts.office,
                facts.file,
                source_title(facts.source),
                chinese_date(facts.covers_on)
            ),
        );
        sheet.banner(Role::Section, "一、读入结果");
        self.accounts(&mut sheet);
        sheet.banner(Role::Section, "二、表页");
        table(&mut sheet, Role::Head, &[(0, "表页"), (2, "条数"), (3, "说明")]);
        for ((name, count, at), what) in contents.iter().zip([
            "没有入库的行：改正后重新导入",
            "不影响入库、需要看一看的内容",
            "合计、标题、备注等没有当作数据的行",
            "与上一次相比新增和消失的编号",
        ]) {
            // what is empty has no sheet
            let link = if *count > 0 { Value::Link { text: (*name).to_owned(), sheet: *at } } else { Value::text(*name) };
            spread(&mut sheet, Role::Body, vec![(0, link), (2, Value::count(*count)), (3, Value::text(what))]);
        }
        sheet.banner(Role::Section, "三、各栏取自哪一列");
        self.columns(&mut sheet);
        sheet.banner(Role::Section, "四、文件中没有的栏目");
        self.lacking(&mut sheet);
        sheet.banner(Role::Section, "五、没有读取的列");
        self.unknown(&mut sheet);
        sheet.banner(Role::Section, "六、没有读取的工作表");
        if facts.unread.is_empty() {
            sheet.banner(Role::Paragraph, "无，全部工作表都已读取。");
        } else {
            table(&mut sheet, Role::Head, &[(0, "工作表"), (3, "没有读取的原因")]);
            for (name, reason) in facts.unread {
                let name = if name.is_empty() { "（未命名）" } else { name };
                spread(&mut sheet, Role::Body, vec![(0, Value::text(name)), (3, Value::text(reason.clone()))]);
            }
        }
        sheet.banner(Role::Note, format!("文件指纹（sha256）：{}", facts.sha256));
        sheet
    }

    /// Per sheet and ledger: read = accepted + quarantined + skipped, checked again by the balance of the workbook.
    fn accounts(&mut self, sheet: &mut Sheet<'_>) {
        let facts = self.facts;
        table(
            sheet,
            Role::Head,
            &[
                (0, "台账"),
                (1, "工作表"),
                (3, "读入"),
                (4, "入库"),
                (5, "待核"),
                (6, "未作数据"),
                (7, "其中隐藏行"),
                (8, "读入=入库+待核+未作数据"),
            ],
        );
        let mut rows = Vec::new();
        for ledger in facts.ledgers {
            for account in &ledger.accounts {
                rows.push(sheet.rows.len());
                self.account(sheet, Role::Body, &self.ledger(ledger.ledger).title, account);
            }
        }
        let mut total = SheetAccount { sheet: "合计".into(), ..SheetAccount::default() };
        for account in facts.ledgers.iter().flat_map(|ledger| &ledger.accounts) {
            total.read += account.read;
            total.accepted += account.accepted;
            total.quarantined += account.quarantined;
            total.skipped += account.skipped;
            total.hidden_rows += account.hidden_rows;
        }
        let at = |row: usize, column: usize| At { sheet: 0, row, column };
        let last = sheet.rows.len();
        self.account(sheet, Role::Total, "", &total);
        for column in 3..=7 {
            self.book.sums.push(Sum { total: at(last, column), parts: rows.iter().map(|row| at(*row, column)).collect() });
        }
        for row in rows.into_iter().chain([last]) {
            self.book.sums.push(Sum { total: at(row, 3), parts: vec![at(row, 4), at(row, 5), at(row, 6)] });
        }
        for (ledger, compared) in facts.ledgers.iter().zip(self.compared()) {
            let state = match ledger.held_because.as_str() {
                "" => "已生效".to_owned(),
                reason if ledger.accounts.iter().all(|account| account.accepted == 0) => {
                    format!("暂缓生效（{reason}），上一次的数据继续有效；文件中没有可以入库的行，不得放行，请改正后重新导入")
                }
                reason => format!(
                    "暂缓生效（{reason}），上一次的数据继续有效；核对无误的，执行 duban snapshot release {} {} {} 放行",
                    self.ledger(ledger.ledger).id,
                    facts.source,
                    ledger.seq
                ),
            };
            sheet.banner(
                Role::Paragraph,
                format!("第{}次快照（截至{}），{state}。{compared}。", ledger.seq, chinese_date(ledger.covers_on)),
            );
        }
        if total.hidden_rows > 0 {
            sheet.banner(
                Role::Paragraph,
                format!("文件中有{}行处于隐藏状态，已照常读取；如不应上报，请删除后重新导入。", total.hidden_rows),
            );
        }
    }

    fn account(&self, sheet: &mut Sheet<'_>, role: Role, ledger: &str, account: &SheetAccount) {
        let values = vec![
            (0, Value::text(ledger)),
            (1, Value::text(account.sheet.clone())),
            (3, Value::count(account.read)),
            (4, Value::count(account.accepted)),
            (5, Value::count(account.quarantined)),
            (6, Value::count(account.skipped)),
            (7, Value::count(account.hidden_rows)),
            (8, Value::text(if account.adds_up() { "相符" } else { "不符，请报告程序维护人员" })),
        ];
        spread(sheet, role, values);
    }
}

fn sheet_name(sheets: &[String], sheet: u32) -> &str {
    sheets.get(sheet as usize).map_or("", String::as_str)
}

fn row_text(row: u32) -> String {
    if row == 0 { "全表".to_owned() } else { format!("第{row}行") }
}

/// A line as high as its texts need in the columns of its sheet.
fn line(cells: Vec<Value>, columns: &[Column]) -> Row {
    let mut rows = [Row { cells, ..Row::default() }];
    fit_heights(&mut rows, columns);
    let [row] = rows;
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::{Config, read_files};
    use crate::domain::intake::raw::{Raw, RawRow};
    use crate::domain::intake::sheet::SheetIntake;
    use crate::report::xlsx;
    use crate::workbook::balance::tie_out;
    use crate::workbook::model::text_width;
    use std::path::Path;

    fn config() -> Config {
        let mut files = read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        files.retain(|path, _| !path.starts_with("jobs/"));
        Config::parse(files).unwrap()
    }

    fn note(number: usize) -> Note {
        Note {
            kind: NoteKind::Quarantined,
            sheet: 0,
            row: number as u32 + 5,
            cell: format!("P{}", number + 5),
            field: "签约时间".into(),
            code: format!("GZ{number}"),
            name: "甲项目".into(),
            unit: "瓮安县".into(),
            raw: "=2023-02-30".into(),
            reason: "这一天不存在".into(),
            hint: String::new(),
            restricted: false,
        }
    }

    #[test]
    fn more_lines_than_a_sheet_takes_go_on_in_the_next() {
        let config = config();
        let accounts = vec![SheetAccount { sheet: "甲".into(), read: 9, accepted: 4, quarantined: 5, ..SheetAccount::default() }];
        let covers_on = NaiveDate::from_ymd_opt(2026, 9, 30).unwrap();
        let ledgers = [LedgerFacts {
            ledger: 0,
            seq: 1,
            covers_on,
            identical: false,
            held_because: String::new(),
            accounts,
            quarantined: 5,
            warnings: 0,
            skipped: 0,
            compared: Compared::default(),
        }];
        let facts = IntakeFacts {
            policy: &config.policy,
            office: "办公室",
            file: "台账.xlsx",
            sha256: "ab",
            source: "import",
            covers_on,
            ledgers: &ledgers,
            unread: &[],
        };
        let report = plan_within(&facts, 2);
        let names: Vec<(&str, usize)> = report.book.sheets.iter().map(|sheet| (sheet.name.as_str(), sheet.streamed)).collect();
        let expected = [("说明", 0), ("待核行（1）", 2), ("待核行（2）", 2), ("待核行（3）", 1)];
        assert_eq!(names, expected);
        assert!(report.book.sheets.iter().all(|sheet| sheet.rows[0].role == Role::Paragraph), "each sheet begins with what to do");
        assert!(tie_out(&report.book).is_empty(), "{:?}", tie_out(&report.book));
        let sheets = ["甲".to_owned()];
        let written = |count: usize| {
            let mut lines = (1..=count).map(|number| report.note(number, 0, &sheets, &note(number)));
            xlsx::render_into(&report.book, &mut || lines.next(), &mut Vec::new())
        };
        assert!(written(5).is_ok());
        assert!(written(4).is_err(), "a line is missing");
        assert!(written(6).is_err(), "a line is left");
    }

    /// A clerk sees each column nothing was read from, and the one it may stand for.
    #[test]
    fn columns_that_name_no_field_are_listed() {
        let config = config();
        let project = config.policy.project_ledger().unwrap();
        let rows = ["项目编号,项目名称,投资额（万元）,镇街", "GZ1,甲项目,100,某镇"];
        let mut intake = SheetIntake::new(&config.policy.ledgers, 0, "甲", Vec::new(), NaiveDate::MAX);
        for (number, row) in rows.iter().enumerate() {
            let cells = row.split(',').enumerate().map(|(column, text)| (column as u16, Raw::Text(text.into()))).collect();
            intake.push(RawRow { number: number as u32 + 1, hidden: false, cells }, &mut Vec::new());
        }
        intake.finish(&mut Vec::new());
        assert_eq!(intake.account.unknown, [("C".to_owned(), "投资额（万元）".to_owned()), ("D".to_owned(), "镇街".to_owned())]);
        let covers_on = NaiveDate::from_ymd_opt(2026, 9, 30).unwrap();
        let ledgers = [LedgerFacts {
            ledger: project,
            seq: 1,
            covers_on,
            identical: false,
            held_because: String::new(),
            accounts: vec![intake.account],
            quarantined: 0,
            warnings: 0,
            skipped: 0,
            compared: Compared::default(),
        }];
        let facts = IntakeFacts {
            policy: &config.policy,
            office: "办公室",
            file: "台账.xlsx",
            sha256: "ab",
            source: "import",
            covers_on,
            ledgers: &ledgers,
            unread: &[],
        };
        let report = plan(&facts);
        let said: Vec<String> = report.book.sheets[0].rows.iter().map(|row| format!("{:?}", row.cells)).collect();
        let line = |head: &str| said.iter().find(|row| row.contains(head)).unwrap().as_str();
        assert!(line("投资额（万元）").contains("请将表头改为“合同投资额（亿元）”"), "{}", line("投资额（万元）"));
        assert!(line("镇街").contains("台账没有相应栏目"), "{}", line("镇街"));
    }

    #[test]
    fn units_stand_in_administrative_order_and_unknown_ones_behind() {
        let config = config();
        let mut ranks: Vec<UnitRank> = ["", "某县", "瓮安县", "贵阳市", " "].iter().map(|name| unit_rank(&config.policy, name)).collect();
        ranks.sort();
        assert!(matches!(ranks[..], [UnitRank::Known(_), UnitRank::Known(_), UnitRank::Unknown(_), UnitRank::None, UnitRank::None]));
    }

    #[test]
    fn a_column_holds_its_head() {
        for (head, width) in NOTE_HEADS.iter().chain(&SKIPPED_HEADS).chain(&CODE_HEADS[..6]) {
            assert!(text_width(head) + 1.0 <= *width, "{head}");
        }
    }
}
