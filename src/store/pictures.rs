//! Pictures: the findings of a day as rows, which the pages list without judging anything. One is in force; a new one is written in pieces beside
//! it, and the last transaction moves the pointer.
//!
//! The findings of a picture have numbers in the order of its lists. Who may list which of them are lists of numbers, some thousand to a row.
//! In every list the findings with equal rule, owner, light and state follow each other, so that a filter is a choice of such groups: counts
//! and the place of a page are known without reading a finding.

use crate::domain::intake::text::search_form;
use crate::domain::judging::finding::{Change, State};
use crate::domain::rules::rule::Light;
use crate::store::database::{Database, Result, StoreError, json, number, parameters, sql, text, to_json};
use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use sqlx::{Any, AnyConnection, Row, Transaction};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// What the rows of a picture count by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureNames {
    pub rules: Vec<PictureRule>,
    /// Codes of all units.
    pub units: Vec<String>,
    /// The stages of projects.
    pub stages: Vec<String>,
    pub projects: Vec<UnitProjects>,
}

/// How many projects a unit has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitProjects {
    /// Index of the unit; `None` = no known one.
    pub owner: Option<u32>,
    /// By stage, in the order of the stages.
    pub stages: Vec<u64>,
    /// Contracts that are not terminated, and how many of them were performed, have started, and produce.
    pub contracts: u64,
    pub performed: u64,
    pub started: u64,
    pub produced: u64,
}

/// The open findings of a reader on a day, by light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayCounts {
    pub day: NaiveDate,
    pub red: i64,
    pub orange: i64,
    pub yellow: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureRule {
    pub id: String,
    pub title: String,
    pub basis: String,
}

/// One finding as a list shows it. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureLine {
    /// Index of the rule.
    pub rule: u32,
    /// Id of the ledger.
    pub ledger: String,
    pub key: String,
    /// Code of the project it belongs to; empty = none.
    pub project: String,
    /// Without numbers of persons.
    pub name: String,
    pub unit: String,
    /// Index of the unit that owns it.
    pub owner: Option<u32>,
    /// Code of the light; empty = unjudged.
    pub light: String,
    /// Code of the state.
    pub state: String,
    pub due_on: Option<NaiveDate>,
    /// Calendar days.
    pub overdue_days: Option<i64>,
    /// The day on which its unit received it.
    pub received_on: Option<NaiveDate>,
    /// How late, how far behind, or what is missing, in words.
    pub measure: String,
    /// Code of the change.
    pub change: String,
    pub restricted: bool,
    /// The units whose lists hold it; none, where it is restricted.
    pub readers: Vec<u32>,
}

impl PictureLine {
    pub fn light(&self) -> Option<Light> {
        Light::from_code(&self.light)
    }

    pub fn state(&self) -> State {
        State::ALL.into_iter().find(|state| state.code() == self.state).unwrap_or(State::Open)
    }

    pub fn change(&self) -> Change {
        Change::ALL.into_iter().find(|change| change.code() == self.change).unwrap_or_default()
    }
}

/// Findings that follow each other in a list. Stored by postcard: the order of the fields is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub rule: u32,
    pub owner: Option<u32>,
    /// Place of the light in [`Light::ALL`].
    light: Option<u8>,
    /// Place of the state in [`State::ALL`].
    state: u8,
    pub restricted: bool,
    pub items: u32,
}

impl Group {
    /// The group of a finding that is alone.
    pub fn of(line: &PictureLine) -> Group {
        let light = line.light().and_then(|light| Light::ALL.iter().position(|known| *known == light));
        let state = State::ALL.iter().position(|known| *known == line.state()).unwrap_or_default();
        Group {
            rule: line.rule,
            owner: line.owner,
            light: light.map(|place| place as u8),
            state: state as u8,
            restricted: line.restricted,
            items: 1,
        }
    }

    pub fn light(&self) -> Option<Light> {
        Light::ALL.get(usize::from(self.light?)).copied()
    }

    pub fn state(&self) -> State {
        State::ALL.get(usize::from(self.state)).copied().unwrap_or(State::Open)
    }

