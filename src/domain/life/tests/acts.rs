//! Single acts on orders and difficulties, each with what it writes and what it refuses.

use super::desk::{Desk, day};
use crate::domain::life::event::Via;
use crate::domain::life::given::given_cells;
use crate::domain::register::record::Cell;

const OFFICE: &str = "省投资促进局";

/// An order of the office to 瓮安县, issued on 1 July 2026 and due on 31 August.
fn issued() -> Desk {
    let mut desk = Desk::new("work-order", "2026-07-01");
    desk.does("new", "propose", OFFICE, &[("project_code", "GZ1"), ("matter", "用地"), ("requirement", "尽快供地"), ("holder", "瓮安县")]);
    assert_eq!(desk.state("DB-2026-000001"), "draft");
    let state = desk.does("DB-2026-000001", "issue", OFFICE, &[("due_on", "2026-08-31")]);
    assert_eq!((state.as_str(), desk.numbers[0].as_str()), ("issued", "招商服务单〔2026〕1号"));
    desk
}

const CODE: &str = "DB-2026-000001";

#[test]
fn an_order_is_issued_received_reported_and_accepted() {
    let mut desk = issued();
    assert_eq!(desk.cell(CODE, "name"), "瓮安县项目", "a name left out is the project's");
    assert_eq!(desk.cell(CODE, "issuer"), OFFICE);
    desk.today = day("2026-07-03");
    assert_eq!(desk.does(CODE, "receive", "瓮安县", &[]), "handling");
    assert_eq!(desk.cell(CODE, "received_by"), "瓮安县的人");
    desk.today = day("2026-08-03");
    assert_eq!(desk.does(CODE, "report", "瓮安县", &[("handling", "已供地")]), "checking");
    assert_eq!((desk.cell(CODE, "result"), desk.cell(CODE, "last_feedback_on")), ("已解决".into(), "2026-08-03".into()));
    desk.today = day("2026-08-05");
    assert_eq!(desk.does(CODE, "accept", OFFICE, &[]), "closed");
    assert_eq!(desk.cell(CODE, "completed_on"), "2026-08-03", "the day of the report, not of the check");
    assert_eq!(desk.on(CODE, day("2026-08-04")).unwrap().1, "checking", "a day before is as it was");
    assert_eq!(desk.on(CODE, day("2026-06-30")), None);
}

#[test]
fn an_order_not_yet_received_is_received_by_the_feedback() {
    let mut desk = issued();
    desk.today = day("2026-07-10");
    let act = desk.act(CODE, "feedback", "瓮安县", &[("handling", "正在办")]);
    let decision = desk.decide(&act).unwrap();
    assert_eq!(decision.drafts.iter().map(|draft| draft.event.transition.as_str()).collect::<Vec<_>>(), ["receive", "feedback"]);
    assert_eq!((decision.named, decision.state.as_str()), (1, "handling"));
    assert!(decision.drafts[0].event.given.is_empty() && decision.drafts[0].event.no == 3 && decision.drafts[1].event.no == 4);
    desk.handle(&act).unwrap();
    assert_eq!(desk.cell(CODE, "received_on"), "2026-07-10");
    assert_eq!(desk.does(CODE, "feedback", "瓮安县", &[("handling", "再报")]), "handling");
    assert_eq!(desk.matters[CODE].events.len(), 5);
}

#[test]
fn an_objection_is_refused_late_and_upheld_with_five_working_days_more() {
    let mut desk = issued();
    desk.today = day("2026-07-02");
    desk.does(CODE, "receive", "瓮安县", &[]);
    // 2 July 2026 is a Thursday: three working days end on Tuesday
    desk.today = day("2026-07-08");
    assert!(desk.refuses(CODE, "object", "瓮安县", &[]).contains("不具备"));
    desk.today = day("2026-07-07");
    assert_eq!(desk.does(CODE, "object", "瓮安县", &[]), "objecting");
    assert!(desk.refuses(CODE, "feedback", "瓮安县", &[("handling", "x")]).contains("申请改派中"));
    desk.today = day("2026-08-28");
    assert_eq!(desk.does(CODE, "uphold", OFFICE, &[]), "handling");
    assert_eq!(desk.cell(CODE, "extended_to"), "2026-09-04", "the later of the due day and five working days");
    desk.today = day("2026-08-31");
    assert!(desk.refuses(CODE, "object", "瓮安县", &[]).contains("不具备"), "once");
}

