//! What is downloaded: one's own packs, whole or in part, those of a day as a zip, and what is on record of it.

use super::{OFFICE, World};
use crate::store::reports::{ReportFile, ReportKey, ReportKind};
use crate::store::runs::{RunInputs, RunState};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use std::collections::BTreeSet;
use tower::ServiceExt;

fn text_of(unit: &str) -> String {
    format!("the pack of {unit}")
}

fn sha_of(unit: &str) -> String {
    crate::app::accounts::sha256(&text_of(unit))
}

impl World {
    /// A pack of a unit in a run that has ended. Returns its path.
    async fn pack(&self, unit: &str, names: &[(&str, &str)]) -> String {
        self.packs(0, &format!("2026-10-08T10:00:{unit}"), &[unit], names).await.remove(0)
    }

    /// Packs of units in one revision of a run that has ended. Returns their paths.
    async fn packs(&self, revision: i64, slot: &str, of: &[&str], names: &[(&str, &str)]) -> Vec<String> {
        let units = &self.portal.app.config().policy.units;
        let store = self.portal.app.store();
        let (day, at) = ("2026-09-30".parse().unwrap(), "2026-10-08T02:00:00.000Z");
        let run = store.runs().open("quarterly-packs", slot, slot, revision, day, true, &RunInputs::default(), at).await;
        let run = store.runs().claim(&run.unwrap().id, at, "2026-10-08T03:00:00.000Z").await.unwrap().unwrap();
        let folder = format!("reports/quarterly-packs/2026-09-30-r{revision}");
        let mut made = Vec::new();
        for unit in of {
            let path = format!("var/{folder}/县（市、区）/{unit}清单.xlsx");
            let file = self.root.path().join(&path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text_of(unit)).unwrap();
            let names = names.iter().map(|(ledger, code)| ((*ledger).to_owned(), (*code).to_owned())).collect::<BTreeSet<_>>();
            let code = units.units[units.named(unit).unwrap()].code.clone();
            let key = ReportKey { template: "county-study".into(), kind: ReportKind::Pack, unit: code };
            made.push(ReportFile { key, path, sha256: sha_of(unit), bytes: text_of(unit).len() as u64, names });
        }
        store.reports().add(&run, &folder, &made, "2026-10-08T02:05:00.000Z").await.unwrap();
        store.runs().finish(&run, RunState::Done, "", None, "2026-10-08T02:10:00.000Z").await.unwrap();
        made.into_iter().map(|file| file.path).collect()
    }
}

fn file_link(path: &str) -> String {
    let mut link = url::form_urlencoded::Serializer::new(String::new());
    link.append_pair("path", path);
    format!("/reports/file?{}", link.finish())
}

