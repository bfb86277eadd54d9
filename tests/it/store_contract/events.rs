//! The log of events: positions in the order of commits, codes and numbers without gap, one of two acts at once, keys, retractions.

use super::Db;
use chrono::NaiveDate;
use duban::config::load::{Config, read_files};
use duban::domain::life::act::{Draft, Numbering, OpenedDraft};
use duban::domain::life::event::{Event, Via};
use duban::domain::register::ledger::Ledger;
use duban::domain::register::record::Cell;
use duban::store::audit::AuditEntry;
use duban::store::events::{Acted, Appended, Retracted};
use duban::store::handle::Store;
use std::collections::BTreeSet;
use std::path::Path;
use tokio::task::JoinSet;

const AT: &str = "2026-11-23T08:00:00.000Z";

fn orders() -> Ledger {
    let config = Config::parse(read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()).unwrap();
    config.policy.ledgers[config.policy.ledger("work-order").unwrap()].clone()
}

fn day() -> NaiveDate {
    "2026-11-23".parse().unwrap()
}

/// The event `no` of a record, or the first one of a new record.
fn draft(code: Option<&str>, no: u32, key: &str) -> Draft {
    let event = Event {
        pos: 0,
        act: 0,
        code: code.unwrap_or_default().to_owned(),
        no,
        creates: code.is_none(),
        transition: if code.is_some() { "issue" } else { "propose" }.into(),
        on: day(),
        recorded_at: String::new(),
        by: "张三".into(),
        unit: "省投资促进局".into(),
        actor: "test".into(),
        via: Via::CommandLine,
        on_behalf: false,
        late: false,
        same_person: false,
        given: vec![("matter".into(), Cell::Text("用地".into()))],
        set: vec![("proposed_on".into(), Cell::Date(day())), ("extended_to".into(), Cell::Empty)],
        reason: "理由".into(),
        key: key.into(),
        number: String::new(),
        opened: Vec::new(),
        retracted: None,
    };
    let numbering = code.map(|_| Numbering::Next { issuer: String::new(), text: "〔{year}〕{n}号".into() });
    Draft { event, prefix: "DB".into(), numbering, opens: None, follows: None }
}

async fn append(store: &Store, ledger: &Ledger, drafts: &[Draft], expected: &[(String, u32)]) -> Appended {
    let acted = Acted { ledger, drafts, named: 0, expected, sample: false, year: 2026 };
    store.events().append(&acted, AuditEntry { at: AT, who: "张三", why: "理由" }).await.unwrap()
}

async fn propose(store: &Store, ledger: &Ledger, key: &str) -> String {
    match append(store, ledger, &[draft(None, 1, key)], &[]).await {
        Appended::Written { code, no: 1, number } if number.is_empty() => code,
        other => panic!("{other:?}"),
    }
}

pub async fn an_event_comes_back_as_it_was_written(db: &Db) {
    let (store, ledger) = (db.open().await, orders());
    let code = propose(&store, &ledger, "k").await;
    assert_eq!(code, "DB-2026-000001");
    let events = store.events().of_codes("work-order", &[code.clone(), "none".into()], false).await.unwrap();
    let event = &events[0];
    assert_eq!((event.pos, event.act, event.no, event.creates, event.on), (1, 1, 1, true, day()));
    assert_eq!((event.by.as_str(), event.recorded_at.as_str(), event.key.as_str(), event.via), ("张三", AT, "k", Via::CommandLine));
    assert_eq!(event.given, [("matter".to_owned(), Cell::Text("用地".into()))]);
    let set = [("proposed_on".to_owned(), Cell::Date(day())), ("extended_to".to_owned(), Cell::Empty)];
    assert_eq!(event.set.iter().collect::<Vec<_>>(), set.iter().collect::<Vec<_>>());
    assert_eq!(store.events().position().await.unwrap(), 1);
    assert!(store.events().of_codes("work-order", &[code], true).await.unwrap().is_empty(), "those of the sample are others");
    let audit = store.audit().list(None).await.unwrap();
    assert!(audit.iter().any(|line| line.what == "handle propose" && line.object == "work-order/DB-2026-000001/1"));
}

pub async fn a_repeated_key_gives_the_first_event(db: &Db) {
    let (store, ledger) = (db.open().await, orders());
    let code = propose(&store, &ledger, "k").await;
    let repeated = append(&store, &ledger, &[draft(None, 1, "k")], &[]).await;
    assert!(matches!(repeated, Appended::Repeated(first) if first.code == code && first.no == 1));
    let issue = [draft(Some(&code), 2, "k2")];
    let written = append(&store, &ledger, &issue, &[(code.clone(), 1)]).await;
    assert_eq!(written, Appended::Written { code: code.clone(), no: 2, number: "〔2026〕1号".into() });
    let repeated = append(&store, &ledger, &issue, &[(code.clone(), 1)]).await;
    assert!(matches!(repeated, Appended::Repeated(first) if first.no == 2));
    assert_eq!(store.events().by_key("work-order", Some(&code), "k2", false).await.unwrap().map(|event| event.no), Some(2));
    assert_eq!(store.events().position().await.unwrap(), 2);
    // a key is of one record: the first event of an imported one is not that which makes another
    append(&store, &ledger, &[Draft { numbering: None, ..draft(Some("A1"), 1, "k3") }], &[("A1".into(), 0)]).await;
    assert_eq!(store.events().by_key("work-order", None, "k3", false).await.unwrap(), None);
    assert_eq!(propose(&store, &ledger, "k3").await, "DB-2026-000002");
}

