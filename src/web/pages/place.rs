//! Which function answers for each place of the table.

use crate::web::pages::health::Watched;
use crate::web::pages::{account, accounts, audit, findings, health, login, overview, records, reports, runs, sending, system, units};
use crate::web::portal::{Portal, Request};
use crate::web::reply::Answer;
use crate::web::routes::Place;

/// The answer to a request that the gate has let in.
pub(crate) async fn answer(portal: &Portal, place: Place, asked: &Request) -> Answer {
    match place {
        Place::Alive => Ok(health::alive()),
        Place::Ready => health::asked_by_token(portal, asked, Watched::Ready).await,
        Place::Metrics => health::asked_by_token(portal, asked, Watched::Metrics).await,
        Place::Asset => health::asset(asked),
        Place::LoginForm => login::form(portal, asked).await,
        Place::Login => login::log_in(portal, asked).await,
        Place::FirstForm => login::first_form(portal, asked, "").await,
        Place::First => login::first(portal, asked).await,
        Place::Logout => login::log_out(portal, asked).await,
        Place::Overview => overview::overview(portal, asked).await,
        Place::Account => account::page(portal, asked, "").await,
        Place::ChangePassword => account::change_password(portal, asked).await,
        Place::EndSessions => account::end_sessions(portal, asked).await,
        Place::Letters => Ok(login::letters(asked)),
        Place::BeginCode => account::begin_code(portal, asked).await,
        Place::ConfirmCode => account::confirm_code(portal, asked).await,
        Place::EndCode => account::end_code(portal, asked).await,
        Place::Reports => reports::list(portal, asked).await,
        Place::ReportFile => reports::file(portal, asked).await,
        Place::Period => reports::period(portal, asked).await,
        Place::Findings => findings::list(portal, asked).await,
        Place::FindingList => findings::export(portal, asked).await,
        Place::Finding => findings::one(portal, asked).await,
        Place::Ledgers => records::ledgers(portal, asked).await,
        Place::Records => records::list(portal, asked).await,
        Place::Record => records::one(portal, asked).await,
        Place::Runs => runs::list(portal).await,
        Place::Run => runs::one(portal, asked).await,
        Place::Sending => sending::list(portal, asked).await,
        Place::Message => sending::one(portal, asked).await,
        Place::Attachment => sending::attachment(portal, asked).await,
        Place::Units => units::list(portal, asked).await,
        Place::Unit => units::one(portal, asked).await,
        Place::System => system::page(portal).await,
        Place::Audit => audit::list(portal, asked).await,
        Place::Accounts => accounts::list(portal, "").await,
        Place::EndAccount => accounts::end(portal, asked).await,
    }
}
