//! The log of events: appending the events of one act, retracting, and reading. Codes and numbers are given in the transaction of the event.
//!
//! Whoever writes changes the row of `event_position` first. So acts are written one after the other on both databases, and the order of
//! positions is that of commits.

use crate::domain::life::act::{Draft, Numbering, Placed};
use crate::domain::life::event::{Event, Retraction, Via};
use crate::domain::register::ledger::Ledger;
use crate::store::audit::AuditEntry;
use crate::store::audited_rows::AuditedRows;
use crate::store::database::{Database, ROWS_PER_STATEMENT, Result, StoreError, json, number, parameters, sql, text};
use crate::store::event_body::{EventBody, cells, stored_cells};
use crate::store::restored::are_numbers_held;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::HashSet;

/// The events that are written together, and what has to be as it was when they were decided.
#[derive(Clone, Debug)]
pub struct Acted<'a> {
    pub ledger: &'a Ledger,
    pub drafts: &'a [Draft],
    /// The place of the event that was named, with which the answer is given.
    pub named: usize,
    /// The number of events that each record had, by code.
    pub expected: &'a [(String, u32)],
    pub sample: bool,
    /// The year of the numbers.
    pub year: i32,
}

/// What became of an act.
#[derive(Clone, Debug, PartialEq)]
pub enum Appended {
    /// Code, number of the event and number of the record, of the event that was named.
    Written { code: String, no: u32, number: String },
    /// A record has other events than expected.
    Outrun,
    /// An event with the same key was written before.
    Repeated(Box<Event>),
    /// The number that was typed is another record's.
    NumberTaken,
    /// The database is a restored copy that nobody has accepted.
    NumbersHeld,
}

/// What became of a retraction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retracted {
    /// The events that no longer count: code and number.
    Done(Vec<(String, u32)>),
    /// There is no such event that counts.
    NoSuchEvent,
    /// The database is a restored copy that nobody has accepted.
    NumbersHeld,
    /// It is a copy or a consequence of another event: code and number of that one.
    Follows(String, u32),
    /// A record that it opened has events of its own.
    OpenedWasHandled(String),
}

const COLUMNS: &str = "pos, act, code, no, key, number, day, recorded_at, body, retracted, retracted_at, retracted_by, retracted_why";

/// The log.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    pub(super) database: &'a Database,
}