#[test]
fn an_extension_is_asked_in_time_and_the_second_one_needs_a_leader() {
    let mut desk = issued();
    desk.today = day("2026-08-31");
    assert_eq!(desk.does(CODE, "ask-extension", "瓮安县", &[("wanted_on", "2026-09-30")]), "extending");
    assert_eq!(desk.matters[CODE].events.len(), 4, "it is received first");
    desk.today = day("2026-09-02");
    assert_eq!(desk.does(CODE, "grant", OFFICE, &[]), "handling");
    assert_eq!((desk.cell(CODE, "extended_to"), desk.cell(CODE, "extensions")), ("2026-09-30".into(), "1".into()));
    desk.today = day("2026-09-30");
    desk.does(CODE, "ask-extension", "瓮安县", &[("wanted_on", "2026-10-30")]);
    assert!(desk.refuses(CODE, "grant", OFFICE, &[]).contains("不符合"));
    assert_eq!(desk.does(CODE, "grant", OFFICE, &[("leader", "张三")]), "handling");
    desk.today = day("2026-10-30");
    assert!(desk.refuses(CODE, "ask-extension", "瓮安县", &[("wanted_on", "2026-11-30")]).contains("2次为限"));
    desk.today = day("2026-10-31");
    assert!(desk.refuses(CODE, "ask-extension", "瓮安县", &[("wanted_on", "2026-11-30")]).contains("不具备"), "after the due day");
}

#[test]
fn a_reassigned_order_opens_another_with_its_own_number() {
    let mut desk = issued();
    desk.today = day("2026-07-10");
    let act = desk.act(CODE, "reassign", OFFICE, &[("holder", "福泉市")]);
    let decision = desk.decide(&act).unwrap();
    let set: Vec<&str> = decision.drafts[0].event.set.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(set, ["reassigned_on", "reassigned_to"], "what is used and not written stays out");
    desk.handle(&act).unwrap();
    assert_eq!((desk.state(CODE), desk.cell(CODE, "holder")), ("reassigned".into(), "瓮安县".into()));
    let other = "DB-2026-000002";
    assert_eq!(desk.matters[CODE].events[2].opened, [other]);
    assert_eq!(
        (desk.state(other), desk.cell(other, "holder"), desk.cell(other, "due_on")),
        ("issued".into(), "福泉市".into(), "2026-08-31".into())
    );
    assert_eq!((desk.cell(other, "reassigned_from"), desk.cell(other, "requirement")), (CODE.into(), "尽快供地".into()));
    assert_eq!(desk.numbers, ["招商服务单〔2026〕1号", "招商服务单〔2026〕2号"]);
    let refused = desk.refuses(other, "reassign", OFFICE, &[("holder", "瓮安县局")]);
    assert!(refused.contains("瓮安县"), "the names that would do: {refused}");
    desk.today = day("2026-08-28");
    assert!(desk.refuses(other, "reassign", OFFICE, &[("holder", "瓮安县")]).contains("2026-08-31"), "the due day has to be ahead");
}

