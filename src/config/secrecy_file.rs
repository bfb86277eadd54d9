//! `config/secrecy.toml` → [`SecrecyWords`]: by which headers and words rows are restricted.

use crate::config::file_set::{FileSet, parse_toml};
use crate::domain::bounds::between;
use crate::domain::problem::{Problems, ProblemsAt};
use crate::domain::secrecy::compared_words;
use crate::domain::secrecy_words::{FloodBounds, SecrecyWords, Stems, TextWords};
use serde::Deserialize;

const FILE: &str = "config/secrecy.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecrecyFile {
    headers: Headers,
    values: Values,
    texts: Texts,
    flood: Flood,
    words: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Headers {
    marks: Vec<String>,
    opens: Vec<String>,
    doubtful: Vec<String>,
    not_doubtful: Vec<String>,
    marks_by: Vec<String>,
    opens_by: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Values {
    yes: Vec<String>,
    no: Vec<String>,
    open: Vec<String>,
    grades: Vec<String>,
    #[serde(default)]
    restricts: Vec<String>,
    classified: Vec<String>,
    blank: Vec<String>,
    #[serde(default)]
    checked: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    whole: Vec<String>,
    phrases: Vec<String>,
    denials: Vec<String>,
    harmless_behind: Vec<String>,
    harmless_behind_grade: Vec<String>,
    beside_grade: Vec<String>,
    line_denials: Vec<String>,
    #[serde(default)]
    elsewhere: Vec<String>,
    line_marks: Vec<String>,
    line_words: Vec<String>,
    all_rows: Vec<String>,
    parts: Vec<String>,
    common_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flood {
    #[serde(deserialize_with = "between::<0, 1_000_000_000, _, _>")]
    codes_max: u64,
    #[serde(deserialize_with = "between::<0, 100, _, _>")]
    share_pct_max: u64,
    #[serde(deserialize_with = "between::<1, 1_000_000_000, _, _>")]
    share_codes_min: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    row: String,
    head: String,
    cover: String,
}

/// The words of secrecy. `None` where the file cannot be read.
pub(crate) fn parse(files: &FileSet, problems: &mut Problems) -> Option<SecrecyWords> {
    let SecrecyFile { headers, values, texts, flood, words } = parse_toml(files, FILE, problems)?;
    let mut at = problems.at(FILE, "");
    let lists = [
        ("headers.marks", &headers.marks),
        ("headers.doubtful", &headers.doubtful),
        ("values.yes", &values.yes),
        ("values.no", &values.no),
        ("values.classified", &values.classified),
    ];
    for (name, list) in lists {
        if list.is_empty() {
            at.report(format!("{name} is empty"), Some("a fresh checkout ships the words".into()));
        }
    }
    disjoint(("headers.marks", &headers.marks), ("headers.opens", &headers.opens), &mut at);
    disjoint(("values.yes", &values.yes), ("values.no", &values.no), &mut at);
    disjoint(("values.yes", &values.yes), ("values.open", &values.open), &mut at);
    for (name, list) in
        [("values.grades", &values.grades), ("values.restricts", &values.restricts), ("values.classified", &values.classified)]
    {
        disjoint((name, list), ("values.open", &values.open), &mut at);
        disjoint((name, list), ("values.no", &values.no), &mut at);
    }
    for (name, word) in [("words.row", &words.row), ("words.head", &words.head), ("words.cover", &words.cover)] {
        if word.trim().is_empty() {
            at.report(format!("{name} is empty"), Some("the office's own workbooks show it".into()));
        }
    }
    let stems = Stems::new(compared_words(headers.doubtful.iter().chain(&texts.parts)));
    let looked_for = [
        ("texts.whole", &texts.whole),
        ("texts.phrases", &texts.phrases),
        ("texts.line_marks", &texts.line_marks),
        ("values.classified", &values.classified),
    ];
    for (name, list) in looked_for {
        for word in compared_words(list).iter().filter(|word| !stems.are_in(word)) {
            at.report(format!("\"{word}\" of {name} is never looked for"), Some("add a part of it to texts.parts".into()));
        }
    }
    let set = |list: &[String]| compared_words(list).into_iter().collect();
    let list = |list: &[String]| compared_words(list).into_iter().collect();
    Some(SecrecyWords {
        marks: set(&headers.marks),
        opens: set(&headers.opens),
        doubtful: list(&headers.doubtful),
        not_doubtful: list(&headers.not_doubtful),
        marks_by: list(&headers.marks_by),
        opens_by: list(&headers.opens_by),
        yes: set(&values.yes),
        no: set(&values.no),
        open: set(&values.open),
        grades: set(&values.grades),
        restricts: set(&values.restricts),
        classified: set(&values.classified),
        blank: set(&values.blank),
        checked: list(&values.checked),
        texts: TextWords {
            whole: set(&texts.whole),
            phrases: list(&texts.phrases),
            denials: list(&texts.denials),
            harmless_behind: list(&texts.harmless_behind),
            harmless_behind_grade: list(&texts.harmless_behind_grade),
            line_marks: list(&texts.line_marks),
            line_words: set(&texts.line_words),
            all_rows: list(&texts.all_rows),
            beside_grade: list(&texts.beside_grade),
            line_denials: list(&texts.line_denials),
            elsewhere: list(&texts.elsewhere),
            common_names: set(&texts.common_names),
            stems,
        },
        flood: FloodBounds { codes_max: flood.codes_max, share_pct_max: flood.share_pct_max, share_codes_min: flood.share_codes_min },
        row_mark: words.row,
        head_mark: words.head,
        cover_mark: words.cover,
    })
}

/// Reports words that two lists hold although they contradict each other.
fn disjoint((name, words): (&str, &[String]), (other_name, others): (&str, &[String]), at: &mut ProblemsAt<'_>) {
    let others = compared_words(others);
    for word in compared_words(words).intersection(&others) {
        at.report(format!("\"{word}\" is in {name} and in {other_name}"), Some("remove it from one of them".into()));
    }
}