impl Events<'_> {
    /// The position of the last event or retraction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn position(self) -> Result<i64> {
        number(&sqlx::query("SELECT pos FROM event_position WHERE id=1").fetch_one(&self.database.pool).await?, "pos")
    }

    /// Writes the events of one act.
    ///
    /// # Errors
    /// The database fails.
    pub async fn append(self, acted: &Acted<'_>, entry: AuditEntry<'_>) -> Result<Appended> {
        let mut transaction = self.database.begin().await?;
        // nobody else writes events from here on
        let mut pos = next_position(&mut transaction, 0).await?;
        if are_numbers_held(&mut transaction).await? {
            transaction.rollback().await?;
            return Ok(Appended::NumbersHeld);
        }
        for Draft { event, .. } in acted.drafts {
            let code = (!event.creates).then_some(event.code.as_str());
            if let Some(first) = by_key(&mut transaction, &acted.ledger.id, code, &event.key, acted.sample).await? {
                transaction.rollback().await?;
                return Ok(Appended::Repeated(Box::new(first)));
            }
        }
        for (code, expected) in acted.expected {
            let statement = "SELECT COUNT(*) AS n FROM event WHERE ledger=$1 AND code=$2 AND sample=$3";
            let query = sqlx::query(statement).bind(&acted.ledger.id).bind(code).bind(i64::from(acted.sample));
            let found = query.fetch_one(&mut *transaction).await?;
            if number(&found, "n")? != i64::from(*expected) {
                transaction.rollback().await?;
                return Ok(Appended::Outrun);
            }
        }
        let mut written = None;
        let mut positions: Vec<i64> = Vec::new();
        for (index, draft) in acted.drafts.iter().enumerate() {
            let followed = draft.follows.and_then(|followed| positions.get(followed).copied());
            let Some(event) = Writer { acted, at: entry.at, transaction: &mut transaction }.write(draft, &mut pos, followed).await? else {
                transaction.rollback().await?;
                return Ok(Appended::NumberTaken);
            };
            let reason = if event.reason.is_empty() { &event.unit } else { &event.reason };
            let entry = AuditEntry { why: reason, ..entry };
            // the record that it opened begins at the next position
            for pos in event.pos..=pos {
                let object = format!("{}/{}/{}", acted.ledger.id, event.code, event.no);
                AuditedRows::event(pos).record(&mut transaction, entry, &format!("handle {}", event.transition), &object).await?;
            }
            positions.push(event.pos);
            if index == acted.named {
                written = Some(Appended::Written { code: event.code, no: event.no, number: event.number });
            }
        }
        sqlx::query("UPDATE event_position SET pos=$1 WHERE id=1").bind(pos).execute(&mut *transaction).await?;
        transaction.commit().await?;
        written.ok_or_else(|| StoreError::Internal("an act without an event".into()))
    }

    /// Retracts an event with all that followed from it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn retract(self, ledger: &str, (code, no): (&str, u32), sample: bool, entry: AuditEntry<'_>) -> Result<Retracted> {
        let mut transaction = self.database.begin().await?;
        let pos = next_position(&mut transaction, 1).await?;
        if are_numbers_held(&mut transaction).await? {
            transaction.rollback().await?;
            return Ok(Retracted::NumbersHeld);
        }
        let statement = format!("SELECT {COLUMNS} FROM event WHERE ledger=$1 AND code=$2 AND no=$3 AND sample=$4 AND retracted=0");
        let query = sqlx::query(sql(statement)).bind(ledger).bind(code).bind(i64::from(no)).bind(i64::from(sample));
        let found = query.fetch_optional(&mut *transaction).await?;
        let Some(found) = found.as_ref().map(event).transpose()? else {
            transaction.rollback().await?;
            return Ok(Retracted::NoSuchEvent);
        };
        if found.act != found.pos {
            let statement = "SELECT code, no FROM event WHERE pos=$1";
            let first = sqlx::query(statement).bind(found.act).fetch_one(&mut *transaction).await?;
            let first = Retracted::Follows(text(&first, "code")?, number(&first, "no")? as u32);
            transaction.rollback().await?;
            return Ok(first);
        }
        for opened in found.opened.iter().chain(found.creates.then_some(&found.code)) {
            let statement = "SELECT COUNT(*) AS n FROM event WHERE ledger=$1 AND code=$2 AND act<>$3 AND retracted=0";
            let others = sqlx::query(statement).bind(ledger).bind(opened).bind(found.pos).fetch_one(&mut *transaction).await?;
            if number(&others, "n")? > 0 {
                transaction.rollback().await?;
                return Ok(Retracted::OpenedWasHandled(opened.clone()));
            }
        }
        let rows = sqlx::query("SELECT pos, code, no FROM event WHERE act=$1 AND retracted=0 ORDER BY pos").bind(found.pos);
        let rows = rows.fetch_all(&mut *transaction).await?;
        let retracted = rows.iter().map(|row| Ok((text(row, "code")?, number(row, "no")? as u32))).collect::<Result<Vec<_>>>()?;
        let statement = "UPDATE event SET retracted=$1, retracted_at=$2, retracted_by=$3, retracted_why=$4 WHERE act=$5 AND retracted=0";
        sqlx::query(statement).bind(pos).bind(entry.at).bind(entry.who).bind(entry.why).bind(found.pos).execute(&mut *transaction).await?;
        for row in &rows {
            let object = format!("{ledger}/{}/{}", text(row, "code")?, number(row, "no")?);
            AuditedRows::event(number(row, "pos")?).record(&mut transaction, entry, "retract", &object).await?;
        }
        transaction.commit().await?;
        Ok(Retracted::Done(retracted))
    }

    /// The events of records, by record and in their order. `sample`: those made while only the sample held projects, or the others.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn of_codes(self, ledger: &str, codes: &[String], sample: bool) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        for part in codes.chunks(ROWS_PER_STATEMENT) {
            let list = parameters(3, part.len());
            let statement = format!("SELECT {COLUMNS} FROM event WHERE ledger=$1 AND sample=$2 AND code IN ({list}) ORDER BY code, no");
            let mut query = sqlx::query(sql(statement)).bind(ledger).bind(i64::from(sample));
            for code in part {
                query = query.bind(code);
            }
            for row in &query.fetch_all(&self.database.pool).await? {
                events.push(event(row)?);
            }
        }
        Ok(events)
    }

    /// All events of a ledger, by record and in their order.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn of_ledger(self, ledger: &str, sample: bool) -> Result<Vec<Event>> {
        let statement = format!("SELECT {COLUMNS} FROM event WHERE ledger=$1 AND sample=$2 ORDER BY code, no");
        let rows = sqlx::query(sql(statement)).bind(ledger).bind(i64::from(sample)).fetch_all(&self.database.pool).await?;
        rows.iter().map(event).collect()
    }

    /// The codes of a ledger that have a first event which was not retracted.
    ///
    /// # Errors
    /// The database fails.
    pub async fn first_codes(self, ledger: &str) -> Result<HashSet<String>> {
        let query = sqlx::query("SELECT code FROM event WHERE ledger=$1 AND no=1 AND retracted=0").bind(ledger);
        query.fetch_all(&self.database.pool).await?.iter().map(|row| text(row, "code")).collect()
    }

    /// The first event with a key; of a record that was created by it where `code` is none.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn by_key(self, ledger: &str, code: Option<&str>, key: &str, sample: bool) -> Result<Option<Event>> {
        by_key(&mut *self.database.pool.acquire().await?, ledger, code, key, sample).await
    }
}

