//! Building the cover: purpose of the workbook, data sources, contents, configuration, and how to object.

use crate::domain::register::calendar::calendar_note;
use crate::domain::register::period::chinese_date;
use crate::workbook::model::grid;
use crate::workbook::model::{Role, Row, Sheet, Value, text_lines};
use crate::workbook::provenance::source_title;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::template::SheetKind;

/// Columns of the cover; its tables span several of them.
pub(crate) const COLUMNS: usize = 10;

impl<'a> SheetBuilder<'a, '_> {
    /// The cover.
    pub(crate) fn cover(&mut self, paragraphs: &[String], objection: &str) -> Sheet<'a> {
        let material = self.visible.material;
        let subtitle = format!("{}　　统计截至{}", material.office, chinese_date(material.as_of));
        let mut sheet = self.start_sheet(grid(16.0, 10.5, COLUMNS), &subtitle);
        for paragraph in paragraphs {
            sheet.banner(Role::Paragraph, self.visible.fill_in(paragraph, self.template));
        }
        sheet.banner(Role::Section, "一、数据来源");
        self.add_sources(&mut sheet);
        sheet.banner(Role::Section, "二、表页");
        self.add_contents(&mut sheet);
        if let Some(summary) = self.included.iter().find(|sheet| matches!(sheet.kind, SheetKind::Summary { .. })) {
            sheet.banner(Role::Note, format!("注：点击表页名称打开该表；在其后各表点击标题下的一行回到“{}”。", summary.name));
        }
        sheet.banner(Role::Section, "三、判定所用配置");
        self.add_inputs(&mut sheet);
        if !objection.is_empty() {
            sheet.banner(Role::Section, "四、核对与异议");
            sheet.banner(Role::Paragraph, self.visible.fill_in(objection, self.template));
        }
        self.add_notes(&mut sheet);
        sheet
    }

    /// The snapshots that the run judged.
    fn add_sources(&self, sheet: &mut Sheet<'_>) {
        table(
            sheet,
            Role::Head,
            &[
                (0, "台账"),
                (1, "来源"),
                (2, "第几次快照"),
                (3, "数据截至"),
                (4, "文件（工作表）"),
                (6, "读入"),
                (7, "入库"),
                (8, "待核"),
                (9, "未作数据"),
            ],
        );
        for source in self.visible.material.sources {
            let row = vec![
                (0, Value::text(source.ledger.clone())),
                (1, Value::text(source_title(&source.source))),
                (2, Value::Count(source.snapshot)),
                (3, Value::Date(source.covers_on)),
                (4, Value::text(source.file_and_sheets())),
                (6, Value::count(source.accepted + source.quarantined + source.skipped)),
                (7, Value::count(source.accepted)),
                (8, Value::count(source.quarantined)),
                (9, Value::count(source.skipped)),
            ];
            spread(sheet, Role::Body, row);
        }
        sheet.banner(Role::Note, "注：读入＝入库＋待核＋未作数据（标题、合计、备注等行）；待核的行未参加判定，见“数据质量”。");
        for source in self.visible.material.sources.iter().filter(|source| !source.note.is_empty()) {
            sheet.banner(Role::Note, format!("{}（{}）：{}", source.ledger, source.source, source.note));
        }
    }

    /// The other sheets, as links.
    fn add_contents(&self, sheet: &mut Sheet<'_>) {
        table(sheet, Role::Head, &[(0, "目录"), (2, "内容")]);
        for (index, declaration) in self.included.iter().enumerate().filter(|(index, _)| *index != self.index) {
            let link = Value::Link { text: declaration.name.clone(), sheet: index };
            spread(sheet, Role::Body, vec![(0, link), (2, Value::text(self.visible.fill_in(&declaration.title, self.template)))]);
        }
    }

    /// The configuration with its fingerprints, and years that the calendar does not know.
    fn add_inputs(&self, sheet: &mut Sheet<'_>) {
        for (name, value) in self.visible.material.inputs {
            spread(sheet, Role::Body, vec![(0, Value::text(name.clone())), (1, Value::text(value.clone()))]);
        }
        if let Some(note) = calendar_note(&self.visible.material.judged.missing_calendar_years) {
            sheet.banner(Role::Note, format!("注：{note}。"));
        }
    }
}

/// Adds a row of texts, each in the column where it begins.
pub(crate) fn table(sheet: &mut Sheet<'_>, role: Role, heads: &[(usize, &str)]) {
    spread(sheet, role, heads.iter().map(|(column, text)| (*column, Value::text(*text))).collect());
}

/// Adds a row whose cells each span the columns up to the next one, as high as its texts need.
pub(crate) fn spread(sheet: &mut Sheet<'_>, role: Role, values: Vec<(usize, Value)>) {
    let mut cells = vec![Value::Blank; COLUMNS];
    let mut merges = Vec::new();
    let mut lines = 1;
    let starts: Vec<usize> = values.iter().map(|(column, _)| *column).chain([COLUMNS]).collect();
    for ((column, value), next) in values.into_iter().zip(starts.iter().skip(1)) {
        let width: f64 = sheet.columns[column..*next].iter().map(|column| column.width).sum();
        if let Value::Text(text) | Value::Link { text, .. } = &value {
            lines = lines.max(text_lines(text, width * 0.94));
        }
        if next - column > 1 {
            merges.push((column, next - 1));
        }
        cells[column] = value;
    }
    let height = Some(14.5 * lines as f64 + if role == Role::Head { 9.0 } else { 5.0 });
    sheet.rows.push(Row { role, cells, height, merges, ..Row::default() });
}
