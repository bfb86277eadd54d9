//! Handling (办理): the use case by which a person makes a transition of records, confirms the day of one, or retracts it.

use crate::app::compose::App;
use crate::app::import::unit_named;
use crate::app::matters::ledger_index;
use crate::app::person::has_name;
use crate::clock::stamp;
use crate::domain::life::act::{Act, Refusal};
use crate::domain::life::declaration::Life;
use crate::domain::life::event::Via;
use crate::domain::life::given::given_cells;
use crate::store::audit::AuditEntry;
use crate::store::os_user::os_user;
use crate::worker::handling::{Handling, Outcome};
use chrono::NaiveDate;
use serde::Serialize;

/// The word for the code of a record that is to be created.
const NEW: &str = "new";

/// The key of `--set` by which a number is typed.
const NUMBER: &str = "number";

/// What a person wants to do with records.
#[derive(Clone, Debug, Default)]
pub struct HandleRequest {
    /// Id of the ledger.
    pub ledger: String,
    pub codes: Vec<String>,
    pub transition: String,
    pub by: String,
    /// The unit for which it is recorded; `None` = the office acts itself.
    pub unit: Option<String>,
    pub on: Option<NaiveDate>,
    /// Field id and text.
    pub set: Vec<(String, String)>,
    pub reason: String,
    pub key: String,
    /// Do it for several records without a preview.
    pub is_confirmed: bool,
}

/// What became of an act on one record.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Handled {
    Done {
        code: String,
        done: bool,
        no: u32,
        number: Option<String>,
        state: Option<String>,
        /// The Chinese name of the state.
        #[serde(skip)]
        title: String,
    },
    Refused {
        code: String,
        done: bool,
        state: Option<String>,
        by: Option<String>,
        on: Option<NaiveDate>,
        possible: Vec<String>,
        reason: String,
        /// The Chinese names of the state and of what is possible.
        #[serde(skip)]
        titles: (String, Vec<String>),
    },
}

impl Handled {
    pub fn is_done(&self) -> bool {
        matches!(self, Handled::Done { .. })
    }

    fn of(handling: &Handling<'_>, code: &str, outcome: Outcome) -> Handled {
        let life: &Life = handling.life();
        match outcome {
            Outcome::Done { code, no, number, state } => {
                let title = life.title_of_state(&state).to_owned();
                Handled::Done { code, done: true, no, number: filled(number), state: filled(state), title }
            }
            Outcome::Refused(Refusal { state, last, possible, reason }) => {
                let (by, on) = last.unzip();
                let titles = possible.iter().map(|id| life.title(id).to_owned()).collect();
                let titles = (life.title_of_state(&state).to_owned(), titles);
                Handled::Refused { code: code.to_owned(), done: false, state: filled(state), by, on, possible, reason, titles }
            }
        }
    }
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Makes a transition of one or several records. Several are only shown as they would be, unless that is confirmed.
///
/// # Errors
/// The ledger is unknown or has no life, or the database fails.
pub async fn handle(app: &App, request: &HandleRequest) -> anyhow::Result<Vec<Handled>> {
    let handling = open(app, &request.ledger).await?;
    let is_preview = request.codes.len() > 1 && !request.is_confirmed;
    let mut out = Vec::new();
    for code in &request.codes {
        let outcome = match act(&handling, code, request) {
            Ok(act) => handling.handle(&[act], is_preview).await?,
            Err(reason) => handling.refuse((code != NEW).then_some(code), reason).await?,
        };
        out.push(Handled::of(&handling, code, outcome));
    }
    Ok(out)
}

/// Confirms the day that a unit stated for an event.
///
/// # Errors
/// As [`handle`].
pub async fn confirm(app: &App, ledger: &str, code: &str, no: u32, by: &str) -> anyhow::Result<Handled> {
    let handling = open(app, ledger).await?;
    let request = HandleRequest { by: by.to_owned(), ..HandleRequest::default() };
    let outcome = match act(&handling, code, &request) {
        Ok(act) => handling.confirm(&act, no).await?,
        Err(reason) => handling.refuse(Some(code), reason).await?,
    };
    Ok(Handled::of(&handling, code, outcome))
}

/// Retracts an event.
///
/// # Errors
/// As [`handle`].
pub async fn retract(app: &App, ledger: &str, code: &str, no: u32, by: &str, reason: &str) -> anyhow::Result<Handled> {
    let handling = open(app, ledger).await?;
    let entry = AuditEntry { at: &stamp(app.clock().now()), who: by.trim(), why: reason.trim() };
    let missing = [("姓名", entry.who), ("理由", entry.why)].into_iter().find(|(_, text)| !has_name(text));
    let outcome = match missing {
        Some((what, _)) => handling.refuse(Some(code), format!("更正须写明{what}")).await?,
        None => handling.retract(code, no, entry).await?,
    };
    Ok(Handled::of(&handling, code, outcome))
}

async fn open<'a>(app: &'a App, ledger: &str) -> anyhow::Result<Handling<'a>> {
    let ledger = ledger_index(&app.config().policy, ledger)?;
    Ok(Handling::open(app.store(), app.config(), app.clock(), ledger).await?)
}

/// What a request asks for one record.
///
/// # Errors
/// Why nobody can do that.
fn act(handling: &Handling<'_>, code: &str, request: &HandleRequest) -> Result<Act, String> {
    let policy = &handling.policy;
    let office = policy.units.office();
    let unit = match request.unit.as_deref() {
        None => office,
        Some(name) => unit_named(policy, name).map_err(|error| error.to_string())?,
    };
    let ledger = handling.ledger();
    let (numbers, set): (Vec<_>, Vec<_>) = request.set.iter().cloned().partition(|(id, _)| id == NUMBER && ledger.field(NUMBER).is_none());
    Ok(Act {
        code: (code != NEW).then(|| code.to_owned()),
        transition: request.transition.clone(),
        // a name that nobody sees names nobody
        by: Some(request.by.trim()).filter(|by| has_name(by)).unwrap_or_default().to_owned(),
        unit,
        on_behalf: unit != office,
        stated_on: request.on,
        given: given_cells(ledger, &set, handling.today)?,
        number: numbers.into_iter().next().map(|(_, number)| number),
        reason: request.reason.clone(),
        key: request.key.clone(),
        actor: os_user(),
        via: Via::CommandLine,
    })
}
