//! Opening, migrations.

use super::Db;
use sqlx::Row;

pub async fn a_second_open_migrates_nothing(db: &Db) {
    let first = db.open().await;
    first.audit().record("2026-11-23T00:00:00.000Z", "cli", "test", "x", "").await.expect("a line");
    let second = db.open().await;
    second.audit().record("2026-11-23T00:00:01.000Z", "cli", "test", "x", "").await.expect("a line");
    let raw = db.raw().await;
    let count = async |table: &'static str| -> i64 {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) AS n FROM {table}"))).fetch_one(&raw).await.expect("a count");
        row.get("n")
    };
    assert_eq!(count("audit").await, 2);
    let files = std::fs::read_dir(super::super::helpers::home().join("src/store/migrations")).expect("migrations").count();
    assert_eq!(count("_sqlx_migrations").await, files as i64);
    raw.close().await;
}

pub async fn another_versions_database_is_refused(db: &Db) {
    db.open().await.close().await;
    let raw = db.raw().await;
    let add = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               SELECT 2, 'gone', success, checksum, 0 FROM _sqlx_migrations";
    sqlx::query(add).execute(&raw).await.expect("a migration of a later version");
    for refusal in db.refusals().await {
        assert!(refusal.contains("was made by a later version of duban: use that version"), "{refusal}");
    }
    // the databases from before the first release began with another migration 1
    sqlx::query("UPDATE _sqlx_migrations SET checksum=$1 WHERE version=1").bind(vec![1u8; 48]).execute(&raw).await.expect("a migration");
    for refusal in db.refusals().await {
        assert!(refusal.contains("was made by an earlier version of duban"), "{refusal}");
        assert!(refusal.contains("begin with a new database"), "{refusal}");
    }
    raw.close().await;
}

pub async fn concurrent_opens_of_a_fresh_database(db: &Db) {
    // the race is narrow: several starters, not two
    let (a, b, c, d) = tokio::join!(db.open(), db.open(), db.open(), db.open());
    for store in [a, b, c, d] {
        assert_eq!(store.snapshots().list().await.expect("the tables").len(), 0);
    }
}
