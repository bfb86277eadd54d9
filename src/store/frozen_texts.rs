//! Texts of the configuration as runs used them, stored by their sha256.

use crate::store::database::{Database, ROWS_PER_STATEMENT, Result, sql, text};
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;

/// The stored texts.
#[derive(Clone, Copy, Debug)]
pub struct FrozenTexts<'a> {
    pub(super) database: &'a Database,
}

impl FrozenTexts<'_> {
    /// Stores texts (path → text) by their sha256 and returns path → sha256.
    ///
    /// # Errors
    /// The database fails.
    pub async fn freeze(self, files: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let named: Vec<(String, String, &String)> =
            files.iter().map(|(path, body)| (path.clone(), hex::encode(digest(&SHA256, body.as_bytes())), body)).collect();
        for part in named.chunks(ROWS_PER_STATEMENT) {
            let values = self.database.dialect.values(part.len(), 2);
            let statement = format!("INSERT INTO frozen (sha256, body) VALUES {values} ON CONFLICT (sha256) DO NOTHING");
            let mut query = sqlx::query(sql(statement));
            for (_, sha256, body) in part {
                query = query.bind(sha256).bind(body.as_str());
            }
            query.execute(&self.database.pool).await?;
        }
        Ok(named.into_iter().map(|(path, sha256, _)| (path, sha256)).collect())
    }

    /// The texts (path → text) for path → sha256.
    ///
    /// # Errors
    /// The database fails or a text is missing.
    pub async fn read(self, files: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let mut out = BTreeMap::new();
        for (path, sha256) in files {
            let row = sqlx::query("SELECT body FROM frozen WHERE sha256=$1").bind(sha256).fetch_one(&self.database.pool).await?;
            out.insert(path.clone(), text(&row, "body")?);
        }
        Ok(out)
    }

    /// The paths among path → sha256 whose texts are missing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn missing(self, files: &BTreeMap<String, String>) -> Result<Vec<String>> {
        let mut missing = Vec::new();
        for (path, sha256) in files {
            if sqlx::query("SELECT sha256 FROM frozen WHERE sha256=$1").bind(sha256).fetch_optional(&self.database.pool).await?.is_none() {
                missing.push(path.clone());
            }
        }
        Ok(missing)
    }
}