async fn by_key(connection: &mut AnyConnection, ledger: &str, code: Option<&str>, key: &str, sample: bool) -> Result<Option<Event>> {
    if key.is_empty() {
        return Ok(None);
    }
    let which = if code.is_some() { "code=$3" } else { "no=1 AND ''=$3" };
    let statement = format!("SELECT {COLUMNS} FROM event WHERE ledger=$1 AND key=$2 AND {which} AND sample=$4 ORDER BY pos");
    let query = sqlx::query(sql(statement)).bind(ledger).bind(key).bind(code.unwrap_or_default()).bind(i64::from(sample));
    for row in &query.fetch_all(connection).await? {
        let event = event(row)?;
        // the first event of an imported record made none
        if code.is_some() || event.creates {
            return Ok(Some(event));
        }
    }
    Ok(None)
}

/// Takes positions: nobody else takes one until the transaction has ended. Returns the first of them, less one where none is taken yet.
async fn next_position(connection: &mut AnyConnection, taken: i64) -> Result<i64> {
    let row = sqlx::query("UPDATE event_position SET pos=pos+$1 WHERE id=1 RETURNING pos").bind(taken).fetch_one(connection).await?;
    number(&row, "pos")
}

/// Writes the events of one act into its transaction.
struct Writer<'a> {
    acted: &'a Acted<'a>,
    at: &'a str,
    transaction: &'a mut AnyConnection,
}

