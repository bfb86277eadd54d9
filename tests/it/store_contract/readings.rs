//! Files whose reading was begun and did not end well.

use super::Db;
use duban::store::readings::UnendedReading;

pub async fn a_reading_that_ended_well_leaves_nothing(db: &Db) {
    let store = db.open().await;
    let readings = store.readings();
    assert_eq!(readings.unended("aa").await.expect("read"), None);
    readings.begin("aa", "a.xlsx", "2026-01-01T00:00:00Z").await.expect("begun");
    readings.begin("bb", "b.xlsx", "2026-01-01T00:00:00Z").await.expect("begun");
    readings.begin("aa", "other.xlsx", "2026-01-02T00:00:00Z").await.expect("begun");
    let unended = |attempts, ended_reader| {
        Some(UnendedReading { file: "other.xlsx".into(), begun_at: "2026-01-02T00:00:00Z".into(), attempts, ended_reader })
    };
    assert_eq!(readings.unended("aa").await.expect("read"), unended(2, false));
    readings.ended_reader("aa").await.expect("noted");
    assert_eq!(readings.unended("aa").await.expect("read"), unended(2, true));
    readings.end_well("bb").await.expect("ended");
    assert_eq!(readings.unended("bb").await.expect("read"), None);
    assert_eq!(readings.unended("aa").await.expect("read"), unended(2, true));
}
