//! The answers that units have returned on feedback forms.

use crate::domain::notify::feedback::{Answer, Answers};
use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Database, ROWS_PER_STATEMENT, Result, json, number, parameters, sql, text, to_json};
use std::collections::{BTreeMap, BTreeSet};

/// The answers of units.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    pub(super) database: &'a Database,
}

/// A file with answers, and who handed it in.
#[derive(Clone, Copy, Debug)]
pub struct HandedIn<'a> {
    pub file: &'a str,
    pub sha256: &'a str,
    pub received_at: &'a str,
    pub sender: &'a str,
    /// The name for the audit: the clerk who takes the form for a unit, or the sender.
    pub who: &'a str,
    pub why: &'a str,
}

/// A form that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownForm {
    /// Name of the file.
    pub file: String,
    /// When the last of its answers was taken back, if it was not handed in anew since.
    pub withdrawn_at: Option<String>,
}

/// One answer of the list.
#[derive(Clone, Debug)]
pub struct AnswerRow {
    pub no: i64,
    pub received_at: String,
    pub sender: String,
    /// Name of the file.
    pub file: String,
    /// It was taken back.
    pub withdrawn: bool,
    pub answer: Answer,
}

impl Feedback<'_> {
    /// Adds the answers of one form and the audit line of it in one transaction. Earlier answers stay.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add(self, form: &HandedIn<'_>, answers: &[Answer]) -> Result<()> {
        let mut transaction = self.database.begin_numbering("feedback").await?;
        let row = sqlx::query("SELECT COALESCE(MAX(no), 0) AS no FROM feedback").fetch_one(&mut *transaction).await?;
        for (answer, no) in answers.iter().zip(number(&row, "no")? + 1..) {
            sqlx::query(
                "INSERT INTO feedback (no, ledger, code, unit, received_at, form, sender, body, withdraws) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,0)",
            )
            .bind(no)
            .bind(&answer.ledger)
            .bind(&answer.code)
            .bind(&answer.unit)
            .bind(form.received_at)
            .bind(form.sha256)
            .bind(form.sender)
            .bind(to_json(answer)?)
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query(
            "INSERT INTO feedback_form (sha256, file, received_at) VALUES ($1,$2,$3) \
             ON CONFLICT (sha256) DO UPDATE SET file=excluded.file, received_at=excluded.received_at",
        )
        .bind(form.sha256)
        .bind(form.file)
        .bind(form.received_at)
        .execute(&mut *transaction)
        .await?;
        let entry = AuditEntry { at: form.received_at, who: form.who, why: form.why };
        let object = format!("{} {} answers", form.file, answers.len());
        AuditedRows::answers(form.sha256, form.received_at).record(&mut transaction, entry, "feedback", &object).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The answers, newest first, of one unit (by code) or of all.
    ///
    /// # Errors
    /// The database fails, or an answer is damaged.
    pub async fn list(self, unit: Option<&str>, limit: i64) -> Result<Vec<AnswerRow>> {
        let rows = sqlx::query(
            "SELECT f.no, f.code, f.received_at, f.sender, f.body, COALESCE(g.file, '') AS file, \
             CASE WHEN EXISTS (SELECT 1 FROM feedback w WHERE w.withdraws=f.no) THEN 1 ELSE 0 END AS withdrawn \
             FROM feedback f LEFT JOIN feedback_form g ON g.sha256=f.form WHERE f.withdraws=0 AND ($1='' OR f.unit=$1) ORDER BY f.no DESC LIMIT $2",
        )
        .bind(unit.unwrap_or_default())
        .bind(limit)
        .fetch_all(&self.database.pool)
        .await?;
        let of_row = |row| {
            Ok(AnswerRow {
                no: number(row, "no")?,
                received_at: text(row, "received_at")?,
                sender: text(row, "sender")?,
                file: text(row, "file")?,
                withdrawn: number(row, "withdrawn")? == 1,
                answer: json("feedback", &text(row, "code")?, &text(row, "body")?)?,
            })
        };
        rows.iter().map(of_row).collect()
    }

    /// The number of the last answer on a record that was not taken back; `None` = there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last_on(self, ledger: &str, code: &str) -> Result<Option<i64>> {
        let row = sqlx::query(
            "SELECT f.no FROM feedback f WHERE f.ledger=$1 AND f.code=$2 AND f.withdraws=0 \
             AND NOT EXISTS (SELECT 1 FROM feedback w WHERE w.withdraws=f.no) ORDER BY f.no DESC LIMIT 1",
        )
        .bind(ledger)
        .bind(code)
        .fetch_optional(&self.database.pool)
        .await?;
        row.map(|row| number(&row, "no")).transpose()
    }

    /// By ledger and code, when the last answer came on each of these records that came after a time and was not taken back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn since(self, after: &str, records: &BTreeSet<(&str, &str)>) -> Result<BTreeMap<(String, String), String>> {
        let mut came = BTreeMap::new();
        let records: Vec<&(&str, &str)> = records.iter().collect();
        for of_ledger in records.chunk_by(|a, b| a.0 == b.0) {
            for part in of_ledger.chunks(ROWS_PER_STATEMENT) {
                // a withdrawal names the record of its answer, so that the index of the records finds it
                let statement = format!(
                    "SELECT f.ledger, f.code, MAX(f.received_at) AS at FROM feedback f WHERE f.ledger=$1 AND f.received_at>$2 AND f.withdraws=0 \
                     AND f.code IN ({}) AND NOT EXISTS (SELECT 1 FROM feedback w WHERE w.ledger=f.ledger AND w.code=f.code AND w.withdraws=f.no) \
                     GROUP BY f.ledger, f.code",
                    parameters(3, part.len())
                );
                let mut query = sqlx::query(sql(statement)).bind(part.first().map_or("", |(ledger, _)| ledger)).bind(after);
                for (_, code) in part {
                    query = query.bind(*code);
                }
                for row in &query.fetch_all(&self.database.pool).await? {
                    came.insert((text(row, "ledger")?, text(row, "code")?), text(row, "at")?);
                }
            }
        }
        Ok(came)
    }

    /// Takes an answer back: from now on the one before it counts. `sender`: the user who does it. Returns the answer; `None` if there is no such
    /// one, or it was taken back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn withdraw(self, no: i64, sender: &str, entry: AuditEntry<'_>) -> Result<Option<Answer>> {
        let mut transaction = self.database.begin_numbering("feedback").await?;
        let statement = "SELECT ledger, code, unit, form, body FROM feedback WHERE no=$1 AND withdraws=0 \
                         AND NOT EXISTS (SELECT 1 FROM feedback w WHERE w.withdraws=$1)";
        let Some(row) = sqlx::query(statement).bind(no).fetch_optional(&mut *transaction).await? else { return Ok(None) };
        let (ledger, code, body) = (text(&row, "ledger")?, text(&row, "code")?, text(&row, "body")?);
        let inserted = sqlx::query(
            "INSERT INTO feedback (no, ledger, code, unit, received_at, form, sender, body, withdraws) \
             SELECT COALESCE(MAX(no), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8 FROM feedback RETURNING no",
        )
        .bind(&ledger)
        .bind(&code)
        .bind(text(&row, "unit")?)
        .bind(entry.at)
        .bind(text(&row, "form")?)
        .bind(sender)
        .bind(&body)
        .bind(no)
        .fetch_one(&mut *transaction)
        .await?;
        let object = format!("{ledger} {code} answer {no}");
        AuditedRows::withdrawal(number(&inserted, "no")?).record(&mut transaction, entry, "feedback withdraw", &object).await?;
        transaction.commit().await?;
        Ok(Some(json("feedback", &code, &body)?))
    }

    /// The form with this sha256; `None` = none was imported.
    ///
    /// # Errors
    /// The database fails.
    pub async fn known_form(self, sha256: &str) -> Result<Option<KnownForm>> {
        let row = sqlx::query(
            "SELECT g.file, COALESCE((SELECT MAX(f.received_at) FROM feedback f WHERE f.form=g.sha256 AND f.withdraws<>0 AND NOT EXISTS \
             (SELECT 1 FROM feedback n WHERE n.form=g.sha256 AND n.withdraws=0 AND n.no>f.no)), '') AS withdrawn_at \
             FROM feedback_form g WHERE g.sha256=$1",
        )
        .bind(sha256)
        .fetch_optional(&self.database.pool)
        .await?;
        row.map(|row| {
            let withdrawn_at = text(&row, "withdrawn_at")?;
            Ok(KnownForm { file: text(&row, "file")?, withdrawn_at: (!withdrawn_at.is_empty()).then_some(withdrawn_at) })
        })
        .transpose()
    }

    /// The number of the last answer; 0 = there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last_no(self) -> Result<i64> {
        number(&sqlx::query("SELECT COALESCE(MAX(no), 0) AS no FROM feedback").fetch_one(&self.database.pool).await?, "no")
    }

    /// The last answer on each record among the rows up to a number; what they take back does not count.
    ///
    /// # Errors
    /// The database fails, or an answer is damaged.
    pub async fn up_to(self, up_to: i64) -> Result<Answers> {
        let rows = sqlx::query(
            "SELECT f.ledger, f.code, f.body FROM feedback f WHERE f.no<=$1 AND f.withdraws=0 \
             AND NOT EXISTS (SELECT 1 FROM feedback w WHERE w.withdraws=f.no AND w.no<=$1) ORDER BY f.no",
        )
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

    /// Every answer on one record that was not taken back, oldest first, with the time it was received.
    ///
    /// # Errors
    /// The database fails, or an answer is damaged.
    pub async fn on_record(self, ledger: &str, code: &str) -> Result<Vec<(String, Answer)>> {
        let rows = sqlx::query(
            "SELECT f.received_at, f.body FROM feedback f WHERE f.ledger=$1 AND f.code=$2 AND f.withdraws=0 \
             AND NOT EXISTS (SELECT 1 FROM feedback w WHERE w.withdraws=f.no) ORDER BY f.no",
        )
        .bind(ledger)
        .bind(code)
        .fetch_all(&self.database.pool)
        .await?;
        rows.iter().map(|row| Ok((text(row, "received_at")?, json("feedback", code, &text(row, "body")?)?))).collect()
    }
}