#[tokio::test]
async fn a_unit_downloads_its_own_packs_and_no_other() {
    let world = World::new().await;
    world.add("李四", "瓮安县", "viewer").await;
    world.add("王五", OFFICE, "viewer").await;
    let (own, other) = (world.pack("瓮安县", &[("project", "GZ1")]).await, world.pack("福泉市", &[]).await);
    let (unit, office) = (world.login("李四").await, world.login("王五").await);

    let listed = world.get("/reports?unit=%E7%A6%8F%E6%B3%89%E5%B8%82", &unit).await.text;
    assert!(listed.contains("瓮安县清单.xlsx") && !listed.contains("福泉市清单"), "a unit cannot filter for another: {listed}");
    let listed = world.get("/reports?unit=522702", &office).await.text;
    assert!(!listed.contains("瓮安县清单.xlsx") && listed.contains("福泉市清单"), "{listed}");
    let unknown = world.get("/reports?unit=%E7%93%AE%E5%AE%89%E7%BA%BF", &office).await.text;
    assert!(unknown.contains("没有“瓮安线”这个单位，是不是“瓮安县”？") && unknown.contains("没有符合条件的报表"), "{unknown}");

    let given = world.get(&file_link(&own), &unit).await;
    assert_eq!((given.status, given.text.as_str()), (StatusCode::OK, "the pack of 瓮安县"));
    let name = "attachment; filename=\"report.xlsx\"; filename*=UTF-8''%E7%93%AE%E5%AE%89%E5%8E%BF%E6%B8%85%E5%8D%95.xlsx";
    assert_eq!(given.headers["content-disposition"], name);
    assert_eq!(world.get(&file_link(&other), &unit).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&file_link(&other), &office).await.status, StatusCode::OK);
    for path in ["config/duban.toml", "../../etc/passwd", "/etc/passwd", "var/duban.db", &format!("./{own}")] {
        assert_eq!(world.get(&file_link(path), &office).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let ranged = async |headers: &[(&str, &str)]| {
        let request = Request::get(file_link(&own)).header("host", "duban.gz.example").header("cookie", &unit);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answered = world.ask(request.body(Body::empty()).unwrap()).await;
        (answered.status, answered.text)
    };
    assert_eq!(ranged(&[("range", "bytes=4-7")]).await, (StatusCode::PARTIAL_CONTENT, "pack".to_owned()));
    let whole = (StatusCode::OK, "the pack of 瓮安县".to_owned());
    assert_eq!(ranged(&[("range", "items=4-7")]).await, whole, "a unit that nobody knows is ignored");
    assert_eq!(ranged(&[("range", "bytes=4-7"), ("if-range", "\"another\"")]).await, whole);
    assert_eq!(ranged(&[("range", "bytes=400-")]).await.0, StatusCode::RANGE_NOT_SATISFIABLE);
    let audited = world.audited().await;
    let downloads: Vec<_> = audited.iter().filter(|line| line.contains("@198.51.100.7 download ")).collect();
    assert_eq!(downloads.len(), 6, "{audited:?}");
    assert!(audited.contains(&format!("李四 李四@198.51.100.7 refused: download {other}")), "{audited:?}");
    assert_eq!(*downloads[0], format!("李四 李四@198.51.100.7 download {own}"));
}

/// What a revision has made anew is not shown as its equal, and counties follow each other as in every table.
#[tokio::test]
async fn a_pack_that_was_made_anew_replaces_the_one_before() {
    let world = World::new().await;
    world.add("李四", "瓮安县", "viewer").await;
    world.add("王五", OFFICE, "viewer").await;
    let slot = "2026-10-08T10:00:00";
    let first = world.packs(0, slot, &["都匀市", "福泉市", "瓮安县", "惠水县"], &[]).await;
    let anew = world.packs(1, slot, &["瓮安县"], &[]).await.remove(0);
    let (unit, office) = (world.login("李四").await, world.login("王五").await);
    let names = |text: &str| -> Vec<String> {
        let rows = text.split("data-head=\"单位\">").skip(1);
        rows.map(|row| row.split('<').next().unwrap().to_owned()).collect()
    };
    let listed = world.get("/reports", &office).await.text;
    let mut expected = vec!["都匀市", "福泉市", "瓮安县", "惠水县"];
    let mut current = names(&listed);
    assert!(listed.contains("共4条") && !listed.contains("已被后来的修订代替"), "{listed}");
    current.sort_by_key(|name| expected.iter().position(|known| known == name));
    assert_eq!(current, expected);
    let all = world.get("/reports?all=1", &office).await.text;
    expected.push("瓮安县");
    assert!(all.contains("共5条") && all.matches("已被后来的修订代替").count() == 1, "{all}");
    let of_first: Vec<String> = names(&all).into_iter().filter(|name| name != "瓮安县").collect();
    assert_eq!(of_first, ["都匀市", "福泉市", "惠水县"], "administrative order");
    assert_eq!(names(&all).len(), expected.len());
    for path in ["/reports", "/"] {
        let own = world.get(path, &unit).await.text;
        assert!(own.contains(&file_link(&anew).replace('&', "&amp;")) && !own.contains(&file_link(&first[2])), "{path}: {own}");
    }
}

/// A zip that nobody has read to its end is not on record as a download.
#[tokio::test(flavor = "multi_thread")]
async fn a_zip_that_breaks_off_is_recorded_as_begun() {
    let world = World::new().await;
    world.add("王五", OFFICE, "viewer").await;
    world.packs(0, "2026-10-08T10:00:00", &["福泉市", "瓮安县"], &[]).await;
    let cookie = world.login("王五").await;
    let path = "/reports/period.zip?as_of=2026-09-30";
    let request = Request::get(path).header("host", "duban.gz.example").header("cookie", &cookie).body(Body::empty()).unwrap();
    drop(world.pages.clone().oneshot(request).await.unwrap());
    let all = world.portal.exports.clone().acquire_many_owned(2).await.unwrap();
    drop(all);
    let lines = async |end: &str| world.audited().await.iter().filter(|line| line.contains(end)).count();
    assert_eq!((lines("download of a period begun").await, lines("download of a period 2026").await), (1, 0));
    assert_eq!(world.get(path, &cookie).await.status, StatusCode::OK);
    assert_eq!((lines("download of a period begun").await, lines("download of a period 2026").await), (2, 1));
}

/// A file that another machine has made comes from the database, whole, in part and in a zip.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_machine_is_served() {
    let world = World::new().await;
    world.add("李四", "瓮安县", "viewer").await;
    let path = world.pack("瓮安县", &[]).await;
    let cookie = world.login("李四").await;
    let reports = world.portal.app.store().reports();
    let text = "the pack of 瓮安县".as_bytes();
    for (part, piece) in text.chunks(9).enumerate() {
        reports.add_piece(&sha_of("瓮安县"), part as i64, piece).await.unwrap();
    }
    std::fs::remove_file(world.root.path().join(&path)).unwrap();
    let given = world.get(&file_link(&path), &cookie).await;
    assert_eq!((given.status, given.text.as_bytes()), (StatusCode::OK, text));
    assert!(given.headers["content-type"].to_str().unwrap().ends_with("spreadsheetml.sheet"));
    let range = Request::get(file_link(&path)).header("host", "duban.gz.example").header("cookie", &cookie).header("range", "bytes=4-7");
    assert_eq!(world.ask(range.body(Body::empty()).unwrap()).await.text, "pack");
    let zip = world.get("/reports/period.zip?as_of=2026-09-30", &cookie).await;
    assert!(zip.status == StatusCode::OK && !zip.text.contains("没有收入的文件"), "{}", zip.text);
    let left = std::fs::read_dir(world.root.path().join("var")).unwrap().flatten();
    assert_eq!(left.filter(|entry| entry.file_name().to_string_lossy().starts_with("report-")).count(), 0, "a copy is removed");
}

