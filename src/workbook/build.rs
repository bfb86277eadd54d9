//! Building a workbook (报表): every sheet of a template is built from the material of one run, as plain data that `report` writes to a file.
//!
//! Invariant: pure and deterministic. Equal templates and materials build equal [`Workbook`]s; the order of a hash map never reaches one.

use crate::domain::judging::finding::State;
use crate::domain::judging::roster::Selection;
use crate::domain::register::period::chinese_date;
use crate::domain::secrecy_words::SecrecyWords;
use crate::workbook::choices::list_long_choices;
use crate::workbook::material::Material;
use crate::workbook::model::{At, Workbook};
use crate::workbook::named::NamedRecords;
use crate::workbook::sheet_builder::{Contents, SheetBuilder};
use crate::workbook::sheets::kind::Rows;
use crate::workbook::sheets::kinds::SheetKind;
use crate::workbook::template::{SheetTemplate, Template};
use crate::workbook::visible::VisibleMaterial;
use std::collections::{BTreeMap, BTreeSet};

/// The longest description that the properties of a file take, in characters.
const DESCRIPTION_CHARS_MAX: usize = 255;

/// The records of a sheet were not selected while the register was read, so the sheet would be empty.
#[derive(Debug, thiserror::Error)]
#[error("“{sheet}”所列的记录在读取台账时没有选取")]
pub struct NotSelected {
    pub sheet: String,
}

/// Builds the workbook of a template. A sheet that is optional and would be empty is left out.
///
/// # Errors
/// The material lacks the selection of a sheet.
pub fn build<'a>(template: &Template, material: &'a Material<'a>) -> Result<Workbook<'a>, NotSelected> {
    let is_selected = |selection: &Selection| material.rosters.of(selection).is_some();
    if let Some(sheet) = template.sheets.iter().find(|sheet| !sheet.kind.as_kind().selection().is_none_or(is_selected)) {
        return Err(NotSelected { sheet: sheet.frame.name.clone() });
    }
    let visible = VisibleMaterial::new(material);
    let (mut included, empty): (Vec<&SheetTemplate>, Vec<_>) =
        template.sheets.iter().partition(|sheet| !sheet.frame.optional || sheet.kind.as_kind().rows(&visible) != Rows::None);
    let mut empty = empty.into_iter();
    // a workbook has at least one sheet: the first empty one has a note that there is nothing to list
    if included.is_empty() {
        included.extend(empty.next());
    }
    let left_out = empty.filter_map(|sheet| sheet.kind.as_kind().missing_data(&sheet.frame.name, &visible)).collect();
    let title = visible.fill_in(&template.title, &template.title);
    let mut book = Workbook {
        title: title.clone(),
        subject: visible.fill_in(&template.subject, &template.title),
        keywords: template.keywords.clone(),
        description: description(material),
        author: material.office.to_owned(),
        created: material.as_of,
        ..Workbook::default()
    };
    let contents = contents(&included, left_out, &visible);
    let mut continuations = Vec::new();
    for (index, SheetTemplate { frame, kind }) in included.into_iter().enumerate() {
        let mut builder = SheetBuilder { visible: &visible, title: &template.title, frame, index, contents: &contents, book: &mut book };
        let mut sheets = kind.as_kind().build(&mut builder).into_iter();
        book.sheets.push(sheets.next().unwrap_or_default());
        continuations.extend(sheets);
    }
    // links and figures name a sheet by its index in the template, so further sheets of a kind come last
    book.sheets.append(&mut continuations);
    list_long_choices(&mut book);
    mark_restricted(&mut book, &material.policy.secrecy, contents.cover);
    for sheet in &mut book.sheets {
        sheet.header.clone_from(&title);
        sheet.footer = format!("截至{}", chinese_date(material.as_of));
    }
    paginate(&mut book);
    Ok(book)
}

/// Marks the head of each sheet with a row of a restricted record, and the cover of their workbook, by its index.
pub(crate) fn mark_restricted(book: &mut Workbook<'_>, words: &SecrecyWords, cover: Option<usize>) {
    let mut holds = false;
    for sheet in book.sheets.iter_mut().filter(|sheet| sheet.holds_restricted()) {
        sheet.begin_head_with(&words.head_mark);
        holds = true;
    }
    if let Some(cover) = cover.filter(|_| holds).and_then(|cover| book.sheets.get_mut(cover)) {
        cover.begin_head_with(&words.cover_mark);
    }
}