    /// One finding of the group.
    pub fn one(self) -> Group {
        Group { items: 1, ..self }
    }

    fn is_as(&self, other: &Group) -> bool {
        Group { items: 0, ..*self } == Group { items: 0, ..*other }
    }
}

/// What one reader may list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReaderList {
    pub groups: Vec<Group>,
    /// Numbers of findings, ascending. Left out of the list of the office, which holds all.
    pub numbers: Vec<u32>,
    /// Restricted findings that belong to the list and are only counted.
    pub only_counted: i64,
}

impl ReaderList {
    /// Adds a finding behind the others.
    pub fn add(&mut self, group: Group) {
        match self.groups.last_mut() {
            Some(last) if last.is_as(&group) => last.items += group.items,
            _ => self.groups.push(group),
        }
    }
}

/// The picture in force, without its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub no: i64,
    pub as_of: NaiveDate,
    pub made_at: String,
    /// The positions of the data and of the marks of secrecy of which it was made.
    pub data: i64,
    pub restrictions: i64,
    /// The sha256 of the configuration of which it was made.
    pub config: String,
    /// Milliseconds that it took.
    pub took: i64,
}

/// The picture in force and where the data are now.
#[derive(Clone, Debug)]
pub struct Look {
    pub picture: Option<Picture>,
    /// 0 = nothing has been read yet.
    pub data: i64,
    pub restrictions: i64,
}

/// Findings in one transaction, and numbers and lines of text in one row: few, so that no other writer waits for long.
const LINES_PER_PIECE: usize = 1000;
const NUMBERS_PER_ROW: usize = 4096;
const LINES_PER_STATEMENT: usize = 50;

/// So many days back the counts of the lists are known.
const DAYS_MAX: u64 = 91;

/// The office, as the reader of a list.
pub const OFFICE: &str = "";

/// Takes the next position of the data: the snapshots in force are others from now on.
pub(crate) async fn next_data_position(connection: &mut AnyConnection) -> Result<()> {
    sqlx::query("UPDATE data_position SET position=position+1 WHERE id=1").execute(connection).await?;
    Ok(())
}

/// The pictures.
#[derive(Clone, Copy, Debug)]
pub struct Pictures<'a> {
    pub(super) database: &'a Database,
}

impl<'a> Pictures<'a> {
    /// The picture in force and the present positions.
    ///
    /// # Errors
    /// The database fails.
    pub async fn look(self) -> Result<Look> {
        let row = sqlx::query(
            "SELECT COALESCE(p.no, 0) AS no, COALESCE(p.as_of, '') AS as_of, COALESCE(p.made_at, '') AS made_at, COALESCE(p.data, 0) AS data, \
             COALESCE(p.restrictions, 0) AS restrictions, COALESCE(p.config, '') AS config, COALESCE(p.took, 0) AS took, \
             d.position AS data_now, r.position AS restrictions_now FROM current_picture c JOIN data_position d ON d.id=c.id \
             JOIN restriction_position r ON r.id=c.id LEFT JOIN picture p ON p.no=c.picture WHERE c.id=1",
        )
        .fetch_one(&self.database.pool)
        .await?;
        let picture = match number(&row, "no")? {
            0 => None,
            no => Some(Picture {
                no,
                as_of: text(&row, "as_of")?.parse().map_err(|error| damaged(no, &error))?,
                made_at: text(&row, "made_at")?,
                data: number(&row, "data")?,
                restrictions: number(&row, "restrictions")?,
                config: text(&row, "config")?,
                took: number(&row, "took")?,
            }),
        };
        Ok(Look { picture, data: number(&row, "data_now")?, restrictions: number(&row, "restrictions_now")? })
    }

    /// What the rows of a picture count by; `None` = it is no more.
    ///
    /// # Errors
    /// The database fails, or the row is damaged.
    pub async fn names(self, picture: i64) -> Result<Option<PictureNames>> {
        let row = sqlx::query("SELECT names FROM picture WHERE no=$1").bind(picture).fetch_optional(&self.database.pool).await?;
        row.map(|row| json("picture", &picture.to_string(), &text(&row, "names")?)).transpose()
    }

