//! 导入报告: what became of each row of an imported file, what each unit has to correct, and which codes are new or gone.
//!
//! The sheets are planned from counts. Their rows are streamed while the file is written, because there may be hundreds of thousands.

mod columns;
mod lists;

use crate::domain::intake::note::{Note, NoteKind, SheetAccount};
use crate::domain::register::ledger::{Ledger, Role as FieldRole};
use crate::domain::register::period::chinese_date;
use crate::domain::register::snapshot::source_title;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::workbook::books::intake_report::lists::{CODE_HEADS, ListKind, NOTE_HEADS, PlannedList, SKIPPED_HEADS};
use crate::workbook::build::mark_restricted;
use crate::workbook::model::grid;
use crate::workbook::model::{At, Column, Role, Row, Sheet, Sum, Value, Workbook, fit_heights};
use crate::workbook::sheet_builder::LIST_ROWS_MAX;
use crate::workbook::spanning::{COLUMNS, add_spanning_row, add_spanning_texts};
use chrono::NaiveDate;

/// How the new snapshot of a ledger differs from the previous one in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct SnapshotComparison {
    /// Number and day of the previous snapshot; `None` = this is the first.
    pub(crate) previous: Option<(i64, NaiveDate)>,
    pub(crate) added: usize,
    pub(crate) changed: usize,
    pub(crate) gone: usize,
    /// Titles of the fields that had a column in the previous snapshot and have none now.
    pub(crate) lost_fields: Vec<String>,
}

/// What became of one ledger of the file.
#[derive(Clone, Debug)]
pub(crate) struct LedgerIntake {
    /// Index in the policy.
    pub(crate) ledger: usize,
    /// Number of the snapshot.
    pub(crate) seq: i64,
    pub(crate) covers_on: NaiveDate,
    /// An earlier file had the same content.
    pub(crate) identical: bool,
    /// Why the snapshot is held; empty = it is in force.
    pub(crate) held_because: String,
    pub(crate) accounts: Vec<SheetAccount>,
    pub(crate) quarantined: usize,
    pub(crate) warnings: usize,
    pub(crate) skipped: usize,
    pub(crate) comparison: SnapshotComparison,
}

/// Which lists hold a row of a restricted record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RestrictedLists {
    pub(crate) quarantined: bool,
    pub(crate) warnings: bool,
    pub(crate) skipped: bool,
    pub(crate) codes: bool,
}

impl RestrictedLists {
    fn has(self, kind: ListKind) -> bool {
        match kind {
            ListKind::Quarantined => self.quarantined,
            ListKind::Warnings => self.warnings,
            ListKind::Skipped => self.skipped,
            ListKind::Codes => self.codes,
        }
    }
}

/// The content of the report of one file, without the rows.
#[derive(Clone, Debug)]
pub(crate) struct IntakeFacts<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) office: &'a str,
    pub(crate) file: &'a str,
    pub(crate) sha256: &'a str,
    pub(crate) source: &'a str,
    pub(crate) covers_on: NaiveDate,
    pub(crate) ledgers: &'a [LedgerIntake],
    pub(crate) restricted: RestrictedLists,
    /// Names of the sheets that were not read, each with the reason.
    pub(crate) unread: &'a [(String, String)],
}

/// A code that is new or gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodeChange {
    /// `false` = new.
    pub(crate) gone: bool,
    /// Index in the policy.
    pub(crate) ledger: usize,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) unit: String,
    /// Where the record is in the file; for a code that is gone, where it was last.
    pub(crate) place: String,
    pub(crate) restricted: bool,
}

/// The planned workbook. Its methods make the rows that are streamed into it.
pub(crate) struct IntakeReport<'a> {
    pub(crate) book: Workbook<'static>,
    facts: &'a IntakeFacts<'a>,
    /// The file has several ledgers, so each row names its ledger.
    several_ledgers: bool,
    note_columns: Vec<Column>,
    skipped_columns: Vec<Column>,
    code_columns: Vec<Column>,
}

/// Sort key of a unit in the report: known units in administrative order, then unknown names, then rows without a unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UnitRank {
    Known(UnitId),
    Unknown(String),
    None,
}

/// The sort key of the rows of a unit, by the name in the register.
pub(crate) fn unit_rank(policy: &Policy, name: &str) -> UnitRank {
    match policy.units.find(name) {
        _ if name.trim().is_empty() => UnitRank::None,
        Some(unit) => UnitRank::Known(unit),
        None => UnitRank::Unknown(name.to_owned()),
    }
}