/// What the included sheets need to know of each other; `notes` are those of the first sheet on sheets that were left out.
fn contents<'b>(included: &[&'b SheetTemplate], mut notes: Vec<String>, visible: &VisibleMaterial<'_>) -> Contents<'b> {
    let mut lists = BTreeMap::new();
    for (index, sheet) in included.iter().enumerate() {
        if let SheetKind::List(list) = &sheet.kind
            && list.states.contains(&State::Open)
        {
            for rule in &list.rules {
                lists.entry(*rule).or_insert(index);
            }
        }
    }
    let provenance = included.iter().map(|sheet| sheet.kind.as_kind().provenance()).max().unwrap_or_default();
    let ledgers = included.iter().flat_map(|sheet| sheet.kind.as_kind().ledgers(visible)).collect();
    notes.extend(visible.data_sources(provenance, &ledgers));
    Contents {
        frames: included.iter().map(|sheet| &sheet.frame).collect(),
        summary: included.iter().position(|sheet| matches!(sheet.kind, SheetKind::Summary(_))),
        cover: included.iter().position(|sheet| matches!(sheet.kind, SheetKind::Cover(_))),
        lists,
        notes,
    }
}

/// Sets the page breaks of every sheet, and moves figures and sums past the table heads that pagination repeats.
fn paginate(book: &mut Workbook<'_>) {
    for (index, sheet) in book.sheets.iter_mut().enumerate() {
        let repeated_heads = sheet.paginate();
        if repeated_heads.is_empty() {
            continue;
        }
        let shift = |at: &mut At| {
            if at.sheet == index {
                at.row += repeated_heads.iter().filter(|row| **row <= at.row).count();
            }
        };
        book.figures.iter_mut().map(|figure| &mut figure.at).for_each(shift);
        book.sums.iter_mut().flat_map(|sum| std::iter::once(&mut sum.total).chain(&mut sum.parts)).for_each(shift);
    }
}

/// The snapshots and inputs that the workbook is made from, for the properties of its file; only a cover prints them on a sheet.
fn description(material: &Material<'_>) -> String {
    let snapshots = material.sources.iter().map(|source| format!("{}{}第{}次快照", source.ledger, source.source, source.snapshot));
    let inputs = material.inputs.iter().map(|(name, print)| format!("{name}{print}"));
    let parts: Vec<String> = std::iter::once(format!("数据截至{}", chinese_date(material.as_of))).chain(snapshots).chain(inputs).collect();
    let text = parts.join("；");
    if text.chars().count() > DESCRIPTION_CHARS_MAX { text.chars().take(DESCRIPTION_CHARS_MAX - 1).chain(['…']).collect() } else { text }
}

/// The records that the workbook of a template names.
pub fn named_records(template: &Template, material: &Material<'_>) -> NamedRecords {
    let visible = VisibleMaterial::new(material);
    template.sheets.iter().flat_map(|sheet| sheet.kind.as_kind().names(&visible)).collect()
}

/// The ledgers that a workbook of the template reads.
pub(crate) fn ledgers_read(template: &Template, material: &Material<'_>) -> BTreeSet<usize> {
    let visible = VisibleMaterial::new(material);
    template.sheets.iter().flat_map(|sheet| sheet.kind.as_kind().ledgers(&visible)).collect()
}

/// Whether a workbook of the template would list anything for its audience. Texts, figures and tables of counts are no lists.
pub fn lists_anything(template: &Template, material: &Material<'_>) -> bool {
    let visible = VisibleMaterial::new(material);
    template.sheets.iter().any(|sheet| sheet.kind.as_kind().rows(&visible) == Rows::Listed)
}

/// The file name that a template gives its workbook. It depends on the template and the material alone: no wall time, no random part.
pub fn file_name(template: &Template, material: &Material<'_>) -> String {
    let visible = VisibleMaterial::new(material);
    let title = visible.fill_in(&template.title, &template.title);
    visible.fill_in(&template.file.replace("{title}", &title), &template.title)
}