    /// The groups of a reader's list and how many findings are only counted; the numbers are read by [`Pictures::numbers`].
    ///
    /// # Errors
    /// The database fails, or the row is damaged.
    pub async fn list(self, picture: i64, reader: &str) -> Result<ReaderList> {
        let row = sqlx::query(READER).bind(picture).bind(reader).fetch_optional(&self.database.pool).await?;
        let Some(row) = row else { return Ok(ReaderList::default()) };
        let body: Vec<u8> = row.try_get("body")?;
        let groups = postcard::from_bytes(&body).map_err(|error| damaged(picture, &error))?;
        Ok(ReaderList { groups, numbers: Vec::new(), only_counted: number(&row, "only_counted")? })
    }

    /// The numbers of the findings at some places of a unit's list.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn numbers(self, picture: i64, reader: &str, places: &[u32]) -> Result<Vec<u32>> {
        let mut parts: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        let mut numbers = Vec::with_capacity(places.len());
        for place in places {
            let (part, at) = (*place as usize / NUMBERS_PER_ROW, *place as usize % NUMBERS_PER_ROW);
            if let Entry::Vacant(vacant) = parts.entry(part) {
                let row = sqlx::query(NUMBERS).bind(picture).bind(reader).bind(part as i64).fetch_optional(&self.database.pool).await?;
                let body = row.map_or_else(|| Ok(Vec::new()), |row| row.try_get::<Vec<u8>, _>("body"))?;
                let read = if body.is_empty() { Vec::new() } else { unpacked(picture, &body)? };
                vacant.insert(read);
            }
            numbers.extend(parts.get(&part).and_then(|part| part.get(at)));
        }
        Ok(numbers)
    }

    /// All numbers of a unit's list.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn all_numbers(self, picture: i64, reader: &str) -> Result<Vec<u32>> {
        let rows = sqlx::query("SELECT body FROM picture_list WHERE picture=$1 AND reader=$2 ORDER BY part")
            .bind(picture)
            .bind(reader)
            .fetch_all(&self.database.pool)
            .await?;
        let mut numbers = Vec::new();
        for row in &rows {
            numbers.extend(unpacked(picture, &row.try_get::<Vec<u8>, _>("body")?)?);
        }
        Ok(numbers)
    }

    /// What a reader's lists counted on the last days, the oldest first.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn days(self, reader: &str) -> Result<Vec<DayCounts>> {
        let rows = sqlx::query("SELECT day, red, orange, yellow FROM picture_day WHERE reader=$1 ORDER BY day").bind(reader);
        let rows = rows.fetch_all(&self.database.pool).await?;
        let day = |row| {
            let day: String = text(row, "day")?;
            let damaged = |error| StoreError::Damaged { what: "day of pictures", key: day.clone(), detail: format!("{error}") };
            let day = day.parse::<NaiveDate>().map_err(damaged)?;
            Ok(DayCounts { day, red: number(row, "red")?, orange: number(row, "orange")?, yellow: number(row, "yellow")? })
        };
        rows.iter().map(day).collect()
    }

    /// The findings with these numbers, in this order.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn lines(self, picture: i64, numbers: &[u32]) -> Result<Vec<(u32, PictureLine)>> {
        let mut lines: HashMap<u32, PictureLine> = HashMap::with_capacity(numbers.len());
        for part in numbers.chunks(LINES_PER_STATEMENT) {
            let statement = lines_statement(part.len());
            let mut query = sqlx::query(sql(statement)).bind(picture);
            for number in part {
                query = query.bind(i64::from(*number));
            }
            for row in &query.fetch_all(&self.database.pool).await? {
                lines.extend([line(picture, row)?]);
            }
        }
        Ok(numbers.iter().filter_map(|number| lines.remove_entry(number)).collect())
    }

    /// The findings on a key.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn of_key(self, picture: i64, key: &str) -> Result<Vec<(u32, PictureLine)>> {
        let rows = sqlx::query(OF_KEY).bind(picture).bind(key).fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| line(picture, row)).collect()
    }

    /// The findings on some keys.
    ///
    /// # Errors
    /// The database fails, or a row is damaged.
    pub async fn of_keys(self, picture: i64, keys: &[String]) -> Result<Vec<(u32, PictureLine)>> {
        let mut lines = Vec::new();
        for part in keys.chunks(LINES_PER_STATEMENT) {
            let statement = keys_statement(part.len());
            let query = part.iter().fold(sqlx::query(sql(statement)).bind(picture), |query, key| query.bind(key));
            for row in &query.fetch_all(&self.database.pool).await? {
                lines.push(line(picture, row)?);
            }
        }
        Ok(lines)
    }

    /// Calls `take` with the codes and names of some thousand findings after the others, in the form of a search: the number of the first, and a line for
    /// each.
    ///
    /// # Errors
    /// The database fails.
    pub async fn each_text(self, picture: i64, mut take: impl FnMut(u32, &str)) -> Result<()> {
        let mut part = 0_i64;
        loop {
            let row = sqlx::query(TEXT).bind(picture).bind(part).fetch_optional(&self.database.pool).await?;
            let Some(row) = row else { return Ok(()) };
            take(part as u32 * NUMBERS_PER_ROW as u32, &text(&row, "body")?);
            part += 1;
        }
    }

    /// Begins a picture; `None` = another process makes one until its time is over, and `takes_over` is not set. What is left of earlier ones is
    /// removed, the one in force excepted.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin(self, now: &str, until: &str, takes_over: bool) -> Result<Option<PictureWriter<'a>>> {
        let row = sqlx::query(
            "UPDATE current_picture SET making=making+1, making_until=$2 WHERE id=1 AND (making_until<$1 OR $3=1) RETURNING making, picture",
        )
        .bind(now)
        .bind(until)
        .bind(i64::from(takes_over))
        .fetch_optional(&self.database.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let writer = PictureWriter {
            database: self.database,
            no: number(&row, "making")?,
            next: 0,
            lines: Vec::new(),
            texts: String::new(),
            lights: Vec::new(),
        };
        writer.sweep(number(&row, "picture")?).await?;
        Ok(Some(writer))
    }
}