pub async fn what_made_a_record_is_not_retracted_once_others_have_acted(db: &Db) {
    let (store, ledger) = (db.open().await, orders());
    let code = propose(&store, &ledger, "").await;
    append(&store, &ledger, &[draft(Some(&code), 2, "")], &[(code.clone(), 1)]).await;
    let (entry, log) = (AuditEntry { at: AT, who: "李四", why: "错办" }, store.events());
    assert_eq!(log.retract("work-order", (&code, 1), false, entry).await.unwrap(), Retracted::OpenedWasHandled(code.clone()));
    assert_eq!(log.retract("work-order", (&code, 2), false, entry).await.unwrap(), Retracted::Done(vec![(code.clone(), 2)]));
    assert_eq!(log.retract("work-order", (&code, 1), false, entry).await.unwrap(), Retracted::Done(vec![(code.clone(), 1)]));
}

pub async fn of_two_acts_at_once_one_is_written(db: &Db) {
    let (store, ledger) = (db.open().await, orders());
    let code = propose(&store, &ledger, "").await;
    let mut doors = JoinSet::new();
    for _ in 0..6 {
        let (store, ledger, code) = (db.open().await, ledger.clone(), code.clone());
        doors.spawn(async move { append(&store, &ledger, &[draft(Some(&code), 2, "")], &[(code.clone(), 1)]).await });
    }
    let outcomes = doors.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Appended::Written { .. })).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Appended::Outrun).count(), 5);
    assert_eq!(store.events().of_ledger("work-order", false).await.unwrap().len(), 2);
}

pub async fn numbers_have_no_gap_whoever_takes_them(db: &Db) {
    let (store, ledger) = (db.open().await, orders());
    let mut doors = JoinSet::new();
    for _ in 0..4 {
        let (store, ledger) = (db.open().await, ledger.clone());
        doors.spawn(async move {
            for turn in 0..5 {
                let code = propose(&store, &ledger, "").await;
                // an act that comes to nothing uses no number
                let expected = if turn % 2 == 0 { 1 } else { 7 };
                append(&store, &ledger, &[draft(Some(&code), 2, "")], &[(code.clone(), expected)]).await;
            }
        });
    }
    doors.join_all().await;
    let events = store.events().of_ledger("work-order", false).await.unwrap();
    let codes: BTreeSet<&str> = events.iter().map(|event| event.code.as_str()).collect();
    let expected: Vec<String> = (1..=20).map(|number| format!("DB-2026-{number:06}")).collect();
    assert!(codes.iter().copied().eq(expected.iter().map(String::as_str)), "{codes:?}");
    let numbers: BTreeSet<&str> = events.iter().map(|event| event.number.as_str()).filter(|number| !number.is_empty()).collect();
    assert_eq!(numbers.len(), 12);
    assert!((1..=12).all(|number| numbers.contains(format!("〔2026〕{number}号").as_str())), "{numbers:?}");
    let mut positions: Vec<i64> = events.iter().map(|event| event.pos).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=32).collect::<Vec<i64>>());
}

pub async fn what_an_event_opened_and_copied_goes_with_it(db: &Db) {
    let (store, ledger) = (db.open().await, orders());
    let (code, other) = (propose(&store, &ledger, "").await, propose(&store, &ledger, "").await);
    let numbering = Some(Numbering::Next { issuer: String::new(), text: "〔{year}〕{n}号".into() });
    let opens = Some(OpenedDraft { prefix: "DB".into(), set: vec![("name".into(), Cell::Text("名".into()))], numbering });
    let drafts = [Draft { opens, ..draft(Some(&code), 2, "") }, Draft { follows: Some(0), numbering: None, ..draft(Some(&other), 2, "") }];
    append(&store, &ledger, &drafts, &[(code.clone(), 1), (other.clone(), 1)]).await;
    let opened = "DB-2026-000003";
    let events = store.events().of_codes("work-order", &[code.clone(), other.clone(), opened.into()], false).await.unwrap();
    let named = events.iter().find(|event| event.code == code && event.no == 2).unwrap();
    assert_eq!(named.opened, [opened]);
    assert!(events.iter().filter(|event| event.code == opened || event.code == other && event.no == 2).all(|event| event.act == named.pos));
    assert!(events.iter().any(|event| event.code == opened && event.creates && event.number == "〔2026〕2号"));
    let entry = AuditEntry { at: AT, who: "李四", why: "错办" };
    let log = store.events();
    assert_eq!(log.retract("work-order", (&other, 2), false, entry).await.unwrap(), Retracted::Follows(code.clone(), 2));
    append(&store, &ledger, &[Draft { numbering: None, ..draft(Some(opened), 2, "") }], &[(opened.into(), 1)]).await;
    assert_eq!(log.retract("work-order", (&code, 2), false, entry).await.unwrap(), Retracted::OpenedWasHandled(opened.into()));
    assert_eq!(log.retract("work-order", (opened, 2), false, entry).await.unwrap(), Retracted::Done(vec![(opened.into(), 2)]));
    let before = log.position().await.unwrap();
    let Retracted::Done(gone) = log.retract("work-order", (&code, 2), false, entry).await.unwrap() else { panic!("it is retracted") };
    assert_eq!(gone.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([(code.clone(), 2), (other, 2), (opened.into(), 1)]));
    assert_eq!(log.retract("work-order", (&code, 2), false, entry).await.unwrap(), Retracted::NoSuchEvent);
    let event = log.of_codes("work-order", &[code], false).await.unwrap().remove(1);
    assert!(event.counts_at(before) && !event.counts_at(before + 1), "who pinned an earlier position still counts it");
    assert_eq!(event.at(before).unwrap().retracted, None);
    let retraction = event.retracted.unwrap();
    assert_eq!((retraction.by.as_str(), retraction.reason.as_str()), ("李四", "错办"));
}