#[test]
fn a_lower_order_is_withdrawn_with_the_upper_one() {
    let mut desk = Desk::new("work-order", "2026-07-01");
    desk.does("new", "propose", OFFICE, &[("project_code", "GZ2"), ("matter", "用地"), ("requirement", "供地"), ("holder", "贵阳市")]);
    desk.does(CODE, "issue", OFFICE, &[("due_on", "2026-08-31")]);
    desk.does(CODE, "receive", "贵阳市", &[]);
    let given = [("holder", "南明区"), ("requirement", "请办理"), ("due_on", "2026-07-31")];
    let wrong = [("holder", "瓮安县"), ("requirement", "请办理"), ("due_on", "2026-07-31")];
    assert!(desk.refuses(CODE, "pass-down", "贵阳市", &wrong).contains("下属单位"));
    assert_eq!(desk.does(CODE, "pass-down", "贵阳市", &given), "handling");
    let lower = "GY-2026-000001";
    assert_eq!((desk.cell(lower, "upper"), desk.cell(lower, "issuer"), desk.state(lower)), (CODE.into(), "贵阳市".into(), "issued".into()));
    assert_eq!(desk.numbers[1], "筑招商服务单〔2026〕1号");
    assert!(desk.refuses(lower, "withdraw", OFFICE, &[]).contains("贵阳市"), "an act of the issuer");
    desk.does(CODE, "withdraw", OFFICE, &[]);
    assert_eq!(desk.state(lower), "withdrawn");
    let last = desk.matters[lower].events.last().unwrap();
    assert_eq!((last.transition.as_str(), last.via, last.act), ("withdraw", Via::Service, desk.matters[CODE].events.last().unwrap().pos));
    assert!(desk.refuses(lower, "reopen", "贵阳市", &[("due_on", "2026-12-31")]).contains("上级"));
    assert!(desk.with_office(|office| desk.matters[lower].possible(office, desk.life(), &desk.matters, desk.today)).is_empty());
}

#[test]
fn an_order_suspended_over_its_day_comes_back_by_itself() {
    let mut desk = issued();
    desk.does(CODE, "receive", "瓮安县", &[]);
    assert_eq!(desk.does(CODE, "suspend", OFFICE, &[("review_on", "2026-09-15")]), "suspended");
    assert_eq!(desk.cell(CODE, "extended_to"), "2026-09-21", "20 September is a working Sunday");
    let at = |text: &str| desk.on(CODE, day(text)).unwrap().1;
    assert_eq!((at("2026-09-15"), at("2026-09-16")), ("suspended".into(), "handling".into()));
    let since = |text: &str| desk.with_office(|office| desk.matters[CODE].since(office, desk.life(), day(text)));
    assert_eq!(since("2026-09-20"), Some(day("2026-09-16")));
    assert_eq!(since("2026-09-15"), Some(day("2026-07-01")));
    assert!(desk.refuses(CODE, "suspend", OFFICE, &[("review_on", "2026-10-15")]).contains("不能"));
}

#[test]
fn a_suspended_order_that_was_only_fed_back_is_received() {
    let mut desk = Desk::new("work-order", "2026-07-01");
    let cells = [("project_code", "GZ1"), ("name", "项目"), ("holder", "瓮安县")].map(|(id, text)| (id, Cell::Text(text.into())));
    let fed_back = [("last_feedback_on", Cell::Date(day("2026-06-20"))), ("due_on", Cell::Date(day("2026-08-31")))];
    desk.import("A1", "2026-06-30", &cells.into_iter().chain(fed_back).collect::<Vec<_>>());
    assert_eq!(desk.state("A1"), "handling");
    desk.does("A1", "suspend", OFFICE, &[("review_on", "2026-09-15")]);
    assert_eq!(desk.does("A1", "receive", "瓮安县", &[]), "suspended");
    assert_eq!(desk.does("A1", "feedback", "瓮安县", &[("handling", "等待")]), "suspended");
}

#[test]
fn a_closed_order_is_reopened_and_a_discarded_one_is_not() {
    let mut desk = issued();
    desk.does(CODE, "report", "瓮安县", &[("handling", "已办")]);
    desk.does(CODE, "accept", OFFICE, &[]);
    assert!(desk.refuses(CODE, "reopen", OFFICE, &[("due_on", "2026-07-03")]).contains("2026-07-03"));
    assert_eq!(desk.does(CODE, "reopen", OFFICE, &[("due_on", "2026-10-30")]), "handling");
    assert_eq!((desk.cell(CODE, "due_on"), desk.cell(CODE, "extended_to")), ("2026-08-31".into(), "2026-10-30".into()));
    desk.does("new", "propose", OFFICE, &[("project_code", "GZ1"), ("matter", "用地"), ("requirement", "供地")]);
    desk.does("DB-2026-000002", "discard", OFFICE, &[]);
    assert!(desk.refuses("DB-2026-000002", "reopen", OFFICE, &[("due_on", "2026-10-30")]).contains("不具备"));
}

