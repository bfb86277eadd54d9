//! Makes the picture that the pages list: every finding with who may list it, and the lists of all readers.

use crate::clock::{Clock, stamp};
use crate::config::load::Config;
use crate::domain::audience::{is_named, list_readers, masked};
use crate::domain::judging::finding::{Change, Finding};
use crate::domain::judging::indicators::{Cohort, Indicators, Measures, Window};
use crate::domain::judging::measure::measure;
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::Rule;
use crate::store::database::Result;
use crate::store::handle::Store;
use crate::store::pictures::{Group, OFFICE, Picture, PictureLine, PictureNames, PictureRule, PictureWriter, ReaderList, UnitProjects};
use chrono::{DateTime, NaiveDate, Utc};
use ring::digest::{Context as Hashing, SHA256};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// After this time another process may take over from one that makes a picture: it was killed.
const MINUTES_MAX: i64 = 10;

/// What a picture is made of.
pub(crate) struct PictureOf<'a> {
    /// The policy with the units as they are on the day.
    pub(crate) policy: &'a Policy,
    pub(crate) as_of: NaiveDate,
    pub(crate) findings: &'a [Finding],
    /// The change of each finding since all jobs.
    pub(crate) changes: &'a [Change],
    /// The counts of the projects.
    pub(crate) indicators: &'a Indicators,
    /// The positions of the data and of the marks, read before them.
    pub(crate) data: i64,
    pub(crate) restrictions: i64,
    pub(crate) config: String,
    /// When its making began.
    pub(crate) began: DateTime<Utc>,
    /// Empty = the pages.
    pub(crate) run: &'a str,
}

/// The sha256 of the texts of a configuration.
pub(crate) fn config_sum(config: &Config) -> String {
    let mut hasher = Hashing::new(&SHA256);
    for (path, text) in config.files_without_secrets() {
        for part in [path.as_bytes(), text.as_bytes()] {
            hasher.update(&part.len().to_le_bytes());
            hasher.update(part);
        }
    }
    hex::encode(hasher.finish())
}

/// The projects of a unit as a picture counts them.
fn projects_of(owner: Option<UnitId>, measures: &Measures) -> UnitProjects {
    let Cohort { contracts, performed, started, produced, .. } = measures.live(Window::All);
    let owner = owner.map(|owner| owner as u32);
    UnitProjects { owner, stages: measures.stages.clone(), contracts, performed, started, produced }
}

/// Begins a picture; `None` = another process makes one, and `takes_over` is not set.
///
/// # Errors
/// The database fails.
pub(crate) async fn begin_picture<'a>(store: &'a Store, clock: &Clock, takes_over: bool) -> Result<Option<PictureWriter<'a>>> {
    let now = clock.now();
    store.pictures().begin(&stamp(now), &stamp(now + chrono::Duration::minutes(MINUTES_MAX)), takes_over).await
}

/// Writes a picture and puts it in force.
///
/// # Errors
/// The database fails, or another process has begun a newer picture.
pub(crate) async fn write_picture(writer: &mut PictureWriter<'_>, clock: &Clock, of: &PictureOf<'_>) -> Result<()> {
    let PictureOf { policy, findings, .. } = of;
    let units = &policy.units;
    // the findings are in the order of every output; what counts alike follows each other
    let place =
        |finding: &Finding| (finding.rule, finding.owner.unwrap_or(UnitId::MAX), Reverse(finding.light), finding.state, !is_named(finding));
    let mut order: Vec<u32> = (0..findings.len() as u32).collect();
    order.sort_by_key(|index| place(&findings[*index as usize]));
    let mut office = ReaderList::default();
    let mut lists: BTreeMap<UnitId, ReaderList> = BTreeMap::new();
    for (number, index) in order.into_iter().enumerate() {
        let finding = &findings[index as usize];
        let belongs_to = list_readers(units, finding);
        let is_shown = is_named(finding);
        let line = PictureLine {
            rule: finding.rule as u32,
            ledger: policy.ledgers[policy.rules[finding.rule].ledger].id.clone(),
            key: finding.key.to_string(),
            project: finding.project.to_string(),
            name: masked(&finding.name),
            unit: masked(&finding.unit),
            owner: finding.owner.map(|owner| owner as u32),
            light: finding.light.map_or_else(String::new, |light| light.code().to_owned()),
            state: finding.state.code().to_owned(),
            due_on: finding.due_on,
            overdue_days: finding.overdue_days(),
            received_on: finding.received_on,
            measure: measure(policy, finding),
            change: of.changes.get(index as usize).copied().unwrap_or_default().code().to_owned(),
            restricted: !is_shown,
            readers: belongs_to.iter().filter(|_| is_shown).map(|unit| *unit as u32).collect(),
        };
        let group = Group::of(&line);
        office.add(group);
        for unit in belongs_to {
            let list = lists.entry(unit).or_default();
            if is_shown {
                list.add(group);
                list.numbers.push(number as u32);
            } else {
                list.only_counted += 1;
            }
        }
        writer.add(line).await?;
    }
    writer.add_list(OFFICE, &office).await?;
    for (unit, list) in &lists {
        writer.add_list(&units.units[*unit].code, list).await?;
    }
    let rule = |rule: &Rule| PictureRule { id: rule.id.clone(), title: rule.title.clone(), basis: rule.basis.clone() };
    let names = PictureNames {
        rules: policy.rules.iter().map(rule).collect(),
        units: units.units.iter().map(|unit| unit.code.clone()).collect(),
        stages: of.indicators.stages.clone(),
        projects: of.indicators.by_unit().map(|(owner, measures)| projects_of(owner, measures)).collect(),
    };
    let now = clock.now();
    let picture = Picture {
        no: 0,
        as_of: of.as_of,
        made_at: stamp(now),
        data: of.data,
        restrictions: of.restrictions,
        config: of.config.clone(),
        took: (now - of.began).num_milliseconds(),
    };
    writer.finish(of.run, picture, &names).await
}
