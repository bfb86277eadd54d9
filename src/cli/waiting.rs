//! What a person reads while a command waits for the database.

use std::time::Duration;

/// After this a person is shown what a command waits for.
const SILENT: Duration = Duration::from_secs(2);

/// Opens a root; where its database does not answer at once, stderr names what is waited for.
pub(crate) async fn announced<T>(opening: impl Future<Output = T>) -> T {
    tokio::pin!(opening);
    match tokio::time::timeout(SILENT, &mut opening).await {
        Ok(opened) => opened,
        Err(_) => {
            print_error!("数据库暂无应答，正在等待（config/duban.toml 的 [database]）……");
            opening.await
        }
    }
}
