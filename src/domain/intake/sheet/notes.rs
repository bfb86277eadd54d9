//! The notes and doubts about a sheet as a whole: what of it is hidden, covered or prepared, and totals that differ from the rows.

use crate::domain::intake::header::{Column, Header};
use crate::domain::intake::header_proposal::HeaderProposal;
use crate::domain::intake::header_search::NearMiss;
use crate::domain::intake::merges::column_letters;
use crate::domain::intake::non_data::NonData;
use crate::domain::intake::note::{Note, NoteKind};
use crate::domain::intake::raw::{Raw, cell_at};
use crate::domain::intake::sheet::{Outcome, SheetIntake, SheetState, TotalAbove};
use crate::domain::intake::sums::WrongTotal;
use crate::domain::intake::text::{excerpt, normalize_name};
use crate::domain::own_sheet::GUIDE_SHEET;
use crate::domain::register::ledger::Ledger;
use crate::domain::register::record::fen_as_yi;
use crate::domain::secrecy::HeaderDecision;

impl SheetIntake<'_> {
    /// Notes the headers that are almost the name of a field; those of fields that a rule needs wait for the office.
    pub(super) fn note_proposals(&mut self, ledger: &Ledger, header: &Header) {
        for HeaderProposal { column, header, field, is_needed } in &header.proposals {
            let title = &ledger.fields[*field].title;
            let letters = column_letters(*column);
            let ways =
                format!("就是“{title}”的：--map '{header}={title}'；不是的：--map '{header}=忽略'（duban import 文件 --map … --by 姓名）");
            if *is_needed {
                self.account.proposals.push((header.clone(), title.clone()));
                self.sheet_note(format!("{letters}列“{header}”像是“{title}”，须由办公室确定，确定前不生效"), &ways);
            } else {
                self.sheet_note(format!("{letters}列“{header}”没有读取，像是“{title}”"), &ways);
            }
        }
    }

    pub(super) fn note_hidden_columns(&mut self, ledger: &Ledger, header: &Header) {
        let is_hidden = |column: u16| self.hidden_columns.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(column)));
        let mut hidden: Vec<&Column> = header.columns.iter().filter(|column| is_hidden(column.column)).collect();
        if hidden.is_empty() {
            return;
        }
        hidden.sort_unstable_by_key(|column| column.column);
        let name = |column: &&Column| format!("{}（{}列）", ledger.fields[column.field].title, column_letters(column.column));
        let names: Vec<String> = hidden.iter().map(name).collect();
        self.sheet_note(format!("{}为隐藏列，已照常读取", names.join("、")), "如不应报送，请删除后重新导入");
    }

    /// Notes the columns of doubtful secrecy: those about which the office has to decide, and those that hold other things.
    pub(super) fn note_doubtful_columns(&mut self) {
        for column in self.secrecy.finish_rows() {
            let letters = column_letters(column.column);
            let header = &column.header;
            if column.must_be_decided {
                let ways = HeaderDecision::ALL.map(|decision| format!("{}：--map '{header}={}'", decision.meaning(), decision.title()));
                let hint = format!("由办公室选定一种重新导入（duban import 文件 --map … --by 姓名）：{}", ways.join("；"));
                let reason = format!("{letters}列“{header}”可能是保密标注，须由办公室确定，确定前不生效，可能标注的各行先按不便公开处理");
                self.sheet_note(reason, &hint);
                self.undecided.push(column.header);
            } else {
                self.sheet_note(format!("{letters}列“{header}”没有作为保密标注读取"), "如是保密标注，请填写“是”或“否”");
            }
        }
        self.account.undecided.clone_from(&self.undecided);
    }

    /// Notes the lines and names that mark the rows below them.
    pub(super) fn note_marking_lines(&mut self) {
        for (row, words) in std::mem::take(&mut self.secrecy.marking_lines) {
            let place = if row == 0 { "工作表名称或表外文字".to_owned() } else { format!("第{row}行") };
            self.sheet_note(
                format!("{place}写有“{words}”，所指各行按不便公开处理"),
                "如不是保密标注，请改写后重新导入，并由办公室解除：duban restricted list，duban restricted lift --file",
            );
        }
    }

    /// Records a doubt about marked rows of which neither code nor name is known: nothing can be restricted.
    pub(super) fn doubt_nameless_marks(&mut self) {
        if let Some((first, rows)) = self.secrecy.nameless.take() {
            let more = if rows > 1 { format!("等{rows}行") } else { String::new() };
            self.doubts.push(format!("第{first}行{more}标注不便公开，但没有编号和名称，不知是哪个项目，请补填后重新导入"));
        }
    }

    /// Records a doubt about each duplicate column whose content differs from the first column of its field.
    pub(super) fn compare_duplicates(&mut self, ledger: &Ledger, header: &Header, number: u32, cells: &[(u16, Raw<'_>)]) {
        let text = |column: u16| Some(normalize_name(&cell_at(cells, column)?.display())).filter(|text| !text.is_empty());
        for duplicate in &header.duplicates {
            let Some(first) = header.column_of(duplicate.field) else { continue };
            let other = text(duplicate.column);
            if other.is_some() && other != text(first) && !self.conflicting_duplicates.contains(&duplicate.column) {
                self.conflicting_duplicates.push(duplicate.column);
                self.doubts.push(format!(
                    "“{}”有{}、{}两列，第{number}行起内容不同，请核对以哪一列为准",
                    ledger.fields[duplicate.field].title,
                    column_letters(first),
                    column_letters(duplicate.column)
                ));
            }
        }
    }

    /// Notes what is in the sheet and was not read, because it is no data or nobody sees it.
    pub(super) fn note_unseen_rows(&mut self) {
        if let (count @ 1.., first, last) = self.prepared {
            let rows = if first == last { format!("第{first}行") } else { format!("第{first}行至第{last}行中有{count}行") };
            let reason = NonData::Prepared.reason();
            let note = Note::new(NoteKind::Skipped, self.sheet, 0, format!("{rows}{reason}，未作数据"), "");
            self.notes.push(note);
        }
        if self.covered.hidden > 0 {
            let (first, count) = (self.covered.first_row, self.covered.hidden);
            self.sheet_note(
                format!("第{first}行起有{count}个单元格被合并单元格遮住，其中的内容看不见，未读取"),
                "如应读取，请取消合并后重新导入；否则请删除被遮住的内容",
            );
        }
        if self.headings.used.get() {
            self.sheet_note("各行未填的地区，按其上方分组标题中的地区读取".into(), "请核对，或逐行填写地区");
        }
    }

    /// Compares a printed total with the rows that were read.
    pub(super) fn check_total(&mut self, ledger: &Ledger, number: u32, cells: &[(u16, Raw<'_>)], word: &str) {
        let before = self.notes.len();
        for WrongTotal { column, field, printed, total } in self.sums.compare(ledger, cells, word, self.today) {
            let rows = fen_as_yi(i64::try_from(total).unwrap_or(i64::MAX));
            let reason = format!("{word}与各行之和不符：各行之和为{rows}亿元");
            self.notes.push(Note {
                cell: format!("{}{number}", column_letters(column)),
                field: ledger.fields[field].title.clone(),
                raw: excerpt(&printed),
                ..Note::new(NoteKind::Warning, self.sheet, number, reason, "请核对是否漏填、重复或单位有误")
            });
        }
        self.bound_notes(before);
    }

    pub(super) fn check_totals_above(&mut self) {
        let SheetState::Reading { ledger, .. } = self.state else { return };
        for TotalAbove { number, word, cells } in std::mem::take(&mut self.totals_above) {
            self.check_total(ledger, number, &cells, &word);
        }
    }

    /// Counts a row that waits to be filled in. It is no row of data.
    pub(super) fn take_prepared(&mut self, number: u32, hidden: bool) -> Outcome {
        self.account.read -= 1;
        self.account.hidden_rows -= u64::from(hidden);
        if hidden {
            self.hidden_rows.retain(|row| *row != number);
        }
        let (count, first, _) = self.prepared;
        self.prepared = (count + 1, if count == 0 { number } else { first }, number);
        Outcome::Blank
    }

    /// Why a sheet without the header of any ledger is not read.
    pub(super) fn unread_reason(&self, near: Option<NearMiss>) -> String {
        match near {
            Some(NearMiss { row, ledger, missing, columns: (all, known), .. }) if missing.is_empty() => {
                format!("第{row}行有“{ledger}”的必填栏，但{all}栏中只认得{known}栏，不像该台账的表头；请改用该台账的栏名")
            }
            Some(near) => {
                let missing = near.missing.iter().map(|title| format!("“{title}”")).collect::<String>();
                let almost = near
                    .almost
                    .iter()
                    .map(|(header, title)| format!("；“{header}”像是“{title}”，可用 --map '{header}={title}' --by 姓名 指定"));
                format!("第{}行像是“{}”的表头，但缺必填栏{missing}{}", near.row, near.ledger, almost.collect::<String>())
            }
            None if self.account.sheet == GUIDE_SHEET => "填写说明，不是数据".into(),
            None => "前30行未找到表头".into(),
        }
    }
}
