//! What all requests share.

use crate::app::accounts;
use crate::app::compose::{self, App};
use crate::app::current_findings::Pictures;
use crate::app::login::Visitor;
use crate::app::passwords::Passwords;
use crate::app::session_store::SessionStore;
use crate::clock::Clock;
use crate::config::portal_settings::PortalSettings;
use crate::domain::register::units::UnitId;
use crate::domain::secret::Secret;
use crate::store::handle::Store;
use crate::web::client::Client;
use crate::web::fields::Fields;
use crate::web::render::Templates;
use axum::http::{HeaderMap, Method};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Each reads a whole list or the files of a day.
const EXPORTS_AT_ONCE: usize = 2;

/// The parts of the portal. The service object is its own, so that no page waits for a connection that a run holds.
pub(crate) struct Portal {
    pub(crate) app: App,
    sessions: SessionStore,
    pub(crate) passwords: Passwords,
    pub(crate) settings: PortalSettings,
    /// Nobody has named an address: it listens once somebody may log in.
    pub(crate) waits_for_account: bool,
    pub(crate) templates: Templates,
    pub(crate) pictures: Pictures,
    /// By which machines ask how the service is; `None` = they do not.
    pub(crate) health_token: Option<Secret>,
    /// Workbooks and zips that are made at the same time.
    pub(crate) exports: Arc<Semaphore>,
}

/// One request of a page or an act.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) client: Client,
    /// Path and query as they were sent.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// The parts of the path behind the first, decoded.
    pub(crate) rest: Vec<String>,
    pub(crate) query: Fields,
    pub(crate) form: Fields,
    pub(crate) visitor: Option<Visitor>,
}

/// What a visitor may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The whole of the office.
    Office,
    Unit(UnitId),
}

impl Scope {
    /// The unit whose part of the data a visitor sees; `None` = all.
    pub(crate) fn reader(self) -> Option<UnitId> {
        match self {
            Scope::Office => None,
            Scope::Unit(unit) => Some(unit),
        }
    }
}

impl Portal {
    /// Opens a root for its pages. `None` = its configuration switches them off.
    ///
    /// # Errors
    /// The configuration has problems, or a database cannot be opened.
    pub(crate) async fn open(root: &Path, clock: Clock) -> anyhow::Result<Option<Portal>> {
        let app = App::open_for_pages(root, clock).await?;
        let settings = app.config().settings.pages();
        let waits_for_account = app.config().settings.portal.is_none();
        if !settings.enabled {
            return Ok(None);
        }
        let sessions = app.sessions().await?;
        let health_token = compose::health_token(root, &settings)?;
        Ok(Some(Portal {
            sessions,
            passwords: Passwords::new()?,
            settings,
            waits_for_account,
            health_token,
            templates: Templates::new()?,
            pictures: Pictures::new(app.evaluator(), app.reading_store().await?),
            exports: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
            app,
        }))
    }

    /// Whether anybody has an account, or a code to make one.
    ///
    /// # Errors
    /// A database fails.
    pub(crate) async fn is_wanted(&self) -> anyhow::Result<bool> {
        let sessions = self.sessions().await?;
        accounts::is_any_in_use(&self.app, &sessions).await
    }

    /// The store of the sessions.
    ///
    /// # Errors
    /// As [`SessionStore::store`].
    pub(crate) async fn sessions(&self) -> anyhow::Result<Store> {
        self.sessions.store().await
    }

    /// Sets what the next page of a session shows once.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn tell_once(&self, session: &str, message: &str) -> anyhow::Result<()> {
        let sessions = self.sessions().await?;
        Ok(sessions.sessions().set_message(session, message).await?)
    }

    /// What a visitor may see.
    pub(crate) fn scope(&self, visitor: &Visitor) -> Scope {
        if visitor.unit == self.app.config().policy.units.office() { Scope::Office } else { Scope::Unit(visitor.unit) }
    }
}

impl Request {
    /// The visitor of a page that needs one.
    ///
    /// # Errors
    /// The gate has let in a request without one.
    pub(crate) fn visitor(&self) -> anyhow::Result<&Visitor> {
        self.visitor.as_ref().ok_or_else(|| anyhow::anyhow!("a page without its visitor"))
    }
}
