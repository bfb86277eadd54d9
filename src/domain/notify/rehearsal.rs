//! What a mail template may meet: a digest or a draft with every part filled, with its attachment kept back, and with counts only. A
//! slip in a branch that a sample register happens not to take is found by these.

use crate::domain::notify::digest::{Blank, Digest, Draft, Due, Named, RollUp, Silent, Unrouted};

/// One of everything, of a digest that has at least its counts.
pub fn rehearsals(digest: &Digest) -> [Digest; 3] {
    let named = |code: &str| Named { code: code.into(), name: "某项目".into(), matter: "签约未开工".into() };
    let mut full = digest.clone();
    full.forwarded_by = "某办公室".into();
    full.calendar_note = "某年节假日安排尚未公布".into();
    full.than_before = "比上期多1项".into();
    (full.compared, full.besides) = (vec!["新增1项".into()], vec!["待补齐1处".into()]);
    (full.withheld, full.red_more) = (1, 1);
    full.due = [true, false].map(|passed| due(digest, passed)).into();
    full.resolved = vec![named("0001"), Named { code: "0002".into(), name: String::new(), matter: String::new() }];
    full.gone = vec![named("0003"), Named { code: "0004".into(), name: String::new(), matter: String::new() }];
    full.unjudged = vec![Blank { code: "0005".into(), name: "某项目".into(), cells: vec!["签约时间".into()] }];
    (full.due_more, full.resolved_more, full.gone_more, full.unjudged_more) = (1, 1, 1, 1);
    for item in &mut full.urgent {
        (item.change, item.major, item.unit) = ("新增", "省级重点", "某县".into());
        (item.leader, item.officer, item.phone) = ("某某".into(), "某某".into(), "138****5678".into());
        (item.difficulty, item.waiting) = ("某问题".into(), "已提请某单位，待答复".into());
        (item.others, item.answers, item.proposed) = (vec!["某问题".into()], vec!["某某：已核对".into()], vec!["某事实".into()]);
    }
    if let Some(roll_up) = &mut full.roll_up {
        fill(roll_up);
    }
    full.attachment = Some("某清单.xlsx".into());
    let kept = Digest { attachment: None, attachment_kept: full.attachment.clone(), next_on: None, ..full.clone() };
    let mut counted = Digest { counts_only: true, ..full.clone() };
    counted.strip();
    [full, kept, counted]
}

fn due(digest: &Digest, passed: bool) -> Due {
    Due { name: "某项目".into(), code: "0006".into(), rule: "签约未开工".into(), due_on: digest.as_of, passed }
}

fn fill(roll_up: &mut RollUp) {
    (roll_up.forwarded, roll_up.answered, roll_up.proposed) = (1, 1, 1);
    let line = |unit: &str| Unrouted { code: "0007".into(), name: "某项目".into(), unit: unit.into(), relations: vec!["责任单位"] };
    (roll_up.unrouted, roll_up.unrouted_more, roll_up.unrouted_lines) = (3, 1, vec![line("某单位"), line("")]);
    (roll_up.silent_units, roll_up.silent_items, roll_up.silent_more) = (3, 3, 1);
    roll_up.silent_lines = ["某县", "某市"].map(|unit| Silent { unit: unit.into(), items: 1 }).into();
}

/// The same of a draft.
pub fn draft_rehearsals(draft: &Draft) -> [Draft; 3] {
    let mut full = draft.clone();
    (full.forwarded_by, full.withheld, full.more) = ("某办公室".into(), 1, 1);
    for item in &mut full.items {
        (item.major, item.unit) = ("省级重点", "某县".into());
        (item.others, item.answers, item.proposed) = (vec!["某问题".into()], vec!["某某：已核对".into()], vec!["某事实".into()]);
    }
    full.attachment = Some("某清单.xlsx".into());
    let kept = Draft { attachment: None, attachment_kept: full.attachment.clone(), ..full.clone() };
    let counted = Draft { counts_only: true, items: Vec::new(), more: 0, attachment: None, ..full.clone() };
    [full, kept, counted]
}