/// Plans the report of a file.
pub(crate) fn plan_report<'a>(facts: &'a IntakeFacts<'a>) -> IntakeReport<'a> {
    plan_within(facts, LIST_ROWS_MAX)
}

/// Plans the report with at most `rows_max` rows a sheet; a longer list continues on further sheets.
fn plan_within<'a>(facts: &'a IntakeFacts<'a>, rows_max: usize) -> IntakeReport<'a> {
    let several_ledgers = facts.ledgers.len() > 1;
    let columns = |heads: &[(&str, f64)]| -> Vec<Column> {
        heads
            .iter()
            .filter(|(head, _)| several_ledgers || *head != "台账")
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
    let mut report = IntakeReport {
        book,
        facts,
        several_ledgers,
        note_columns: columns(&NOTE_HEADS),
        skipped_columns: columns(&SKIPPED_HEADS),
        code_columns: columns(&CODE_HEADS),
    };
    // The cover comes first and links to the lists, so their sheets are numbered before it is built.
    let mut sheet = 1;
    let lists = ListKind::ALL.map(|kind| {
        let list = PlannedList { kind, count: row_count(kind, facts.ledgers), sheet };
        sheet += list.count.div_ceil(rows_max);
        list
    });
    let cover = report.cover(&lists);
    report.book.sheets.push(cover);
    for list in &lists {
        let parts = list.count.div_ceil(rows_max);
        for part in 0..parts {
            let rows = (list.count - part * rows_max).min(rows_max);
            let mut sheet = report.list_sheet(list, rows);
            if parts > 1 {
                sheet.name = format!("{}（{}）", list.kind.name(), part + 1);
            }
            report.book.sheets.push(sheet);
        }
    }
    mark_restricted(&mut report.book, &facts.policy.secrecy, Some(0));
    for sheet in &mut report.book.sheets {
        sheet.header.clone_from(&title);
        sheet.footer = format!("截至{}", chinese_date(facts.covers_on));
    }
    report
}

/// The number of rows of a list, over all ledgers of the file.
fn row_count(kind: ListKind, ledgers: &[LedgerIntake]) -> usize {
    let count = |ledger: &LedgerIntake| match kind {
        ListKind::Quarantined => ledger.quarantined,
        ListKind::Warnings => ledger.warnings,
        ListKind::Skipped => ledger.skipped,
        ListKind::Codes if ledger.comparison.previous.is_some() => ledger.comparison.added + ledger.comparison.gone,
        ListKind::Codes => 0,
    };
    ledgers.iter().map(count).sum()
}

impl IntakeReport<'_> {
    /// A sheet of a list with so many rows, which are streamed while the file is written.
    fn list_sheet(&self, list: &PlannedList, rows: usize) -> Sheet<'static> {
        let kind = list.kind;
        let columns = self.columns(kind).to_vec();
        let mut sheet = Sheet { name: kind.name().to_owned(), landscape: true, columns, ..Sheet::default() };
        sheet.banner(Role::Paragraph, kind.advice());
        sheet.banner(Role::Title, kind.name());
        sheet.subtitle(match kind {
            ListKind::Codes => self.comparisons().join("；"),
            _ => format!("{}　　截至{}　　共{}条", self.facts.file, chinese_date(self.facts.covers_on), list.count),
        });
        let head = sheet.rows.len();
        let cells: Vec<Value> = self.heads(kind).map(|(head, _)| Value::text(self.head(head))).collect();
        sheet.rows.push(Row { role: Role::Head, cells, height: Some(24.0), ..Row::default() });
        sheet.streamed = rows;
        sheet.restricted_lazily = self.facts.restricted.has(kind);
        sheet.filter = Some((head, head + rows));
        sheet.freeze = Some((head + 1, 0));
        sheet.repeat = Some((head, head));
        sheet
    }

    /// The title of a column. If the file has one ledger, 编号 and 名称 have the titles of its fields.
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

    /// A row of 待核行 or 提示.
    pub(crate) fn note_row(&self, number: usize, ledger: usize, sheets: &[String], note: &Note, restricted: bool) -> Row {
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
        self.row_of(cells, ListKind::Quarantined, "名称", restricted)
    }

    /// The cell of a note. If the note has only a row, the column is that of its field; without a column it is the row.
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

    /// A row of 未作数据的行.
    pub(crate) fn skipped_row(&self, number: usize, ledger: usize, sheets: &[String], note: &Note, restricted: bool) -> Row {
        let mut cells = vec![Value::count(number)];
        self.push_ledger(&mut cells, ledger);
        cells.extend([
            Value::text(sheet_name(sheets, note.sheet)),
            Value::text(row_text(note.row)),
            Value::text(if note.raw.is_empty() { note.code.clone() } else { note.raw.clone() }),
            Value::text(note.reason.clone()),
        ]);
        self.row_of(cells, ListKind::Skipped, "原文", restricted)
    }

    /// A row of 新增与消失.
    pub(crate) fn code_row(&self, number: usize, code: &CodeChange) -> Row {
        let mut cells = vec![Value::count(number), Value::text(if code.gone { "消失" } else { "新增" })];
        self.push_ledger(&mut cells, code.ledger);
        cells.extend([
            Value::text(code.code.clone()),
            Value::text(code.name.clone()),
            Value::text(code.unit.clone()),
            Value::text(code.place.clone()),
        ]);
        self.row_of(cells, ListKind::Codes, "名称", code.restricted)
    }

    /// A row of a list whose height fits its texts. That of a restricted record is marked in the column with the title `name`.
    fn row_of(&self, cells: Vec<Value>, kind: ListKind, name: &str, restricted: bool) -> Row {
        let mut row = Row { cells, ..Row::default() };
        if restricted {
            let name = self.heads(kind).position(|(head, _)| *head == name);
            row.mark_restricted(&self.facts.policy.secrecy.row_mark, name);
        }
        let mut rows = [row];
        fit_heights(&mut rows, self.columns(kind));
        let [row] = rows;
        row
    }

    fn columns(&self, kind: ListKind) -> &[Column] {
        match kind {
            ListKind::Quarantined | ListKind::Warnings => &self.note_columns,
            ListKind::Skipped => &self.skipped_columns,
            ListKind::Codes => &self.code_columns,
        }
    }

    /// The titles of the columns of a list, with their widths.
    fn heads(&self, kind: ListKind) -> impl Iterator<Item = &'static (&'static str, f64)> {
        let several_ledgers = self.several_ledgers;
        kind.heads().iter().filter(move |(head, _)| several_ledgers || *head != "台账")
    }

    fn push_ledger(&self, cells: &mut Vec<Value>, ledger: usize) {
        if self.several_ledgers {
            cells.push(Value::text(self.ledger(ledger).title.clone()));
        }
    }

    /// One sentence for each ledger: how it differs from the previous snapshot.
    fn comparisons(&self) -> Vec<String> {
        self.facts
            .ledgers
            .iter()
            .map(|facts| {
                let title = &self.ledger(facts.ledger).title;
                let comparison = &facts.comparison;
                match comparison.previous {
                    _ if facts.identical => format!("{title}与第{}次快照相同，没有变化", facts.seq),
                    None => format!("{title}是第一次读入，共{}个编号，没有可比的上一次", comparison.added),
                    Some((seq, day)) => format!(
                        "{title}与第{seq}次快照（截至{}）相比：新增{}，变更{}，消失{}",
                        chinese_date(day),
                        comparison.added,
                        comparison.changed,
                        comparison.gone
                    ),
                }
            })
            .collect()
    }

    /// 说明: what became of the rows, where each field was read from, what was not read.
    fn cover(&mut self, lists: &[PlannedList]) -> Sheet<'static> {
        let facts = self.facts;
        let mut sheet = Sheet { name: "说明".into(), columns: grid(20.0, 12.0, COLUMNS), ..Sheet::default() };
        sheet.banner(Role::Paragraph, self.opening(lists));
        sheet.banner(Role::Title, "导入报告");
        sheet.subtitle(format!(
            "{}　　文件：{}　　来源：{}　　截至{}",
            facts.office,
            facts.file,
            source_title(facts.source),
            chinese_date(facts.covers_on)
        ));
        sheet.banner(Role::Section, "一、读入结果");
        self.write_accounts(&mut sheet);
        sheet.banner(Role::Section, "二、表页");
        add_spanning_texts(&mut sheet, Role::Head, &[(0, "表页"), (2, "条数"), (3, "说明")]);
        for list in lists {
            let name = list.kind.name();
            // An empty list has no sheet to link to.
            let link = if list.count > 0 { Value::Link { text: name.to_owned(), sheet: list.sheet } } else { Value::text(name) };
            add_spanning_row(
                &mut sheet,
                Role::Body,
                vec![(0, link), (2, Value::count(list.count)), (3, Value::text(list.kind.description()))],
            );
        }
        sheet.banner(Role::Section, "三、各栏取自哪一列");
        self.write_columns(&mut sheet);
        sheet.banner(Role::Section, "四、文件中没有的栏目");
        self.write_missing_fields(&mut sheet);
        sheet.banner(Role::Section, "五、没有读取的列");
        self.write_unknown_columns(&mut sheet);
        sheet.banner(Role::Section, "六、没有读取的工作表");
        if facts.unread.is_empty() {
            sheet.banner(Role::Paragraph, "无，全部工作表都已读取。");
        } else {
            add_spanning_texts(&mut sheet, Role::Head, &[(0, "工作表"), (3, "没有读取的原因")]);
            for (name, reason) in facts.unread {
                let name = if name.is_empty() { "（未命名）" } else { name };
                add_spanning_row(&mut sheet, Role::Body, vec![(0, Value::text(name)), (3, Value::text(reason.clone()))]);
            }
        }
        sheet.banner(Role::Note, format!("文件指纹（sha256）：{}", facts.sha256));
        sheet
    }

    /// The first paragraph of 说明: what the reader is to do next.
    fn opening(&self, lists: &[PlannedList]) -> String {
        let is_held = self.facts.ledgers.iter().any(|ledger| !ledger.held_because.is_empty());
        let quarantined = lists.iter().any(|list| list.kind == ListKind::Quarantined && list.count > 0);
        let to_check = lists.iter().filter(|list| list.count > 0 && matches!(list.kind, ListKind::Warnings | ListKind::Codes));
        let to_check: Vec<String> = to_check.map(|list| format!("“{}”", list.kind.name())).collect();
        match (is_held, quarantined) {
            (true, _) => "本表说明文件中每一行的去向。本次数据与上一次差异过大，暂缓生效：请先核对下面所列差异，无误的由办公室放行，有误的改正后重新导入。".to_owned(),
            (false, false) if to_check.is_empty() => "本表说明文件中每一行的去向。本次没有待核的行和提示，不用处理。".to_owned(),
            (false, false) => format!("本表说明文件中每一行的去向。本次没有待核的行，请看一遍{}，无误的不用处理。", to_check.join("和")),
            (false, true) => "本表说明文件中每一行的去向。请先看“待核行”，在原文件中逐条改正后重新导入。".to_owned(),
        }
    }

    /// The rows read from each sheet for each ledger: read = accepted + quarantined + skipped. `balance::check_balance` checks the sums.
    fn write_accounts(&mut self, sheet: &mut Sheet<'_>) {
        let facts = self.facts;
        add_spanning_texts(
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
                self.write_account(sheet, Role::Body, &self.ledger(ledger.ledger).title, account);
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
        self.write_account(sheet, Role::Total, "", &total);
        for column in 3..=7 {
            self.book.sums.push(Sum { total: at(last, column), parts: rows.iter().map(|row| at(*row, column)).collect() });
        }
        for row in rows.into_iter().chain([last]) {
            self.book.sums.push(Sum { total: at(row, 3), parts: vec![at(row, 4), at(row, 5), at(row, 6)] });
        }
        for (ledger, comparison) in facts.ledgers.iter().zip(self.comparisons()) {
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
                format!("第{}次快照（截至{}），{state}。{comparison}。", ledger.seq, chinese_date(ledger.covers_on)),
            );
        }
        if total.hidden_rows > 0 {
            sheet.banner(
                Role::Paragraph,
                format!("文件中有{}行处于隐藏状态，已照常读取；如不应上报，请删除后重新导入。", total.hidden_rows),
            );
        }
    }

    /// A row of that table.
    fn write_account(&self, sheet: &mut Sheet<'_>, role: Role, ledger: &str, account: &SheetAccount) {
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
        add_spanning_row(sheet, role, values);
    }
}

