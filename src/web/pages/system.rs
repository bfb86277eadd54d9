//! 系统: how the service is, the years of the calendar, and what `duban check` prints of the configuration on disk.

use crate::app::check::{exposed, look};
use crate::app::check_text::check_text;
use crate::app::health::{BEAT_SECONDS_MAX, Health, health};
use crate::domain::register::calendar::calendar_warning;
use crate::domain::register::snapshot::source_title;
use crate::domain::trouble::DISK_BYTES_MIN;
use crate::web::pages::shown::{day, size};
use crate::web::portal::Portal;
use crate::web::reply::{Answer, Reply};
use minijinja::{Value, context};

/// A time that has passed, in words.
fn ago(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds}秒前"),
        120..7200 => format!("{}分钟前", seconds / 60),
        7200..172_800 => format!("{}小时前", seconds / 3600),
        _ => format!("{}天前", seconds / 86_400),
    }
}

pub(crate) async fn page(portal: &Portal) -> Answer {
    let app = &portal.app;
    let Health { beat_age, disk_free, data, calendar_until, .. } = health(app).await?;
    let (root, clock) = (app.root().to_owned(), app.clock().clone());
    let checked = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        let (config, sources) = look(&root, &clock)?;
        let exposed = exposed(&root, &config)?.0;
        Ok((config, sources, exposed))
    })
    .await?;
    let (check, faults) = match checked {
        Ok((config, sources, exposed)) => {
            let check = check_text(app.root(), app.clock(), &config, &sources).await?;
            (check, exposed.iter().map(ToString::to_string).collect())
        }
        // every problem is a line of the error
        Err(error) => (Vec::new(), format!("{error:#}").lines().map(str::to_owned).collect::<Vec<_>>()),
    };
    let data: Vec<Value> = data
        .iter()
        .map(|age| {
            let policy = &app.config().policy;
            let title = policy.ledger(&age.ledger).map_or(age.ledger.as_str(), |at| policy.ledgers[at].title.as_str());
            context! { ledger => title, source => source_title(&age.source), covers => day(&age.covers_on.to_string()), days => age.days }
        })
        .collect();
    let years: Vec<String> = app.config().policy.calendar.years().map(|year| year.to_string()).collect();
    let values = context! {
        beat => beat_age.map_or_else(|| "服务（duban serve）还没有运行过".to_owned(), ago),
        is_silent => beat_age.is_none_or(|age| age > BEAT_SECONDS_MAX),
        disk => disk_free.map_or_else(|| "查不到".to_owned(), size), is_full => disk_free.is_some_and(|free| free < DISK_BYTES_MIN),
        data, years => years.join("、"), calendar_until,
        calendar_warning => calendar_warning(&app.config().policy.calendar, app.clock().today()),
        check => check.join("\n"), faults,
    };
    Ok(Reply::page("system", "系统", values))
}
