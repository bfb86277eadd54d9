//! Pictures: one is in force, each reader has a list of its own, a newer maker takes over.

use super::Db;
use super::runs::at;
use duban::domain::rules::rule::Light;
use duban::store::handle::Store;
use duban::store::pictures::{Group, OFFICE, Picture, PictureLine, PictureNames, PictureRule, ReaderList, UnitProjects};

fn line(number: u32, owner: u32, restricted: bool) -> PictureLine {
    PictureLine {
        rule: number % 2,
        ledger: if number.is_multiple_of(5) { "work-order" } else { "project" }.into(),
        key: format!("GZ{number:05}"),
        project: if number.is_multiple_of(5) { format!("P{number}") } else { format!("GZ{number:05}") },
        name: format!("茶叶\n项目{number}"),
        unit: "瓮安县".into(),
        owner: Some(owner),
        light: Light::ALL[number as usize % 3].code().into(),
        state: "open".into(),
        due_on: "2026-09-30".parse().ok(),
        overdue_days: Some(3),
        received_on: None,
        measure: "应于2026-09-30前，已超期3天".into(),
        change: "new".into(),
        restricted,
        readers: if restricted { Vec::new() } else { vec![owner] },
    }
}

fn names() -> PictureNames {
    let rule = |id: &str| PictureRule { id: id.into(), title: id.into(), basis: "一(四)1".into() };
    let projects = UnitProjects { owner: Some(0), stages: vec![1, 2], contracts: 2, performed: 1, started: 1, produced: 0 };
    PictureNames {
        rules: vec![rule("unstarted"), rule("stale")],
        units: vec!["a".into(), "b".into()],
        stages: vec!["签约".into()],
        projects: vec![projects],
    }
}

fn picture(as_of: &str, data: i64) -> Picture {
    let as_of = as_of.parse().expect("a day");
    Picture { no: 0, as_of, made_at: at(1), data, restrictions: 0, config: "sum".into(), took: 5 }
}

/// Makes a picture of so many findings, every second of the second unit.
async fn make(store: &Store, count: u32, as_of: &str) {
    let mut writer = store.pictures().begin(&at(0), &at(9), true).await.expect("a start").expect("free");
    let (mut office, mut units) = (ReaderList::default(), [ReaderList::default(), ReaderList::default()]);
    for number in 0..count {
        let line = line(number, number % 2, number == 3);
        office.add(Group::of(&line));
        let list = &mut units[number as usize % 2];
        if line.restricted {
            list.only_counted += 1;
        } else {
            list.add(Group::of(&line));
            list.numbers.push(number);
        }
        writer.add(line).await.expect("added");
    }
    writer.add_list(OFFICE, &office).await.expect("a list");
    for (code, list) in ["a", "b"].into_iter().zip(&units) {
        writer.add_list(code, list).await.expect("a list");
    }
    writer.finish("daily@1#0", picture(as_of, 7), &names()).await.expect("in force");
}

