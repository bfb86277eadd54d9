//! 操作记录: the audit, and whether it is whole.

use crate::app::audit::{self, kind_in_words, object_in_words, reason_in_words};
use crate::web::pages::shown::local_time;
use crate::web::portal::{Portal, Request};
use crate::web::reply::{Answer, Reply};
use minijinja::context;

/// Who acted where nobody did.
const SERVICE: &str = "duban";

/// Lines on the page.
const LISTED: u32 = 200;

pub(crate) async fn list(portal: &Portal, asked: &Request) -> Answer {
    let app = &portal.app;
    let lines = audit::list(app, Some(LISTED)).await?;
    let rows: Vec<_> = lines
        .iter()
        .rev()
        .map(|line| {
            context! {
                no => line.no, at => local_time(&line.at), who => if line.who == SERVICE { "系统" } else { &line.who }, user => &line.os_user,
                what => kind_in_words(&line.what), object => object_in_words(app.config(), &line.object),
                reason => reason_in_words(line),
            }
        })
        .collect();
    let verdict = match asked.query.get("verify") {
        "1" => {
            let verdict = audit::verify(app).await?;
            Some(context! { is_whole => verdict.broken.is_none(), no => verdict.head.no, unsealed => verdict.unsealed })
        }
        _ => None,
    };
    Ok(Reply::page("audit", "操作记录", context! { rows, verdict }))
}