#[test]
fn days_of_units_and_clerks() {
    let mut desk = issued();
    desk.today = day("2026-07-20");
    let mut act = desk.act(CODE, "receive", "瓮安县", &[]);
    act.stated_on = Some(day("2026-07-21"));
    assert!(desk.decide(&act).unwrap_err().reason.contains("晚于今天"));
    act.stated_on = Some(day("2026-06-30"));
    assert!(desk.decide(&act).unwrap_err().reason.contains("早于"));
    act.stated_on = Some(day("2026-07-02"));
    assert_eq!(desk.decide(&act).unwrap().drafts[0].event.on, day("2026-07-02"), "a clerk may give any earlier day");
    // the unit itself: 13 July is five working days back
    act.on_behalf = false;
    act.stated_on = Some(day("2026-07-13"));
    assert_eq!(desk.decide(&act).unwrap().drafts[0].event.on, day("2026-07-13"));
    act.stated_on = Some(day("2026-07-10"));
    let late = desk.decide(&act).unwrap().drafts.remove(0).event;
    assert_eq!((late.on, late.late), (desk.today, true));
    assert_eq!(late.given, [("on".to_owned(), Cell::Date(day("2026-07-10")))]);
    let mut own = desk.act(CODE, "withdraw", OFFICE, &[]);
    own.stated_on = Some(day("2026-07-17"));
    assert!(desk.decide(&own).unwrap_err().reason.contains("当天"));
}

#[test]
fn who_may_act() {
    let mut desk = issued();
    assert!(desk.refuses(CODE, "receive", OFFICE, &[]).contains("瓮安县"), "the office records for the unit or not at all");
    assert!(desk.refuses(CODE, "receive", "福泉市", &[]).contains("应由瓮安县"));
    let refusal = desk.decide(&desk.act(CODE, "accept", OFFICE, &[])).unwrap_err();
    assert_eq!((refusal.state.as_str(), refusal.last), ("issued", Some(("省投资促进局的人".into(), day("2026-07-01")))));
    assert_eq!(refusal.possible, ["receive", "object", "reassign", "withdraw"]);
    // an order that the office gave itself
    desk.does(
        "new",
        "propose",
        OFFICE,
        &[("project_code", "GZ1"), ("matter", "用地"), ("requirement", "供地"), ("holder", OFFICE), ("due_on", "2026-12-31")],
    );
    let own = "DB-2026-000002";
    desk.does(own, "issue", OFFICE, &[]);
    desk.does(own, "report", OFFICE, &[("handling", "已办")]);
    assert!(desk.refuses(own, "accept", OFFICE, &[]).contains("另一人"));
    let mut other = desk.act(own, "accept", OFFICE, &[]);
    other.by = "另一人".into();
    assert!(!desk.decide(&other).unwrap().drafts[0].event.same_person);
    let office = desk.policy.units.office();
    desk.persons.insert(office, ["唯一的人".to_owned()].into());
    assert!(desk.refuses(own, "accept", OFFICE, &[]).contains("另一人"), "the directory knows one person, and it is another one");
    desk.persons.insert(office, ["省投资促进局的人".to_owned(), "唯一的人".to_owned()].into());
    assert!(desk.refuses(own, "accept", OFFICE, &[]).contains("另一人"), "it knows two");
    desk.persons.insert(office, ["省投资促进局的人".to_owned()].into());
    assert!(desk.decide(&desk.act(own, "accept", OFFICE, &[])).unwrap().drafts[0].event.same_person, "自办自结");
}

