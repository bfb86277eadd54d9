//! Example mails that fill every branch of a template: a digest or a draft with every part filled, with its attachment retained at the
//! office, and with counts only. `duban check` renders them, because the sample register does not reach every branch.

use crate::domain::notify::delivery::DeliveryState;
use crate::domain::notify::digest::{
    Counts, Digest, Draft, DraftLine, Due, EmptyCells, FormerItem, ForwardedItem, ForwardedUnit, ItemText, NamedItem, OldItem, RollUp,
    SealedAudit, ServiceLine, SilentUnit, UnreachedUnit, UnroutedRecord,
};
use chrono::NaiveDate;

/// Three variants of a digest.
pub fn rehearsals(digest: &Digest) -> [Digest; 3] {
    let former = |code: &str| FormerItem { code: code.into(), name: "某项目".into(), rules: "签约未开工".into() };
    let unnamed = |code: &str| FormerItem { code: code.into(), name: String::new(), rules: String::new() };
    let mut full = digest.clone();
    full.recipient.forwarded_by = "某办公室".into();
    full.data_notes = vec!["项目台账数据已53天未更新（截至某日）".into()];
    full.calendar_note = "某年节假日安排尚未公布".into();
    full.than_before = "比上期多1个".into();
    (full.compared, full.besides) = (vec!["新增1个".into()], vec!["待补齐1处".into()]);
    full.restricted = 1;
    let sections = &mut full.sections;
    sections.due = [true, false].map(|passed| due(digest, passed)).into();
    sections.resolved = vec![former("0001"), unnamed("0002")];
    let old =
        |waits| OldItem { light: "red", mark: "●红", name: "某项目".into(), code: "0008".into(), line: "某问题".into(), waits };
    (sections.old_items, sections.old_more) = (vec![old(false), old(true)], 1);
    sections.gone = vec![former("0003"), unnamed("0004")];
    let named = NamedItem { name: "某项目".into(), code: "0009".into() };
    sections.services = vec![ServiceLine { text: "某服务".into(), count: 2, items: vec![named], more: 1 }];
    sections.unjudged = vec![EmptyCells { code: "0005".into(), name: "某项目".into(), cells: vec!["签约时间".into()] }];
    (sections.red_more, sections.due_more, sections.resolved_more, sections.gone_more, sections.unjudged_more) = (1, 1, 1, 1, 1);
    for item in &mut sections.urgent {
        item.change = "新增";
        (item.leader, item.officer, item.phone) = ("某某".into(), "某某".into(), "138****5678".into());
        (item.difficulty, item.waiting_on) = ("某问题".into(), "已提请某单位，待答复".into());
        fill_item(item);
    }
    let item = ForwardedItem { mark: "●红", name: "某项目".into(), code: "0010".into(), line: "某问题".into() };
    full.forwarded = [Some("某清单.xlsx".to_owned()), None].map(|attachment| forwarded(&item, attachment)).into();
    full.packs = vec!["某材料.xlsx".into()];
    if let Some(roll_up) = &mut full.roll_up {
        fill_roll_up(roll_up);
    }
    full.replaces_on = Some(digest.letterhead.as_of);
    full.sealed_audit = Some(SealedAudit { no: 1, hash: "0".repeat(64) });
    full.attached.attachment = Some("某清单.xlsx".into());
    let mut retained = full.clone();
    retained.attached.attachment_retained = retained.attached.attachment.take();
    retained.next_on = None;
    let mut counted = full.clone();
    counted.recipient.counts_only = true;
    counted.strip_to_counts();
    [full, retained, counted]
}

fn forwarded(item: &ForwardedItem, attachment: Option<String>) -> ForwardedUnit {
    ForwardedUnit {
        unit: 0,
        unit_name: "某单位".into(),
        items: vec![item.clone()],
        covered: Vec::new(),
        notified: Vec::new(),
        findings: Vec::new(),
        restricted: 0,
        counts: Counts::default(),
        attachment,
    }
}

fn due(digest: &Digest, passed: bool) -> Due {
    Due { name: "某项目".into(), code: "0006".into(), rule: "签约未开工".into(), due_on: digest.letterhead.as_of, passed }
}

fn fill_item(item: &mut ItemText) {
    (item.major, item.unit) = ("重点".into(), "某单位".into());
    (item.others, item.answers, item.proposed) = (vec!["某问题".into()], vec!["某某：已核对".into()], vec!["某事实".into()]);
}

fn fill_roll_up(roll_up: &mut RollUp) {
    (roll_up.forwarded, roll_up.answered, roll_up.proposed) = (1, 1, 1);
    (roll_up.supervised, roll_up.circulated, roll_up.interviewed, roll_up.not_interviewed, roll_up.for_meeting) = (1, 1, 1, 1, 1);
    (roll_up.unsigned, roll_up.unsigned_since) = (1, NaiveDate::from_ymd_opt(2026, 1, 1));
    let line =
        |unit: &str| UnroutedRecord {
            code: "0007".into(), name: "某项目".into(), unit: unit.into(), relations: vec!["责任单位".into()]
        };
    (roll_up.unrouted, roll_up.unrouted_more, roll_up.unrouted_lines) = (3, 1, vec![line("某单位"), line("")]);
    (roll_up.silent_units, roll_up.silent_items, roll_up.silent_more) = (3, 3, 1);
    (roll_up.unreached_units, roll_up.unreached_more) = (3, 1);
    roll_up.unreached_lines =
        ["某单位", "另一单位"].map(|unit| UnreachedUnit { unit: unit.into(), state: DeliveryState::Refused.word() }).into();
    roll_up.silent_lines = ["某单位", "另一单位"].map(|unit| SilentUnit { unit: unit.into(), items: 1 }).into();
}

/// Three variants of a draft.
pub fn draft_rehearsals(draft: &Draft) -> [Draft; 3] {
    let mut full = draft.clone();
    full.recipient.forwarded_by = "某办公室".into();
    (full.restricted, full.more) = (1, 1);
    full.items.iter_mut().for_each(fill_item);
    full.copy_of = "某单位".into();
    full.lines = vec![DraftLine { unit: "某单位".into(), items: 1, findings: 1, longest_days: 1 }];
    full.attached.attachment = Some("某清单.xlsx".into());
    let mut retained = full.clone();
    retained.attached.attachment_retained = retained.attached.attachment.take();
    let mut counted = Draft { items: Vec::new(), more: 0, ..full.clone() };
    counted.recipient.counts_only = true;
    counted.attached.attachment = None;
    [full, retained, counted]
}
