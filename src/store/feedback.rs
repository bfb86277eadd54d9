//! The answers that units have returned on feedback forms.

use crate::domain::notify::feedback::{Answer, Answers};
use crate::store::database::{Database, Result, json, number, text, to_json};

/// The answers of units.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    pub(super) database: &'a Database,
}

impl Feedback<'_> {
    /// Adds the answers of one form in one transaction. Earlier answers stay.
    ///
    /// # Errors
    /// The database fails, or another process adds answers at the same moment.
    pub async fn add(self, file: &str, sha256: &str, received_at: &str, answers: &[Answer]) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        let row = sqlx::query("SELECT COALESCE(MAX(no), 0) AS no FROM feedback").fetch_one(&mut *transaction).await?;
        for (answer, no) in answers.iter().zip(number(&row, "no")? + 1..) {
            sqlx::query("INSERT INTO feedback (no, ledger, code, unit, received_at, form, body) VALUES ($1,$2,$3,$4,$5,$6,$7)")
                .bind(no)
                .bind(&answer.ledger)
                .bind(&answer.code)
                .bind(&answer.unit)
                .bind(received_at)
                .bind(sha256)
                .bind(to_json(answer)?)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("INSERT INTO feedback_form (sha256, file, received_at) VALUES ($1,$2,$3) ON CONFLICT (sha256) DO NOTHING")
            .bind(sha256)
            .bind(file)
            .bind(received_at)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whether a form with this sha256 was imported before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn knows_form(self, sha256: &str) -> Result<bool> {
        Ok(sqlx::query("SELECT 1 AS one FROM feedback_form WHERE sha256=$1")
            .bind(sha256)
            .fetch_optional(&self.database.pool)
            .await?
            .is_some())
    }

    /// The number of the last answer; 0 = there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last_no(self) -> Result<i64> {
        number(&sqlx::query("SELECT COALESCE(MAX(no), 0) AS no FROM feedback").fetch_one(&self.database.pool).await?, "no")
    }

    /// The last answer on each record among the answers up to a number.
    ///
    /// # Errors
    /// The database fails, or an answer is damaged.
    pub async fn up_to(self, up_to: i64) -> Result<Answers> {
        let rows = sqlx::query("SELECT ledger, code, body FROM feedback WHERE no<=$1 ORDER BY no")
            .bind(up_to)
            .fetch_all(&self.database.pool)
            .await?;
        let mut answers = Answers::new();
        for row in &rows {
            let (ledger, code) = (text(row, "ledger")?, text(row, "code")?);
            let answer: Answer = json("feedback", &code, &text(row, "body")?)?;
            answers.insert((ledger, code), answer);
        }
        Ok(answers)
    }

    /// Every answer on one record, oldest first, with the time it was received.
    ///
    /// # Errors
    /// The database fails, or an answer is damaged.
    pub async fn on_record(self, ledger: &str, code: &str) -> Result<Vec<(String, Answer)>> {
        let rows = sqlx::query("SELECT received_at, body FROM feedback WHERE ledger=$1 AND code=$2 ORDER BY no")
            .bind(ledger)
            .bind(code)
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(|row| Ok((text(row, "received_at")?, json("feedback", code, &text(row, "body")?)?))).collect()
    }
}