#[test]
fn a_due_day_is_reckoned_from_working_days() {
    let mut desk = Desk::new("work-order", "2026-07-01");
    let given = [("project_code", "GZ1"), ("matter", "用地"), ("requirement", "供地"), ("holder", "瓮安县"), ("within", "15")];
    desk.does("new", "propose", OFFICE, &given);
    desk.does(CODE, "issue", OFFICE, &[]);
    assert_eq!(desk.cell(CODE, "due_on"), "2026-07-22");
    desk.does("new", "propose", OFFICE, &given[..4]);
    assert!(desk.refuses("DB-2026-000002", "issue", OFFICE, &[]).contains("未填"));
    assert!(desk.refuses("DB-2026-000002", "issue", OFFICE, &[("due_on", "2026-07-07")]).contains("2026-07-07"));
}

/// A difficulty of 瓮安县 that its 自然资源 department is asked to solve.
fn raised() -> Desk {
    let mut desk = Desk::new("difficulty", "2026-07-01");
    let given =
        [("project_code", "GZ1"), ("category", "用地"), ("name", "用地未落实"), ("asked_level", "县级"), ("department", "自然资源部门")];
    assert_eq!(desk.does("new", "raise", "瓮安县", &given), "open");
    desk
}

const RAISED: &str = "KN-2026-000001";

#[test]
fn a_difficulty_goes_up_and_comes_back_answered() {
    let mut desk = raised();
    let asked = desk.with_office(|office| office.owner(&desk.folded(RAISED).record).unit.map(|unit| office.name(unit).to_owned())).unwrap();
    desk.today = day("2026-07-06");
    assert_eq!(desk.does(RAISED, "ask-up", &asked, &[("tried", "已协调")]), "proposed-up");
    desk.today = day("2026-07-08");
    assert!(desk.refuses(RAISED, "to-agenda", "瓮安县", &[]).contains("不具备"));
    assert_eq!(desk.does(RAISED, "pass-up", "瓮安县", &[]), "passed-up");
    let upper = "KN-2026-000002";
    assert_eq!(
        (desk.state(upper), desk.cell(upper, "asked_level"), desk.cell(upper, "raised_from")),
        ("open".into(), "市级".into(), RAISED.into())
    );
    assert_eq!((desk.cell(upper, "raised_by"), desk.cell(upper, "first_raised_on")), ("瓮安县".into(), "2026-07-01".into()));
    assert_eq!(desk.cell(upper, "raised_on"), "2026-07-08");
    let city = desk.with_office(|office| office.owner(&desk.folded(upper).record).unit.map(|unit| office.name(unit).to_owned())).unwrap();
    desk.today = day("2026-07-15");
    assert_eq!(desk.does(upper, "answer", &city, &[("answer", "已批复"), ("answer_class", "已解决")]), "answered");
    assert_eq!((desk.state(RAISED), desk.cell(RAISED, "answer")), ("answered".into(), "已批复".into()));
    desk.today = day("2026-07-17");
    assert_eq!(desk.does(upper, "return", "瓮安县", &[]), "open");
    assert_eq!(desk.state(RAISED), "passed-up");
    desk.today = day("2026-07-20");
    assert_eq!(desk.does(upper, "return-down", "黔南州", &[]), "withdrawn");
    assert_eq!((desk.state(RAISED), desk.cell(RAISED, "clock_from")), ("open".into(), "2026-07-20".into()));
    assert_eq!(desk.does(RAISED, "solve", "瓮安县", &[]), "solved");
    assert_eq!(desk.state(upper), "withdrawn", "a final one is left as it is");
}

