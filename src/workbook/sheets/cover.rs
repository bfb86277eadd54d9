//! Building the cover: purpose of the workbook, data sources, contents, configuration, and how to object.

use crate::domain::problem::ProblemsAt;
use crate::domain::register::calendar::calendar_note;
use crate::domain::register::period::chinese_date;
use crate::domain::register::snapshot::source_title;
use crate::workbook::model::{Role, Sheet, Value, grid};
use crate::workbook::named::NamedRecords;
use crate::workbook::provenance::Provenance;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::kind::Kind;
use crate::workbook::sheets::references::{References, check_placeholders};
use crate::workbook::spanning::{COLUMNS, add_spanning_row, add_spanning_texts};
use crate::workbook::visible::VisibleMaterial;
use serde::Deserialize;

/// What a template declares of a cover.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cover {
    #[serde(default)]
    paragraphs: Vec<String>,
    /// How to object; empty = the part is left out.
    #[serde(default)]
    objection: String,
}

impl Kind for Cover {
    type Keys = Cover;

    fn check(keys: Cover, _: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<Cover> {
        check_placeholders(keys.paragraphs.iter().chain([&keys.objection]), at);
        Some(keys)
    }

    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
        vec![builder.cover(self)]
    }

    fn provenance(&self) -> Provenance {
        Provenance::OfItsOwn
    }

    fn names(&self, _: &VisibleMaterial<'_>) -> NamedRecords {
        NamedRecords::new()
    }
}

impl<'a> SheetBuilder<'a, '_> {
    /// The cover.
    fn cover(&mut self, cover: &Cover) -> Sheet<'a> {
        let material = self.visible.material;
        let subtitle = format!("{}　　统计截至{}", material.office, chinese_date(material.as_of));
        let mut sheet = self.start_sheet(grid(16.0, 10.5, COLUMNS), &subtitle);
        for paragraph in &cover.paragraphs {
            sheet.banner(Role::Paragraph, self.fill_in(paragraph));
        }
        if let Some(since) = material.unsigned.since {
            let drafts = material.unsigned.drafts;
            sheet.banner(Role::Paragraph, format!("此前的督办、通报、约谈有{drafts}件尚未签发，最早的拟于{}。", chinese_date(since)));
        }
        sheet.banner(Role::Section, "一、数据来源");
        self.add_sources(&mut sheet);
        sheet.banner(Role::Section, "二、表页");
        self.add_contents(&mut sheet);
        if let Some(summary) = self.contents.summary {
            let summary = &self.contents.frames[summary].name;
            sheet.banner(Role::Note, format!("注：点击表页名称打开该表；在其后各表点击标题下的一行回到“{summary}”。"));
        }
        sheet.banner(Role::Section, "三、判定所用配置");
        self.add_inputs(&mut sheet);
        if !cover.objection.is_empty() {
            sheet.banner(Role::Section, "四、核对与异议");
            sheet.banner(Role::Paragraph, self.fill_in(&cover.objection));
        }
        self.add_notes(&mut sheet);
        sheet
    }

    /// The snapshots that the run judged.
    fn add_sources(&self, sheet: &mut Sheet<'_>) {
        add_spanning_texts(
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
                (4, Value::text(self.visible.file_and_sheets(source))),
                (6, Value::count(source.accepted + source.quarantined + source.skipped)),
                (7, Value::count(source.accepted)),
                (8, Value::count(source.quarantined)),
                (9, Value::count(source.skipped)),
            ];
            add_spanning_row(sheet, Role::Body, row);
        }
        sheet.banner(Role::Note, "注：读入＝入库＋待核＋未作数据（标题、合计、备注等行）；待核的行未参加判定，见“数据质量”。");
        for source in self.visible.material.sources.iter().filter(|source| !source.note.is_empty()) {
            sheet.banner(Role::Note, format!("{}（{}）：{}", source.ledger, source.source, source.note));
        }
    }

    /// The other sheets, as links.
    fn add_contents(&self, sheet: &mut Sheet<'_>) {
        add_spanning_texts(sheet, Role::Head, &[(0, "目录"), (2, "内容")]);
        for (index, frame) in self.contents.frames.iter().enumerate().filter(|(index, _)| *index != self.index) {
            let link = Value::Link { text: frame.name.clone(), sheet: index };
            add_spanning_row(sheet, Role::Body, vec![(0, link), (2, Value::text(self.fill_in(&frame.title)))]);
        }
    }

    /// The configuration with its fingerprints, and years that the calendar does not know.
    fn add_inputs(&self, sheet: &mut Sheet<'_>) {
        for (name, value) in self.visible.material.inputs {
            add_spanning_row(sheet, Role::Body, vec![(0, Value::text(name.clone())), (1, Value::text(value.clone()))]);
        }
        if let Some(note) = calendar_note(&self.visible.material.judged.missing_calendar_years) {
            sheet.banner(Role::Note, format!("注：{note}。"));
        }
    }
}