/// What lies on the disk may have been changed past the program: it is not handed out as what a run has made.
#[tokio::test(flavor = "multi_thread")]
async fn an_altered_file_is_not_handed_out() {
    let world = World::new().await;
    world.add("李四", "瓮安县", "viewer").await;
    let path = world.pack("瓮安县", &[]).await;
    let cookie = world.login("李四").await;
    std::fs::write(world.root.path().join(&path), text_of("瓮安县").replace("pack", "puck")).unwrap();
    let refused = world.get(&file_link(&path), &cookie).await;
    assert_eq!(refused.status, StatusCode::GONE);
    assert!(refused.text.contains("与生成时登记的不一致"), "{}", refused.text);
    let zip = world.get("/reports/period.zip?as_of=2026-09-30", &cookie).await;
    assert!(zip.text.contains("没有收入的文件") && !zip.text.contains("puck"), "{}", zip.text);
    assert!(!world.audited().await.iter().any(|line| line.contains(" download var/")), "nothing was downloaded");
    world.portal.app.store().reports().add_piece(&sha_of("瓮安县"), 0, text_of("瓮安县").as_bytes()).await.unwrap();
    assert_eq!(world.get(&file_link(&path), &cookie).await.text, text_of("瓮安县"), "the database has it as it was");
}
