//! Feedback forms that were forged or altered, made at random from honest ones: none of them is taken, and the honest one is.

use super::super::feedback::{Cells, attachment, column_of, head_of, read, write};
use super::super::helpers::{first_seed, fresh_root, number, service};
use super::super::outputs::run_on;
use calamine::Data;
use duban::app::compose::App;
use duban::domain::notify::feedback::FormAccount;
use duban::worker::import::feedback::Sender;
use fastrand::Rng;

const PROJECTS: &str = "\
项目编号,项目名称,市（州）,县（市、区）,产业类别,协议类型,项目阶段,签约时间,录入平台时间,履约时间,合同投资额（亿元）,实际开工时间,计划开工时间,存在的困难和问题,责任人,最近更新时间,是否涉密,终止时间,上规入统时间
GZ501,茶园加工项目,黔南州,瓮安县,茶叶,合同,签约,2025-01-10,2025-01-20,2025-02-20,1.5,,2025-06-30,,经办人甲,2026-09-20,否,,
GZ502,茶旅融合项目,黔南州,瓮安县,茶叶,合同,签约,2025-01-10,2025-01-20,2025-02-20,1.5,,2025-06-30,,经办人甲,2026-09-20,否,,
GZ503,抹茶研发项目,黔南州,福泉市,茶叶,合同,签约,2025-01-10,2025-01-20,2025-02-20,1.5,,2025-06-30,,经办人甲,2026-09-20,否,,
GZ504,抹茶加工项目,黔南州,福泉市,茶叶,合同,签约,2025-01-10,2025-01-20,2025-02-20,1.5,,2025-06-30,,经办人甲,2026-09-20,否,,
";

/// The forms of two counties, only their form sheets.
struct Honest {
    own: Cells,
    other: Cells,
}

/// What was done to a form.
#[derive(Clone, Copy, Debug)]
enum Forgery {
    Unit,
    LaterDay,
    EarlierDay,
    Key,
    Seal,
    NoSeal,
    NumberOfTheOther,
    RowOfTheOther,
    CheckOfAnotherRow,
    CheckChanged,
    CodeOfTheOther,
    CodeOfAnotherRow,
    /// Everything but code and 校验码 of two rows.
    RowsCrossed,
    FromNothing,
}

const FORGERIES: [Forgery; 14] = [
    Forgery::Unit,
    Forgery::LaterDay,
    Forgery::EarlierDay,
    Forgery::Key,
    Forgery::Seal,
    Forgery::NoSeal,
    Forgery::NumberOfTheOther,
    Forgery::RowOfTheOther,
    Forgery::CheckOfAnotherRow,
    Forgery::CheckChanged,
    Forgery::CodeOfTheOther,
    Forgery::CodeOfAnotherRow,
    Forgery::RowsCrossed,
    Forgery::FromNothing,
];

fn form_sheets(bytes: &[u8]) -> Cells {
    read(bytes).into_iter().filter(|(name, _)| name.starts_with("反馈表")).collect()
}

/// The cell with the form's number.
fn number_cell(rows: &mut [Vec<Data>]) -> &mut String {
    rows.iter_mut()
        .flatten()
        .find_map(|cell| match cell {
            Data::String(text) if text.contains("表号") => Some(text),
            _ => None,
        })
        .expect("a number")
}

/// The number in the text of its cell: unit, day, key and seal.
fn parts(text: &str) -> (String, String, String, String) {
    let rest = text.split("表号 ").nth(1).expect("a number").split('\u{3000}').next().expect("a number");
    let mut parts = rest.split('/');
    let mut next = || parts.next().expect("a part").to_owned();
    let (unit, day, sealed) = (next(), next(), next());
    let (key, seal) = sealed.split_once('-').expect("a seal");
    (unit, day, key.to_owned(), seal.to_owned())
}

fn renumber(rows: &mut [Vec<Data>], change: impl FnOnce(&mut (String, String, String, String))) {
    let cell = number_cell(rows);
    let mut number = parts(cell);
    let old = format!("{}/{}/{}-{}", number.0, number.1, number.2, number.3);
    change(&mut number);
    let new = format!("{}/{}/{}-{}", number.0, number.1, number.2, number.3);
    assert_ne!(old, new, "nothing was changed");
    *cell = cell.replace(&old, &new);
}

/// A letter or digit other than the one at a place.
fn with_other_letter(dice: &mut Rng, text: &str, most: usize) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = dice.usize(..most.min(letters.len()));
    letters[at] = if letters[at] == 'K' { '7' } else { 'K' };
    letters.into_iter().collect()
}

/// The row numbers below the head of a sheet.
fn body(rows: &[Vec<Data>]) -> std::ops::Range<usize> {
    let first = head_of(rows) + 1;
    let count = rows[first..].iter().take_while(|row| matches!(row.get(1), Some(Data::String(code)) if code.starts_with("GZ"))).count();
    first..first + count
}

/// Fills a row in, so that it would become an answer.
fn fill(dice: &mut Rng, rows: &mut [Vec<Data>], row: usize) {
    let column = column_of(rows, "有关说明");
    rows[row][column] = Data::String(format!("说明{}", dice.u32(..)));
}

