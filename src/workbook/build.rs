//! Building a workbook (报表): every sheet of a template is built from the material of one run, as plain data that `report` writes to a file.
//!
//! Invariant: pure and deterministic. Equal templates and materials build equal [`Workbook`]s; the order of a hash map never reaches one.

use crate::domain::judging::roster::Doubt;
use crate::domain::register::period::chinese_date;
use crate::workbook::material::Material;
use crate::workbook::model::{At, Sheet, Workbook};
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::template::{SheetKind, SheetTemplate, Template};
use crate::workbook::visible::VisibleMaterial;

/// The longest description that the properties of a file take, in characters.
const DESCRIPTION_CHARS_MAX: usize = 255;

/// Builds the workbook of a template. A sheet that is optional and would be empty is left out.
pub fn build<'a>(template: &Template, material: &'a Material<'a>) -> Workbook<'a> {
    let visible = VisibleMaterial::new(material);
    let (mut included, empty): (Vec<&SheetTemplate>, Vec<_>) =
        template.sheets.iter().partition(|sheet| !sheet.optional || has_rows(&visible, sheet));
    let mut empty = empty.into_iter();
    // a workbook has at least one sheet: the first empty one has a note that there is nothing to list
    if included.is_empty() {
        included.extend(empty.next());
    }
    let left_out: Vec<String> = empty.filter_map(|sheet| visible.left_out(sheet)).collect();
    let title = visible.fill_in(&template.title, template);
    let mut book = Workbook {
        title: title.clone(),
        subject: visible.fill_in(&template.subject, template),
        keywords: template.keywords.clone(),
        description: description(material),
        author: material.office.to_owned(),
        created: material.as_of,
        ..Workbook::default()
    };
    let mut continuations = Vec::new();
    for (index, declaration) in included.iter().enumerate() {
        let mut builder =
            SheetBuilder { visible: &visible, template, declaration, index, included: &included, left_out: &left_out, book: &mut book };
        let mut sheets = sheets_of(&mut builder).into_iter();
        book.sheets.push(sheets.next().unwrap_or_default());
        continuations.extend(sheets);
    }
    // links and figures name a sheet by its index in the template, so further sheets of a kind come last
    book.sheets.append(&mut continuations);
    for sheet in &mut book.sheets {
        sheet.header.clone_from(&title);
        sheet.footer = format!("截至{}", chinese_date(material.as_of));
    }
    paginate(&mut book);
    book
}

/// Builds what a template declares as one sheet: a list with too many rows, or a feedback form for several ledgers, becomes several sheets.
fn sheets_of<'a>(builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>> {
    let declaration = builder.declaration;
    match &declaration.kind {
        SheetKind::List(list) => builder.list(list),
        SheetKind::Records(list) => builder.records(list),
        SheetKind::Feedback => builder.feedback(),
        SheetKind::Cover { paragraphs, objection } => vec![builder.cover(paragraphs, objection)],
        SheetKind::Rules => vec![builder.rules()],
        SheetKind::Summary { chart } => vec![builder.summary(*chart)],
        SheetKind::Matrix { axis, window, columns, rows } => vec![builder.matrix(*axis, *window, columns, rows)],
        SheetKind::Notices { rules, columns } => vec![builder.notices(rules.as_deref(), columns)],
        SheetKind::Quality => vec![builder.quality()],
        SheetKind::Answers => vec![builder.answers()],
        SheetKind::LeaderPage(page) => vec![builder.leader_page(page)],
        SheetKind::Bulletin(bulletin) => vec![builder.bulletin(bulletin)],
        SheetKind::Silent => vec![builder.silent()],
        SheetKind::Reporting { rules } => vec![builder.reporting(rules)],
        SheetKind::Gone => vec![builder.gone()],
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

/// Whether a workbook of the template would list anything for its audience. Texts, figures and tables of counts are no lists.
pub fn lists_anything(template: &Template, material: &Material<'_>) -> bool {
    use SheetKind as K;
    let visible = VisibleMaterial::new(material);
    template.sheets.iter().any(|sheet| match &sheet.kind {
        K::Cover { .. } | K::Rules | K::Summary { .. } | K::Matrix { .. } | K::LeaderPage(_) | K::Bulletin(_) => false,
        K::Records(list) => visible.has_members(list),
        _ => has_rows(&visible, sheet),
    })
}

/// The file name that a template gives its workbook. It depends on the template and the material alone: no wall time, no random part.
pub fn file_name(template: &Template, material: &Material<'_>) -> String {
    let visible = VisibleMaterial::new(material);
    let title = visible.fill_in(&template.title, template);
    visible.fill_in(&template.file.replace("{title}", &title), template)
}

/// Whether a sheet has something to show to its audience; texts, figures and tables of counts always have.
fn has_rows(visible: &VisibleMaterial<'_>, sheet: &SheetTemplate) -> bool {
    use SheetKind as K;
    match &sheet.kind {
        K::List(list) => visible.findings.iter().any(|finding| list.takes(finding)),
        K::Notices { rules, .. } => visible.notices_of(rules.as_deref()).next().is_some(),
        K::Quality => visible.quality_lines().next().is_some() || visible.intake_lines().next().is_some(),
        K::Answers => visible.answered().next().is_some(),
        K::Silent => !visible.material.silent.is_empty(),
        K::Feedback => !visible.asked().is_empty(),
        // the sheet also counts records that could not be selected because a cell is empty; a missing column is named on the first sheet
        K::Records(list) => {
            visible.has_members(list) || {
                let doubts = visible.doubts(list);
                !doubts.is_empty() && !doubts.keys().any(|doubt| matches!(doubt, Doubt::NoColumn(_)))
            }
        }
        K::Gone => visible.gone_records().next().is_some(),
        K::Reporting { .. } => !visible.reporting_units().is_empty(),
        K::LeaderPage(_) | K::Bulletin(_) | K::Cover { .. } | K::Rules | K::Summary { .. } | K::Matrix { .. } => true,
    }
}