/// The statements of the lists; a test looks at how they are planned.
pub const READER: &str = "SELECT body, only_counted FROM picture_reader WHERE picture=$1 AND reader=$2";
pub const NUMBERS: &str = "SELECT body FROM picture_list WHERE picture=$1 AND reader=$2 AND part=$3";
pub const OF_KEY: &str = "SELECT no, body FROM picture_finding WHERE picture=$1 AND key=$2 ORDER BY no";
pub const TEXT: &str = "SELECT body FROM picture_text WHERE picture=$1 AND part=$2";

/// The statement that reads so many findings.
pub fn lines_statement(count: usize) -> String {
    format!("SELECT no, body FROM picture_finding WHERE picture=$1 AND no IN ({})", parameters(2, count))
}

/// The statement that reads the findings on so many keys.
pub fn keys_statement(count: usize) -> String {
    format!("SELECT no, body FROM picture_finding WHERE picture=$1 AND key IN ({})", parameters(2, count))
}

fn damaged(picture: i64, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged { what: "picture", key: picture.to_string(), detail: error.to_string() }
}

fn line(picture: i64, row: &sqlx::any::AnyRow) -> Result<(u32, PictureLine)> {
    Ok((number(row, "no")? as u32, json("finding of picture", &picture.to_string(), &text(row, "body")?)?))
}

/// Numbers as a row holds them: each as its distance from the one before.
fn packed(numbers: &[u32]) -> Result<Vec<u8>> {
    let mut last = 0;
    let distances: Vec<u32> = numbers.iter().map(|number| number.wrapping_sub(std::mem::replace(&mut last, *number))).collect();
    postcard::to_stdvec(&distances).map_err(|error| StoreError::Internal(error.to_string()))
}