fn sheet_name(sheets: &[String], sheet: u32) -> &str {
    sheets.get(sheet as usize).map_or("", String::as_str)
}

fn row_text(row: u32) -> String {
    if row == 0 { "全表".to_owned() } else { format!("第{row}行") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::{Config, read_files};
    use crate::domain::intake::raw::{Raw, RawRow};
    use crate::domain::intake::sheet::SheetIntake;
    use crate::report::xlsx;
    use crate::workbook::balance::check_balance;
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
            project: String::new(),
        }
    }

    #[test]
    fn a_list_too_long_for_one_sheet_continues_on_the_next() {
        let config = config();
        let accounts = vec![SheetAccount { sheet: "甲".into(), read: 9, accepted: 4, quarantined: 5, ..SheetAccount::default() }];
        let covers_on = NaiveDate::from_ymd_opt(2026, 9, 30).unwrap();
        let ledgers = [LedgerIntake {
            ledger: 0,
            seq: 1,
            covers_on,
            identical: false,
            held_because: String::new(),
            accounts,
            quarantined: 5,
            warnings: 0,
            skipped: 0,
            comparison: SnapshotComparison::default(),
        }];
        let facts = IntakeFacts {
            policy: &config.policy,
            office: "办公室",
            file: "台账.xlsx",
            sha256: "ab",
            source: "import",
            covers_on,
            ledgers: &ledgers,
            restricted: RestrictedLists::default(),
            unread: &[],
        };
        let report = plan_within(&facts, 2);
        let names: Vec<(&str, usize)> = report.book.sheets.iter().map(|sheet| (sheet.name.as_str(), sheet.streamed)).collect();
        let expected = [("说明", 0), ("待核行（1）", 2), ("待核行（2）", 2), ("待核行（3）", 1)];
        assert_eq!(names, expected);
        assert!(report.book.sheets.iter().all(|sheet| sheet.rows[0].role == Role::Paragraph), "each sheet begins with what to do");
        assert!(check_balance(&report.book).is_empty(), "{:?}", check_balance(&report.book));
        let sheets = ["甲".to_owned()];
        let written = |count: usize| {
            let mut rows = (1..=count).map(|number| report.note_row(number, 0, &sheets, &note(number), false));
            xlsx::render_into(&report.book, &mut || rows.next(), &mut Vec::new())
        };
        assert!(written(5).is_ok());
        assert!(written(4).is_err(), "a line is missing");
        assert!(written(6).is_err(), "a line is left");
    }

    /// The report lists each column that names no field, with the field it is closest to.
    #[test]
    fn columns_that_name_no_field_are_listed() {
        let config = config();
        let project = config.policy.project_ledger().unwrap();
        let lines = ["项目编号,项目名称,投资额（万元）,镇街", "GZ1,甲项目,100,某镇"];
        let mut intake = SheetIntake::new(&config.policy.ledgers, 0, "甲", Vec::new(), NaiveDate::MAX);
        for (number, row) in lines.iter().enumerate() {
            let cells = row.split(',').enumerate().map(|(column, text)| (column as u16, Raw::Text(text.into()))).collect();
            intake.push(&RawRow { number: number as u32 + 1, hidden: false, cells }, &mut Vec::new());
        }
        intake.finish(&mut Vec::new());
        assert_eq!(intake.account.unknown, [("C".to_owned(), "投资额（万元）".to_owned()), ("D".to_owned(), "镇街".to_owned())]);
        let covers_on = NaiveDate::from_ymd_opt(2026, 9, 30).unwrap();
        let ledgers = [LedgerIntake {
            ledger: project,
            seq: 1,
            covers_on,
            identical: false,
            held_because: String::new(),
            accounts: vec![intake.account],
            quarantined: 0,
            warnings: 0,
            skipped: 0,
            comparison: SnapshotComparison::default(),
        }];
        let facts = IntakeFacts {
            policy: &config.policy,
            office: "办公室",
            file: "台账.xlsx",
            sha256: "ab",
            source: "import",
            covers_on,
            ledgers: &ledgers,
            restricted: RestrictedLists::default(),
            unread: &[],
        };
        let report = plan_report(&facts);
        let rows: Vec<String> = report.book.sheets[0].rows.iter().map(|row| format!("{:?}", row.cells)).collect();
        let row_with = |head: &str| rows.iter().find(|row| row.contains(head)).unwrap().as_str();
        assert!(row_with("投资额（万元）").contains("请将表头改为“合同投资额（亿元）”"), "{}", row_with("投资额（万元）"));
        assert!(row_with("镇街").contains("台账没有相应栏目"), "{}", row_with("镇街"));
    }

    #[test]
    fn known_units_come_first_then_unknown_ones_then_none() {
        let config = config();
        let mut ranks: Vec<UnitRank> = ["", "某县", "瓮安县", "贵阳市", " "].iter().map(|name| unit_rank(&config.policy, name)).collect();
        ranks.sort();
        assert!(matches!(ranks[..], [UnitRank::Known(_), UnitRank::Known(_), UnitRank::Unknown(_), UnitRank::None, UnitRank::None]));
    }

    #[test]
    fn a_column_is_wide_enough_for_its_title() {
        for (head, width) in NOTE_HEADS.iter().chain(&SKIPPED_HEADS).chain(&CODE_HEADS[..6]) {
            assert!(text_width(head) + 1.0 <= *width, "{head}");
        }
    }
}
