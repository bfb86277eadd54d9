//! `[[sheet]]` of a template as it is written: its keys, and which kinds of sheets have them.

use crate::config::bulletin_file::BulletinFile;
use crate::config::sheet_words::{WORDS, placeholders};
use crate::domain::problem::{ProblemsAt, suggest};
use serde::Deserialize;

/// A sheet with the keys of every kind; [`check_keys`] refuses those of another kind. Groups of keys with `#[serde(flatten)]` are not
/// possible: serde does not refuse unknown keys beside it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SheetFile {
    #[serde(rename = "form")]
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) mark: String,
    #[serde(default)]
    pub(crate) note: String,
    #[serde(default)]
    pub(crate) sign: String,
    #[serde(default = "landscape")]
    pub(crate) orientation: String,
    #[serde(default = "a4")]
    pub(crate) paper: String,
    #[serde(default)]
    pub(crate) pages_high: u16,
    #[serde(default)]
    pub(crate) optional: bool,
    pub(crate) paragraphs: Option<Vec<String>>,
    pub(crate) objection: Option<String>,
    pub(crate) chart: Option<bool>,
    pub(crate) by: Option<String>,
    pub(crate) window: Option<String>,
    pub(crate) titles: Option<Vec<String>>,
    pub(crate) apart: Option<Vec<String>>,
    pub(crate) rules: Option<Vec<String>>,
    pub(crate) states: Option<Vec<String>>,
    pub(crate) group: Option<String>,
    pub(crate) fold: Option<bool>,
    pub(crate) blank: Option<bool>,
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) figures: Option<Vec<FiguresFile>>,
    pub(crate) decide: Option<Vec<String>>,
    pub(crate) most: Option<usize>,
    pub(crate) ledger: Option<String>,
    pub(crate) r#where: Option<Vec<String>>,
    pub(crate) major: Option<String>,
    pub(crate) lights: Option<Vec<String>>,
    pub(crate) reach: Option<String>,
    pub(crate) order: Option<Vec<String>>,
    pub(crate) bulletin: Option<BulletinFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FiguresFile {
    pub(crate) title: String,
    pub(crate) rules: Vec<String>,
    pub(crate) lights: Vec<String>,
}

fn landscape() -> String {
    "landscape".into()
}

fn a4() -> String {
    "A4".into()
}

/// The kinds of sheets by name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KindName {
    Cover,
    Rules,
    Summary,
    Matrix,
    List,
    Notices,
    Quality,
    Page,
    Bulletin,
    Answers,
    Silent,
    Feedback,
    Records,
    Reporting,
    Gone,
}

pub(crate) const KINDS: [(&str, KindName); 15] = [
    ("cover", KindName::Cover),
    ("rules", KindName::Rules),
    ("summary", KindName::Summary),
    ("matrix", KindName::Matrix),
    ("list", KindName::List),
    ("notices", KindName::Notices),
    ("quality", KindName::Quality),
    ("page", KindName::Page),
    ("bulletin", KindName::Bulletin),
    ("answers", KindName::Answers),
    ("silent", KindName::Silent),
    ("feedback", KindName::Feedback),
    ("records", KindName::Records),
    ("reporting", KindName::Reporting),
    ("gone", KindName::Gone),
];

/// The most characters of a tab name in a workbook (Excel).
const SHEET_NAME_MAX: usize = 31;

/// Reports a tab name that Excel refuses, and unknown placeholders in the texts of a sheet.
pub(crate) fn check_texts(raw: &SheetFile, at: &mut ProblemsAt<'_>) {
    if raw.name.is_empty()
        || raw.name.chars().count() > SHEET_NAME_MAX
        || raw.name.contains(['[', ']', ':', '*', '?', '/', '\\'])
        || raw.name.starts_with('\'')
    {
        at.report(format!("a tab name has 1 to {SHEET_NAME_MAX} characters and none of [ ] : * ? / \\"), None);
    }
    // a bulletin has placeholders of its own, which are looked up with its figures
    let title = raw.title.iter().filter(|_| raw.bulletin.is_none());
    let paragraphs = raw.paragraphs.iter().flatten().chain(&raw.objection);
    let texts = title.chain([&raw.note, &raw.sign]).chain(paragraphs);
    for word in texts.flat_map(|text| placeholders(text)).filter(|word| !WORDS.contains(word)) {
        at.report(format!("{{{word}}} is unknown"), suggest(word, WORDS.into_iter()));
    }
}

/// Reports keys that sheets of another kind have.
pub(crate) fn check_keys(raw: &SheetFile, kind: KindName, at: &mut ProblemsAt<'_>) {
    use KindName as K;
    for (key, is_given, kinds) in [
        ("paragraphs", raw.paragraphs.is_some(), &[K::Cover][..]),
        ("objection", raw.objection.is_some(), &[K::Cover]),
        ("chart", raw.chart.is_some(), &[K::Summary]),
        ("by", raw.by.is_some(), &[K::Matrix]),
        ("window", raw.window.is_some(), &[K::Matrix]),
        ("titles", raw.titles.is_some(), &[K::Matrix]),
        ("apart", raw.apart.is_some(), &[K::Matrix]),
        ("rules", raw.rules.is_some(), &[K::List, K::Notices, K::Records, K::Reporting]),
        ("states", raw.states.is_some(), &[K::List]),
        ("group", raw.group.is_some(), &[K::List, K::Records]),
        ("fold", raw.fold.is_some(), &[K::List]),
        ("blank", raw.blank.is_some(), &[K::List]),
        ("figures", raw.figures.is_some(), &[K::Page]),
        ("decide", raw.decide.is_some(), &[K::Page]),
        ("most", raw.most.is_some(), &[K::Page]),
        ("bulletin", raw.bulletin.is_some(), &[K::Bulletin]),
        ("columns", raw.columns.is_some(), &[K::Matrix, K::List, K::Notices, K::Records]),
        ("ledger", raw.ledger.is_some(), &[K::Records]),
        ("where", raw.r#where.is_some(), &[K::Records]),
        ("major", raw.major.is_some(), &[K::Records]),
        ("lights", raw.lights.is_some(), &[K::Records]),
        ("reach", raw.reach.is_some(), &[K::Records]),
        ("order", raw.order.is_some(), &[K::Records]),
    ] {
        if is_given && !kinds.contains(&kind) {
            at.report(format!("`{key}` does not belong to form \"{}\"", raw.kind), Some(format!("remove `{key}`")));
        }
    }
}