#[test]
fn limits_count_for_the_owner() {
    let mut desk = raised();
    let asked = desk.with_office(|office| office.owner(&desk.folded(RAISED).record).unit.map(|unit| office.name(unit).to_owned())).unwrap();
    for _ in 0..2 {
        desk.does(RAISED, "promise", &asked, &[("answer", "正在办"), ("promised_on", "2026-07-20")]);
    }
    assert_eq!(desk.cell(RAISED, "promises"), "2");
    assert!(desk.refuses(RAISED, "promise", &asked, &[("answer", "正在办"), ("promised_on", "2026-07-20")]).contains("2次为限"));
    assert!(desk.refuses(RAISED, "redirect", "瓮安县", &[("department", "无此部门")]).contains("自然资源"));
    desk.does(RAISED, "redirect", "瓮安县", &[("department", "人社部门")]);
    let other = desk.with_office(|office| office.owner(&desk.folded(RAISED).record).unit.map(|unit| office.name(unit).to_owned())).unwrap();
    assert_ne!(asked, other);
    desk.does(RAISED, "promise", &other, &[("answer", "正在办"), ("promised_on", "2026-07-20")]);
}

/// What was done later counts neither for what is possible on an earlier day nor for how often.
#[test]
fn later_acts_count_on_no_earlier_day() {
    let mut desk = raised();
    let asked = desk.with_office(|office| office.owner(&desk.folded(RAISED).record).unit.map(|unit| office.name(unit).to_owned())).unwrap();
    desk.today = day("2026-07-10");
    for _ in 0..2 {
        desk.does(RAISED, "promise", &asked, &[("answer", "正在办"), ("promised_on", "2026-07-20")]);
    }
    let possible = |on: &str| desk.with_office(|office| desk.matters[RAISED].possible(office, desk.life(), &desk.matters, day(on)));
    assert!(possible("2026-07-09").contains(&"promise".to_owned()));
    assert!(!possible("2026-07-10").contains(&"promise".to_owned()));
}

/// A message names fields and acts by their titles, and offers a few names only.
#[test]
fn messages_name_titles_and_few_names() {
    let mut desk = issued();
    let refused = desk.refuses(CODE, "reassign", OFFICE, &[("holder", "县")]);
    assert!(refused.contains("承办单位“县”") && refused.matches('、').count() < 5, "{refused}");
    let refused = desk.refuses(CODE, "feedback", "瓮安县", &[]);
    assert!(refused.contains("须填：办理情况（handling）"), "{refused}");
    let refused = desk.refuses(CODE, "feedback", "瓮安县", &[("due_on", "2026-12-31")]);
    assert!(refused.contains("不填办结时限（due_on）"), "{refused}");
    let refused = desk.refuses(CODE, "签受", "瓮安县", &[]);
    assert!(refused.contains("签收（receive）") && refused.matches('、').count() < 5, "{refused}");
    assert_eq!(desk.does(CODE, "签收", "瓮安县", &[]), "handling", "a title names it as well");
    assert!(desk.refuses(CODE, "receive", "瓮安县", &[]).contains("签收日期已是2026-07-01"));
    let orders = &desk.policy.ledgers[desk.ledger];
    let unknown = given_cells(orders, &[("due_om".to_owned(), "2026-12-31".to_owned())], desk.today).unwrap_err();
    assert!(unknown.contains("办结时限（due_on）") && unknown.matches('、').count() < 5 && !unknown.contains("expected"), "{unknown}");
}

/// Acts that are made together are all made or none, each after the one before it.
#[test]
fn acts_made_together_are_all_made_or_none() {
    let mut desk = issued();
    desk.today = day("2026-07-03");
    let act = |desk: &Desk, transition: &str, given: &[(&str, &str)]| desk.act(CODE, transition, "瓮安县", given);
    let (receive, feedback) = (act(&desk, "receive", &[]), act(&desk, "feedback", &[("handling", "正在办")]));
    let refused = desk.handle_together(&[receive.clone(), feedback.clone(), receive.clone()]).unwrap_err();
    assert!(refused.reason.contains("签收") && refused.state == "issued", "{refused:?}");
    assert_eq!(desk.matters[CODE].events.len(), 2);
    assert_eq!(desk.handle_together(&[receive, feedback, act(&desk, "report", &[("handling", "已办")])]).unwrap(), "checking");
    let made: Vec<&str> = desk.matters[CODE].events.iter().map(|event| event.transition.as_str()).collect();
    assert_eq!(made, ["propose", "issue", "receive", "feedback", "report"]);
}
