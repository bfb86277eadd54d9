//! The file of the sessions is removed while the service runs.

use super::*;

/// Nobody is logged in any more, and everybody can log in once more: no page fails.
#[tokio::test]
async fn a_lost_file_of_sessions_costs_a_login() {
    let world = World::new().await;
    world.add("王五", OFFICE, "viewer").await;
    for left in [&["-wal", "-shm"][..], &[]] {
        let cookie = world.login("王五").await;
        let file = world.root.path().join("var/session.db");
        std::fs::remove_file(&file).unwrap();
        for ending in left {
            let beside = world.root.path().join(format!("var/session.db{ending}"));
            if beside.exists() {
                std::fs::remove_file(beside).unwrap();
            }
        }
        let page = world.get("/account", &cookie).await;
        assert_eq!((page.status, page.headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/login?next=%2Faccount"));
        let cookie = world.login("王五").await;
        assert_eq!(world.get("/account", &cookie).await.status, StatusCode::OK);
        assert!(file.exists());
    }
    assert_eq!(world.get("/login", "").await.status, StatusCode::OK);
}
