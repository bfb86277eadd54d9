//! How a mail differs from the mail before it, and what is mailed before the start of enforcement.

use super::*;

#[test]
fn a_second_mail_names_what_changed() {
    let mut fixture = Fixture::new();
    let first = fixture.plan();
    fixture.deliver(&first, "2026-09-29");
    fixture.rhythm = Rhythm::Changes;
    let planned = fixture.plan();
    assert!(planned.digests.is_empty(), "notified yesterday");
    assert_eq!(planned.reasons[&fixture.unit(WENGAN)], NotifyReason::QuietDays);
    assert_eq!(planned.reasons[&fixture.unit("省投资促进局")], NotifyReason::NothingNew);
    fixture.deliver(&first, "2026-09-20");
    let planned = fixture.plan();
    // only the county has something due
    assert_eq!(planned.digests.iter().map(|digest| digest.recipient.unit_name.as_str()).collect::<Vec<_>>(), [WENGAN]);
    assert!(planned.coverage.adds_up(), "{:?}", planned.coverage);
    assert_eq!(fixture.of(&planned, WENGAN).subject, "【督办提醒】瓮安县 截至2026年9月30日：红2 橙1 黄1，近期到期1件");

    fixture.rhythm = Rhythm::Always;
    let wengan = fixture.unit(WENGAN);
    let escalated = fixture.of(&first, WENGAN).sections.urgent[0].code.clone();
    let last_notified = fixture.last_notified.get_mut(&wengan).unwrap();
    for (identity, light) in last_notified.iter_mut() {
        if identity.key == escalated && light.is_some() {
            *light = Some(Light::Yellow);
        }
    }
    let planned = fixture.plan();
    let urgent = &fixture.of(&planned, WENGAN).sections.urgent;
    assert_eq!(urgent[0].change, Change::Escalated.title(), "{urgent:?}");
    let last_notified = fixture.last_notified.get_mut(&wengan).unwrap();
    for key in ["GZ202400009", "GZ202400010"] {
        last_notified.insert(Identity { rule: "unstarted".into(), ledger: "project".into(), key: key.into() }, Some(Light::Red));
    }
    let project = fixture.ledger("project");
    fixture.gone.insert((project, "GZ202400010".into()));
    let planned = fixture.plan();
    let digest = fixture.of(&planned, WENGAN);
    assert_eq!(digest.subject, "【督办提醒】瓮安县 截至2026年9月30日：红2 橙1 黄1，近期到期1件（升级1）");
    assert_eq!(digest.sections.resolved.iter().map(|named| named.code.as_str()).collect::<Vec<_>>(), ["GZ202400009"]);
    assert_eq!(
        digest.sections.gone.iter().map(|named| named.code.as_str()).collect::<Vec<_>>(),
        ["GZ202400010"],
        "asked about, not thanked for"
    );
}

#[test]
fn before_the_start_only_owners_are_notified_and_only_reminded() {
    let mut fixture = Fixture::new();
    fixture.started = false;
    let planned = fixture.plan();
    assert!(fixture.find(&planned, "黔南布依族苗族自治州").is_none());
    assert!(fixture.find(&planned, "基础材料牵头部门").is_none());
    let digest = fixture.of(&planned, WENGAN);
    assert!(digest.subject.starts_with("【存量核对单】瓮安县 截至2026年9月30日：请核对4个"), "{}", digest.subject);
    assert!(planned.digests.iter().flat_map(|digest| &digest.sections.urgent).all(|item| item.act == "提醒"));
    let office = fixture.of(&planned, "省投资促进局");
    let open = fixture.judged.findings.iter().filter(|finding| finding.state == State::Open).count();
    assert_eq!(office.findings.len(), open, "the office gets the full list");
    assert!(planned.coverage.adds_up(), "{:?}", planned.coverage);
    assert!(planned.coverage.relations[Relation::Superior as usize].held > 0);
    fixture.deliver(&planned, "2026-09-01");
    fixture.judged.notices.clear();
    assert!(fixture.plan().digests.is_empty(), "one list to check, not one each month");
}