fn unpacked(picture: i64, body: &[u8]) -> Result<Vec<u32>> {
    let mut numbers: Vec<u32> = postcard::from_bytes(body).map_err(|error| damaged(picture, &error))?;
    let mut last = 0_u32;
    for number in &mut numbers {
        last = last.wrapping_add(*number);
        *number = last;
    }
    Ok(numbers)
}

/// Writes one picture.
pub struct PictureWriter<'a> {
    database: &'a Database,
    no: i64,
    next: u32,
    lines: Vec<PictureLine>,
    texts: String,
    /// The open findings of each list by light: red, orange, yellow.
    lights: Vec<(String, [i64; 3])>,
}

impl PictureWriter<'_> {
    /// A transaction of this picture.
    ///
    /// # Errors
    /// Another process has begun a newer one.
    async fn transaction(&self) -> Result<Transaction<'static, Any>> {
        let mut transaction = self.database.begin().await?;
        let held = sqlx::query("UPDATE current_picture SET making=making WHERE id=1 AND making=$1");
        if held.bind(self.no).execute(&mut *transaction).await?.rows_affected() != 1 {
            return Err(StoreError::Internal("another process makes a newer picture".into()));
        }
        Ok(transaction)
    }

    /// Removes the rows of all pictures but this and the one in force.
    async fn sweep(&self, in_force: i64) -> Result<()> {
        for table in ["picture_finding", "picture_list", "picture_reader", "picture_text"] {
            let mut behind = -1;
            loop {
                let row = sqlx::query(sql(format!("SELECT COALESCE(MIN(picture), -1) AS picture FROM {table} WHERE picture>$1")));
                let old = number(&row.bind(behind).fetch_one(&self.database.pool).await?, "picture")?;
                if old < 0 {
                    break;
                }
                behind = old;
                if old != in_force && old != self.no {
                    self.remove(table, old).await?;
                }
            }
        }
        sqlx::query("DELETE FROM picture WHERE no<>$1").bind(in_force).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Removes the rows of a picture from a table, in pieces where there are many.
    async fn remove(&self, table: &str, picture: i64) -> Result<()> {
        if table != "picture_finding" {
            sqlx::query(sql(format!("DELETE FROM {table} WHERE picture=$1"))).bind(picture).execute(&self.database.pool).await?;
            return Ok(());
        }
        loop {
            let row = sqlx::query("SELECT COALESCE(MIN(no), -1) AS no FROM picture_finding WHERE picture=$1").bind(picture);
            let first = number(&row.fetch_one(&self.database.pool).await?, "no")?;
            if first < 0 {
                return Ok(());
            }
            sqlx::query("DELETE FROM picture_finding WHERE picture=$1 AND no<$2")
                .bind(picture)
                .bind(first + LINES_PER_PIECE as i64)
                .execute(&self.database.pool)
                .await?;
        }
    }

    /// Adds the next finding.
    ///
    /// # Errors
    /// The database fails, or another process has begun a newer picture.
    pub async fn add(&mut self, line: PictureLine) -> Result<()> {
        self.lines.push(line);
        if self.lines.len() >= LINES_PER_PIECE { self.write().await } else { Ok(()) }
    }

    async fn write(&mut self) -> Result<()> {
        let mut transaction = self.transaction().await?;
        for part in self.lines.chunks(LINES_PER_STATEMENT) {
            let values = self.database.dialect.values(part.len(), 5);
            let statement = format!("INSERT INTO picture_finding (picture, no, ledger, key, body) VALUES {values}");
            let mut query = sqlx::query(sql(statement));
            for line in part {
                query = query.bind(self.no).bind(i64::from(self.next)).bind(&line.ledger).bind(&line.key).bind(to_json(line)?);
                self.next += 1;
            }
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        for line in std::mem::take(&mut self.lines) {
            // a line break would be taken for the next finding
            let text = search_form(&format!("{}\t{}", line.key, line.name));
            self.texts.extend(text.chars().map(|c| if c == '\n' { ' ' } else { c }));
            self.texts.push('\n');
        }
        Ok(())
    }

    /// Adds the list of a reader.
    ///
    /// # Errors
    /// As [`PictureWriter::add`].
    pub async fn add_list(&mut self, reader: &str, list: &ReaderList) -> Result<()> {
        let of = |light: Light| {
            let groups = list.groups.iter().filter(|group| group.state() == State::Open && group.light() == Some(light));
            groups.map(|group| i64::from(group.items)).sum()
        };
        self.lights.push((reader.to_owned(), [Light::Red, Light::Orange, Light::Yellow].map(of)));
        let mut transaction = self.transaction().await?;
        let groups = postcard::to_stdvec(&list.groups).map_err(|error| StoreError::Internal(error.to_string()))?;
        sqlx::query("INSERT INTO picture_reader (picture, reader, only_counted, body) VALUES ($1,$2,$3,$4)")
            .bind(self.no)
            .bind(reader)
            .bind(list.only_counted)
            .bind(groups)
            .execute(&mut *transaction)
            .await?;
        for (numbers, part) in list.numbers.chunks(NUMBERS_PER_ROW).zip(0_i64..) {
            sqlx::query("INSERT INTO picture_list (picture, reader, part, body) VALUES ($1,$2,$3,$4)")
                .bind(self.no)
                .bind(reader)
                .bind(part)
                .bind(packed(numbers)?)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Writes what is left and puts the picture in force. `run` is empty for the pages.
    ///
    /// # Errors
    /// As [`PictureWriter::add`].
    pub async fn finish(&mut self, run: &str, of: Picture, names: &PictureNames) -> Result<()> {
        self.write().await?;
        let lines: Vec<&str> = self.texts.split_inclusive('\n').collect();
        for (lines, part) in lines.chunks(NUMBERS_PER_ROW).zip(0_i64..) {
            let mut transaction = self.transaction().await?;
            let insert = sqlx::query("INSERT INTO picture_text (picture, part, body) VALUES ($1,$2,$3)");
            insert.bind(self.no).bind(part).bind(lines.concat()).execute(&mut *transaction).await?;
            transaction.commit().await?;
        }
        self.write_day(of.as_of).await?;
        let mut transaction = self.transaction().await?;
        sqlx::query(
            "INSERT INTO picture (no, as_of, made_at, run, data, restrictions, config, took, names) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
        )
        .bind(self.no)
        .bind(of.as_of.to_string())
        .bind(&of.made_at)
        .bind(run)
        .bind(of.data)
        .bind(of.restrictions)
        .bind(&of.config)
        .bind(of.took)
        .bind(to_json(names)?)
        .execute(&mut *transaction)
        .await?;
        let moved = sqlx::query("UPDATE current_picture SET picture=$1, making_until='' WHERE id=1 AND making=$1");
        moved.bind(self.no).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Writes what the lists count on the day, in place of an earlier picture of it, and removes the days that are too old.
    async fn write_day(&self, day: NaiveDate) -> Result<()> {
        let mut transaction = self.transaction().await?;
        for part in self.lights.chunks(LINES_PER_STATEMENT) {
            let values = self.database.dialect.values(part.len(), 5);
            let statement = format!(
                "INSERT INTO picture_day (reader, day, red, orange, yellow) VALUES {values} ON CONFLICT (reader, day) DO UPDATE SET \
                 red=excluded.red, orange=excluded.orange, yellow=excluded.yellow"
            );
            let mut query = sqlx::query(sql(statement));
            for (reader, [red, orange, yellow]) in part {
                query = query.bind(reader).bind(day.to_string()).bind(red).bind(orange).bind(yellow);
            }
            query.execute(&mut *transaction).await?;
        }
        let oldest = day.checked_sub_days(Days::new(DAYS_MAX)).unwrap_or(day);
        sqlx::query("DELETE FROM picture_day WHERE day<$1").bind(oldest.to_string()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a picture that could not be made, so that another process may begin one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn abandon(self) -> Result<()> {
        let ended = sqlx::query("UPDATE current_picture SET making_until='' WHERE id=1 AND making=$1");
        ended.bind(self.no).execute(&self.database.pool).await?;
        Ok(())
    }
}