pub async fn a_picture_is_written_beside_the_one_in_force(db: &Db) {
    let store = db.open().await;
    let look = store.pictures().look().await.expect("a look");
    assert!(look.picture.is_none() && (look.data, look.restrictions) == (0, 0));
    make(&store, 5000, "2026-10-08").await;
    let first = store.pictures().look().await.expect("a look").picture.expect("a picture");
    assert_eq!(first, Picture { no: first.no, ..picture("2026-10-08", 7) });
    assert_eq!(store.pictures().names(first.no).await.expect("names"), Some(names()));

    let office = store.pictures().list(first.no, OFFICE).await.expect("a list");
    assert_eq!((office.groups.iter().map(|group| group.items).sum::<u32>(), office.only_counted), (5000, 0));
    let second = store.pictures().list(first.no, "b").await.expect("a list");
    assert_eq!((second.groups.iter().map(|group| group.items).sum::<u32>(), second.only_counted), (2499, 1));
    assert_eq!(store.pictures().numbers(first.no, "b", &[0, 1, 2, 2498, 2499]).await.expect("numbers"), [1, 5, 7, 4999]);
    let numbers = store.pictures().all_numbers(first.no, "a").await.expect("numbers");
    assert_eq!((numbers.len(), numbers[2499]), (2500, 4998));
    assert_eq!(store.pictures().list(first.no, "c").await.expect("a list"), ReaderList::default());

    let wanted: Vec<u32> = (1000..1120).collect();
    let lines = store.pictures().lines(first.no, &wanted).await.expect("lines");
    assert_eq!(lines.iter().map(|(number, _)| *number).collect::<Vec<_>>(), wanted);
    assert_eq!(lines[7].1, line(1007, 1, false));
    let mut texts = Vec::new();
    store
        .pictures()
        .each_text(first.no, |number, text| texts.push((number, text.lines().count(), text.lines().next().map(str::to_owned))))
        .await
        .expect("texts");
    assert_eq!(texts[0], (0, 4096, Some("gz00000\t茶叶 项目0".into())), "a line break in a name is no further line");
    assert_eq!((texts[1].0, texts[1].1, texts.len()), (4096, 904, 2));
    assert_eq!(store.pictures().of_key(first.no, "GZ00042").await.expect("lines")[0].0, 42);

    // what is half written counts for nothing
    let mut half = store.pictures().begin(&at(0), &at(9), true).await.expect("a start").expect("free");
    for number in 0..1500 {
        half.add(line(number, 0, false)).await.expect("added");
    }
    assert!(store.pictures().begin(&at(1), &at(9), false).await.expect("a start").is_none(), "another one makes it");
    assert_eq!(store.pictures().look().await.expect("a look").picture, Some(first.clone()));
    // its time is over: another one takes over, and it ends
    make(&store, 10, "2026-10-09").await;
    assert!(half.finish("", picture("2026-10-09", 9), &names()).await.is_err());
    let days = store.pictures().days("a").await.expect("days");
    let counts: Vec<_> = days.iter().map(|day| (day.day.to_string(), day.red, day.orange, day.yellow)).collect();
    assert_eq!(counts, [("2026-10-08".to_owned(), 833, 833, 834), ("2026-10-09".to_owned(), 2, 1, 2)], "a day of each picture");
    let next = store.pictures().look().await.expect("a look").picture.expect("a picture");
    assert_eq!((next.as_of.to_string().as_str(), next.data), ("2026-10-09", 7));
    // the one before goes with the next one, so that a page that reads it ends well
    assert_eq!(store.pictures().lines(first.no, &[0]).await.expect("lines").len(), 1);
    let third = store.pictures().begin(&at(2), &at(9), true).await.expect("a start").expect("free");
    third.abandon().await.expect("ended");
    assert!(store.pictures().lines(first.no, &[0]).await.expect("lines").is_empty());
    assert_eq!(store.pictures().lines(next.no, &[0]).await.expect("lines").len(), 1);
    assert!(store.pictures().begin(&at(3), &at(9), false).await.expect("a start").is_some(), "one that was given up holds up nobody");
}

pub async fn codes_with_a_mark_are_found(db: &Db) {
    let store = db.open().await;
    let tables = db.raw().await;
    for (ledger, code, began, lifted) in [
        ("project", "GZ00007", 3_i64, i64::MAX),
        ("project", "P10", 4, i64::MAX),
        ("project", "GZ00011", 5, 6),
        ("project", "GZ00021", 2, i64::MAX),
    ] {
        sqlx::query(
            "INSERT INTO restriction (ledger, source, code, name, began, ended, lifted, since, ended_at, lifted_at, lifted_by, lift_reason, file_sha256, cell, \
             header, sample, ends_with) VALUES ($1,'import',$2,'',$3,$4,$5,'','','','','','','是','',0,0)",
        )
        .bind(ledger)
        .bind(code)
        .bind(began)
        .bind(i64::MAX)
        .bind(lifted)
        .execute(&tables)
        .await
        .expect("a mark");
    }
    let has = async |codes: &[&str]| {
        let codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
        store.restrictions().has_any("project", &codes).await.expect("a look")
    };
    assert!(has(&["GZ00001", "GZ00007"]).await && !has(&["GZ00011", "GZ00001"]).await && !has(&[]).await);
    tables.close().await;
}
