//! How the service is: when it last worked, what waits, how old the data are, and how much room is left.

use crate::app::compose::App;
use crate::app::current_findings::LightCounts;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::trouble::DISK_BYTES_MIN;
use crate::store::pictures::OFFICE;
use crate::store::runs::RunState;
use crate::store::snapshots::SnapshotState;
use chrono::{DateTime, NaiveDate};
use std::collections::BTreeMap;

/// The data of one ledger from one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataAge {
    /// Id of the ledger.
    pub(crate) ledger: String,
    pub(crate) source: String,
    pub(crate) covers_on: NaiveDate,
    /// Days between the day that the data describe and today.
    pub(crate) days: i64,
}

/// The state of the service.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    /// Seconds since the service last did what was due; `None` = it never did.
    pub(crate) beat_age: Option<i64>,
    pub(crate) runs: Vec<(RunState, i64)>,
    pub(crate) mails: BTreeMap<DeliveryState, i64>,
    /// Of the picture that the pages show; `None` = there is none yet.
    pub(crate) findings: Option<LightCounts>,
    pub(crate) data: Vec<DataAge>,
    /// Bytes that may still be written below `var/`; `None` = the disk does not answer.
    pub(crate) disk_free: Option<u64>,
    /// The last year whose holidays are on file.
    pub(crate) calendar_until: Option<i32>,
    /// Days of the calendar that are left.
    pub(crate) calendar_days: i64,
}

/// The state of the service now.
///
/// # Errors
/// The database fails.
pub(crate) async fn health(app: &App) -> anyhow::Result<Health> {
    let (store, now, today) = (app.store(), app.clock().now(), app.clock().today());
    let beat = store.schedule().last_beat().await?;
    let since = |at: String| DateTime::parse_from_rfc3339(&at).map_or(i64::MAX, |at| (now - at.to_utc()).num_seconds().max(0));
    let findings = match store.pictures().look().await?.picture {
        Some(picture) => Some(LightCounts::of(store.pictures().list(picture.no, OFFICE).await?.groups.iter())),
        None => None,
    };
    let mut data: BTreeMap<(String, String), NaiveDate> = BTreeMap::new();
    let present = app.present().await?;
    for snapshot in present.snapshots.iter().filter(|snapshot| snapshot.state == SnapshotState::InForce) {
        let newest = data.entry((snapshot.ledger.clone(), snapshot.source.clone())).or_insert(snapshot.covers_on);
        *newest = snapshot.covers_on.max(*newest);
    }
    let age = |((ledger, source), covers_on): ((String, String), NaiveDate)| {
        let days = (today - covers_on).num_days().max(0);
        DataAge { ledger, source, covers_on, days }
    };
    let disk = rustix::fs::statvfs(app.root().join("var"));
    if let Err(error) = &disk {
        tracing::error!(%error, "how full the disk of var/ is cannot be asked");
    }
    let calendar_until = app.config().policy.calendar.years().max();
    let end = calendar_until.and_then(|year| NaiveDate::from_ymd_opt(year, 12, 31));
    Ok(Health {
        beat_age: beat.map(since),
        runs: store.runs().count_by_state().await?,
        mails: store.outbox().count_by_state(None).await?,
        findings,
        data: data.into_iter().map(age).collect(),
        disk_free: disk.ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        calendar_until,
        calendar_days: end.map_or(0, |end| (end - today).num_days().max(0)),
    })
}

/// After so many seconds without a beat the service is not at work: it beats twice a minute, and a long run holds it up.
pub(crate) const BEAT_SECONDS_MAX: i64 = 2 * 60 * 60;
impl Health {
    /// Why the service is not ready, as words for machines; empty = it is.
    pub(crate) fn faults(&self) -> Vec<&'static str> {
        let is_silent = self.beat_age.is_some_and(|age| age > BEAT_SECONDS_MAX);
        let is_full = self.disk_free.is_none_or(|free| free < DISK_BYTES_MIN);
        [is_silent.then_some("beat"), is_full.then_some("disk")].into_iter().flatten().collect()
    }

    /// The numbers in the text format of Prometheus, version 0.0.4.
    pub(crate) fn metrics(&self) -> String {
        let mut out = String::new();
        let mut metric = |name: &str, help: &str, values: Vec<(String, String)>| {
            out.push_str(&format!("# HELP duban_{name} {help}\n# TYPE duban_{name} gauge\n"));
            for (labels, value) in values {
                out.push_str(&format!("duban_{name}{labels} {value}\n"));
            }
        };
        let one = |value: String| vec![(String::new(), value)];
        metric(
            "beat_age_seconds",
            "Seconds since the service last did what was due.",
            self.beat_age.map_or_else(Vec::new, |age| one(age.to_string())),
        );
        let runs = RunState::ALL.map(|state| {
            let count = self.runs.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
            (format!("{{result=\"{}\"}}", state.code()), count.to_string())
        });
        metric("runs", "Runs by result.", runs.to_vec());
        let mails = DeliveryState::ALL
            .iter()
            .map(|state| (format!("{{state=\"{}\"}}", state.code()), self.mails.get(state).copied().unwrap_or(0).to_string()));
        metric("outbox_messages", "Messages by state.", mails.collect());
        let lights = self.findings.iter().flat_map(|counts| {
            let light = |light: &str, count: usize| (format!("{{light=\"{light}\"}}"), count.to_string());
            [light("red", counts.red), light("orange", counts.orange), light("yellow", counts.yellow), light("unjudged", counts.unjudged)]
        });
        metric("findings", "Findings that the pages show, by light.", lights.collect());
        let ages = self
            .data
            .iter()
            .map(|age| (format!("{{ledger=\"{}\",source=\"{}\"}}", label(&age.ledger), label(&age.source)), age.days.to_string()));
        metric("data_age_days", "Days since the day that the data in force describe.", ages.collect());
        let free = self.disk_free.map_or_else(Vec::new, |free| one(free.to_string()));
        metric("disk_free_bytes", "Bytes that may still be written below var/.", free);
        metric("calendar_days_left", "Days until the holidays on file end.", one(self.calendar_days.to_string()));
        out
    }
}

/// A text as the value of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_prometheus_reads_them() {
        let mut health = Health {
            beat_age: Some(12),
            runs: vec![(RunState::Done, 3)],
            mails: BTreeMap::from([(DeliveryState::Accepted, 7)]),
            findings: Some(LightCounts { red: 5, ..LightCounts::default() }),
            data: vec![DataAge { ledger: "project".into(), source: "甲\"\\".into(), covers_on: NaiveDate::default(), days: 9 }],
            disk_free: Some(2 * DISK_BYTES_MIN),
            calendar_until: Some(2026),
            calendar_days: 83,
        };
        let text = health.metrics();
        for line in [
            "# TYPE duban_runs gauge",
            "duban_beat_age_seconds 12",
            "duban_runs{result=\"done\"} 3",
            "duban_runs{result=\"failed\"} 0",
            "duban_outbox_messages{state=\"accepted\"} 7",
            "duban_findings{light=\"red\"} 5",
            "duban_data_age_days{ledger=\"project\",source=\"甲\\\"\\\\\"} 9",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}: {text}");
        }
        assert!(health.faults().is_empty());
        (health.beat_age, health.disk_free) = (Some(BEAT_SECONDS_MAX + 1), Some(DISK_BYTES_MIN - 1));
        assert_eq!(health.faults(), ["beat", "disk"]);
        (health.beat_age, health.disk_free) = (None, None);
        assert_eq!(health.faults(), ["disk"], "pages alone, before the first beat");
    }
}
