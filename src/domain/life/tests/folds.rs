//! An imported row and the events on it: which of the two counts for a field.

use super::desk::{Desk, day};
use crate::domain::register::record::Cell;

const OFFICE: &str = "省投资促进局";

fn date(text: &str) -> Cell {
    Cell::Date(day(text))
}

fn imported(more: &[(&str, Cell)]) -> Vec<(&'static str, Cell)> {
    let mut cells = vec![
        ("name", Cell::Text("一个项目".into())),
        ("project_code", Cell::Text("GZ1".into())),
        ("holder", Cell::Text("瓮安县".into())),
        ("dispatched_on", date("2026-06-01")),
        ("due_on", date("2026-09-30")),
    ];
    cells.extend(more.iter().map(|(id, cell)| (Box::leak((*id).to_owned().into_boxed_str()) as &str, cell.clone())));
    cells
}

/// An imported order that the unit received on 10 July; the snapshot covers 30 June.
fn received() -> Desk {
    let mut desk = Desk::new("work-order", "2026-07-10");
    desk.import("A1", "2026-06-30", &imported(&[]));
    assert_eq!(desk.state("A1"), "issued");
    desk.does("A1", "receive", "瓮安县", &[]);
    desk
}

#[test]
fn an_imported_row_lives_on_with_events() {
    let desk = received();
    let folded = desk.folded("A1");
    assert_eq!((desk.state("A1").as_str(), folded.is_own, folded.gone), ("handling", false, false));
    assert!(folded.record.has_events && folded.record.by_event.contains(desk.field("received_on")));
    assert!(!folded.record.by_event.contains(desk.field("dispatched_on")));
    assert_eq!(desk.on("A1", day("2026-07-09")).unwrap().1, "issued");
}

#[test]
fn an_empty_cell_of_a_later_import_clears_nothing() {
    let mut desk = received();
    desk.today = day("2026-08-10");
    desk.import("A1", "2026-07-31", &imported(&[]));
    assert_eq!(desk.cell("A1", "received_on"), "2026-07-10");
}

#[test]
fn the_later_of_event_and_import_counts_and_the_event_on_the_same_day() {
    let mut desk = received();
    desk.today = day("2026-08-10");
    desk.import("A1", "2026-07-10", &imported(&[("received_on", date("2026-07-05"))]));
    assert_eq!(desk.cell("A1", "received_on"), "2026-07-10", "a tie");
    desk.import("A1", "2026-07-31", &imported(&[("received_on", date("2026-07-05"))]));
    assert_eq!(desk.cell("A1", "received_on"), "2026-07-10", "the cell is as it is since 10 July");
    desk.import("A1", "2026-08-01", &imported(&[("received_on", date("2026-07-06"))]));
    assert_eq!(desk.cell("A1", "received_on"), "2026-07-06", "a new cell behind the event");
    assert!(!desk.folded("A1").record.by_event.contains(desk.field("received_on")));
    assert_eq!(desk.on("A1", day("2026-07-31")).unwrap().0.record.cell(desk.field("received_on")), &date("2026-07-10"));
}

#[test]
fn of_two_feedback_days_the_later_one_counts() {
    let mut desk = received();
    desk.today = day("2026-08-10");
    desk.does("A1", "feedback", "瓮安县", &[("handling", "正在办")]);
    desk.import("A1", "2026-07-31", &imported(&[("last_feedback_on", date("2026-07-30"))]));
    assert_eq!(desk.cell("A1", "last_feedback_on"), "2026-08-10");
    desk.today = day("2026-09-10");
    desk.import("A1", "2026-08-01", &imported(&[("last_feedback_on", date("2026-09-01"))]));
    assert_eq!(desk.cell("A1", "last_feedback_on"), "2026-09-01", "also where the import is older than the event");
    desk.import("A1", "2026-08-02", &imported(&[("last_feedback_on", date("2099-01-01"))]));
    assert_eq!(desk.cell("A1", "last_feedback_on"), "2026-08-10", "a day that has not come is no feedback");
}

#[test]
fn an_import_neither_reopens_nor_dates_anew_what_an_event_closed() {
    let mut desk = received();
    desk.does("A1", "report", "瓮安县", &[("handling", "已办")]);
    desk.does("A1", "accept", OFFICE, &[]);
    desk.today = day("2026-09-10");
    desk.import("A1", "2026-08-31", &imported(&[("completed_on", date("2026-08-20"))]));
    assert_eq!((desk.state("A1"), desk.cell("A1", "completed_on")), ("closed".into(), "2026-07-10".into()));
    desk.import("A1", "2026-09-01", &imported(&[]));
    assert_eq!(desk.state("A1"), "closed");
    // a reopened one may be closed by an import
    desk.does("A1", "reopen", OFFICE, &[("due_on", "2026-10-30")]);
    assert_eq!(desk.state("A1"), "handling");
    desk.today = day("2026-10-10");
    desk.import("A1", "2026-09-30", &imported(&[("completed_on", date("2026-09-20"))]));
    assert_eq!((desk.state("A1"), desk.cell("A1", "completed_on")), ("closed".into(), "2026-09-20".into()));
}

#[test]
fn a_row_that_left_its_source_can_only_be_withdrawn() {
    let mut desk = received();
    desk.today = day("2026-08-10");
    desk.lose("A1", "2026-08-01");
    let folded = desk.folded("A1");
    assert!(folded.gone && desk.state("A1") == "handling");
    assert_eq!(folded.record.text(Some(desk.field("holder"))), "瓮安县", "its last version is the base");
    assert!(desk.refuses("A1", "feedback", "瓮安县", &[("handling", "x")]).contains("已无"));
    assert_eq!(desk.with_office(|office| desk.matters["A1"].possible(office, desk.life(), &desk.matters, desk.today)), ["withdraw"]);
    assert_eq!(desk.does("A1", "withdraw", OFFICE, &[]), "withdrawn");
    assert!(!desk.on("A1", day("2026-07-31")).unwrap().0.gone);
}

#[test]
fn the_base_before_the_first_snapshot_is_the_earliest_one() {
    let mut desk = Desk::new("work-order", "2026-06-15");
    desk.import("A1", "2026-06-30", &imported(&[]));
    assert_eq!(desk.state("A1"), "issued");
    assert_eq!(desk.with_office(|office| desk.matters["A1"].since(office, desk.life(), desk.today)), None, "no event yet");
}

#[test]
fn an_event_of_a_ledger_that_lost_the_field_sets_the_others() {
    let mut desk = received();
    desk.matters.get_mut("A1").unwrap().events[0].set.push(("no_such_field".into(), Cell::Int(1)));
    assert_eq!(desk.state("A1"), "handling");
}