impl Writer<'_> {
    /// Writes one event, and the first one of the record that it opens. `followed`: the position of the event that it follows. `None` = the number
    /// that was typed is taken.
    async fn write(&mut self, draft: &Draft, pos: &mut i64, followed: Option<i64>) -> Result<Option<Event>> {
        *pos += 1;
        let own = *pos;
        let code = match draft.event.creates {
            true => self.next_code(&draft.prefix).await?,
            false => draft.event.code.clone(),
        };
        let Some((issuer, number)) = self.number(draft.numbering.as_ref()).await? else { return Ok(None) };
        let act = followed.unwrap_or(own);
        let mut placed = Placed { pos: own, act, recorded_at: self.at.to_owned(), code, number, opened: None };
        let mut issuer_of_opened = String::new();
        if let Some(opened) = &draft.opens {
            *pos += 1;
            let code = self.next_code(&opened.prefix).await?;
            let Some((issuer, number)) = self.number(opened.numbering.as_ref()).await? else { return Ok(None) };
            placed.opened = Some((*pos, code, number));
            issuer_of_opened = issuer;
        }
        let (event, birth) = draft.written(placed);
        if let Some(birth) = &birth {
            self.insert(birth, &issuer_of_opened).await?;
        }
        self.insert(&event, &issuer).await?;
        Ok(Some(event))
    }

    async fn next_code(&mut self, prefix: &str) -> Result<String> {
        let year = self.acted.year;
        let last = self.next(&format!("code {prefix}")).await?;
        Ok(format!("{prefix}-{year}-{last:06}"))
    }

    /// The next number of a series.
    async fn next(&mut self, series: &str) -> Result<i64> {
        let statement = "INSERT INTO event_series (ledger, series, year, last) VALUES ($1, $2, $3, 1) \
                         ON CONFLICT (ledger, series, year) DO UPDATE SET last=event_series.last+1 RETURNING last";
        let query = sqlx::query(statement).bind(&self.acted.ledger.id).bind(series).bind(i64::from(self.acted.year));
        number(&query.fetch_one(&mut *self.transaction).await?, "last")
    }

    /// The issuer and the number of a record; `None` = the number that was typed is taken.
    async fn number(&mut self, numbering: Option<&Numbering>) -> Result<Option<(String, String)>> {
        match numbering {
            None => Ok(Some((String::new(), String::new()))),
            Some(Numbering::Next { issuer, text }) => {
                let (series, mark) = if self.acted.sample { ("sample number", "样") } else { ("number", "") };
                let last = self.next(&format!("{series} {issuer}")).await?;
                let number = text.replace("{year}", &self.acted.year.to_string()).replace("{n}", &format!("{mark}{last}"));
                Ok(Some((issuer.clone(), number)))
            }
            Some(Numbering::Given { issuer, number: typed }) => {
                let statement = "SELECT COUNT(*) AS n FROM event WHERE ledger=$1 AND issuer=$2 AND sample=$3 AND number=$4";
                let query = sqlx::query(statement).bind(&self.acted.ledger.id).bind(issuer).bind(i64::from(self.acted.sample)).bind(typed);
                let taken = number(&query.fetch_one(&mut *self.transaction).await?, "n")? > 0;
                Ok((!taken).then(|| (issuer.clone(), typed.clone())))
            }
        }
    }

    async fn insert(&mut self, event: &Event, issuer: &str) -> Result<()> {
        let body = EventBody {
            transition: event.transition.clone(),
            creates: event.creates,
            by: event.by.clone(),
            unit: event.unit.clone(),
            actor: event.actor.clone(),
            via: event.via.code().to_owned(),
            on_behalf: event.on_behalf,
            late: event.late,
            same_person: event.same_person,
            given: stored_cells(&event.given),
            set: stored_cells(&event.set),
            reason: event.reason.clone(),
            opened: event.opened.clone(),
        };
        let body = serde_json::to_string(&body).map_err(|error| StoreError::Internal(format!("event: {error}")))?;
        let statement = "INSERT INTO event (pos, act, ledger, code, no, key, issuer, number, sample, day, recorded_at, body, retracted, \
                         retracted_at, retracted_by, retracted_why) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,0,'','','')";
        sqlx::query(statement)
            .bind(event.pos)
            .bind(event.act)
            .bind(&self.acted.ledger.id)
            .bind(&event.code)
            .bind(i64::from(event.no))
            .bind(&event.key)
            .bind(issuer)
            .bind(&event.number)
            .bind(i64::from(self.acted.sample))
            .bind(event.on.to_string())
            .bind(&event.recorded_at)
            .bind(body)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}

fn event(row: &AnyRow) -> Result<Event> {
    let code = text(row, "code")?;
    let no = number(row, "no")?;
    let key = format!("{code} {no}");
    let body: EventBody = json("event", &key, &text(row, "body")?)?;
    let damaged = |detail: &str| StoreError::Damaged { what: "event", key: key.clone(), detail: detail.to_owned() };
    let retracted = number(row, "retracted")?;
    let retraction = match retracted {
        0 => None,
        pos => Some(Retraction {
            pos,
            by: text(row, "retracted_by")?,
            recorded_at: text(row, "retracted_at")?,
            reason: text(row, "retracted_why")?,
        }),
    };
    Ok(Event {
        pos: number(row, "pos")?,
        act: number(row, "act")?,
        code,
        no: u32::try_from(no).map_err(|_| damaged("no"))?,
        creates: body.creates,
        transition: body.transition,
        on: text(row, "day")?.parse().map_err(|_| damaged("day"))?,
        recorded_at: text(row, "recorded_at")?,
        by: body.by,
        unit: body.unit,
        actor: body.actor,
        via: Via::from_code(&body.via).ok_or_else(|| damaged("via"))?,
        on_behalf: body.on_behalf,
        late: body.late,
        same_person: body.same_person,
        given: cells(body.given),
        set: cells(body.set),
        reason: body.reason,
        key: text(row, "key")?,
        number: text(row, "number")?,
        opened: body.opened,
        retracted: retraction,
    })
}