/// The first sheet of a form, with one row filled in and forged.
fn forged(dice: &mut Rng, honest: &Honest, forgery: Forgery) -> Cells {
    let (name, mut rows) = honest.own[0].clone();
    let other = &honest.other[0].1;
    let all = body(&rows);
    let row = dice.usize(all.clone());
    let another = all.clone().find(|at| *at != row).expect("two rows");
    fill(dice, &mut rows, row);
    let (check, other_check) = (column_of(&rows, "校验码"), column_of(other, "校验码"));
    let other_row = body(other).start;
    match forgery {
        Forgery::Unit => renumber(&mut rows, |number| number.0 = "522702".into()),
        Forgery::LaterDay => renumber(&mut rows, |number| number.1 = format!("20{}1231", 27 + dice.u32(..72))),
        Forgery::EarlierDay => renumber(&mut rows, |number| number.1 = format!("2026{:02}30", 4 + dice.u32(..5))),
        Forgery::Key => renumber(&mut rows, |number| number.2 = dice.u32(2..99).to_string()),
        Forgery::Seal => renumber(&mut rows, |number| number.3 = with_other_letter(dice, &number.3, 16)),
        Forgery::NoSeal => renumber(&mut rows, |number| number.3.clear()),
        Forgery::NumberOfTheOther => {
            let mut other = honest.other[0].1.clone();
            *number_cell(&mut rows) = number_cell(&mut other).clone();
        }
        Forgery::RowOfTheOther => {
            // the row of another unit's form, with its own 校验码
            rows[row][1] = other[other_row][1].clone();
            rows[row][check] = other[other_row][other_check].clone();
        }
        Forgery::CheckOfAnotherRow => rows[row][check] = rows[another][check].clone(),
        Forgery::CheckChanged => rows[row][check] = Data::String(with_other_letter(dice, &rows[row][check].to_string(), 16)),
        Forgery::CodeOfTheOther => rows[row][1] = other[other_row][1].clone(),
        Forgery::CodeOfAnotherRow => {
            rows[row][1] = rows[another][1].clone();
            rows.remove(another);
        }
        Forgery::RowsCrossed => {
            for column in (0..rows[row].len()).filter(|column| *column != 1 && *column != check) {
                let cell = rows[row][column].clone();
                rows[row][column] = std::mem::replace(&mut rows[another][column], cell);
            }
        }
        Forgery::FromNothing => {
            renumber(&mut rows, |number| number.3 = (0..16).map(|_| *dice.choice(b"ABCDFGHJ0123").expect("one") as char).collect());
            for row in all {
                let made: String = (0..32).map(|_| *dice.choice(b"ABCDFGHJ0123").expect("one") as char).collect();
                rows[row][check] = Data::String(format!("{}-{}-{}", &made[..16], &made[16..24], &made[24..]));
            }
        }
    }
    vec![(name, rows)]
}

/// The honest form with one row filled in: sorted otherwise, with rows left out.
fn filled(dice: &mut Rng, honest: &Honest) -> Cells {
    let (name, mut rows) = honest.own[0].clone();
    let all = body(&rows);
    let row = dice.usize(all.clone());
    fill(dice, &mut rows, row);
    match dice.usize(..3) {
        0 => rows[all].reverse(),
        1 => {
            let another = all.clone().find(|at| *at != row).expect("two rows");
            rows.remove(another);
        }
        _ => {}
    }
    vec![(name, rows)]
}

async fn take(service: &App, cells: &Cells) -> Result<Vec<FormAccount>, String> {
    let file = service.root().join("反馈表.xlsx");
    std::fs::write(&file, write(cells)).expect("a form");
    let sender = Sender { user: "test".into(), clerk: None, why: String::new() };
    service.importer().take_form(&service.config().policy, &file, &sender).await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_form_is_taken() {
    let root = fresh_root();
    run_on(root.path(), &[("台账.csv", PROJECTS)]).await;
    let honest =
        Honest { own: form_sheets(&attachment(root.path(), "瓮安县")), other: form_sheets(&attachment(root.path(), "福泉市")) };
    let service = service(root.path(), "2026-10-12T00:00:00Z").await;
    let mut wrong = Vec::new();
    let count = number("DUBAN_FORMS").unwrap_or(56);
    for seed in first_seed()..first_seed() + count {
        let mut dice = Rng::with_seed(seed * 331 + 7);
        let forgery = FORGERIES[seed as usize % FORGERIES.len()];
        if let Ok(accounts) = take(&service, &forged(&mut dice, &honest, forgery)).await {
            let taken: usize = accounts.iter().map(|account| account.taken).sum();
            let returned: usize = accounts.iter().map(|account| account.returned).sum();
            if taken != 0 || returned == 0 {
                wrong.push(format!("seed {seed}: {forgery:?} is taken ({taken}), sent back {returned}"));
            }
        }
        if seed % 13 == 0 {
            match take(&service, &filled(&mut dice, &honest)).await {
                Ok(accounts) if accounts.iter().map(|account| (account.taken, account.returned)).eq([(1, 0)]) => {}
                other => wrong.push(format!("seed {seed}: the honest form is not taken: {other:?}")),
            }
        }
    }
    service.store().close().await;
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
