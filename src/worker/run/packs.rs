//! Packs (分级材料): a workbook for each unit of a level, made on all cores.

use crate::domain::audience::Audience;
use crate::domain::judging::roster::Reach;
use crate::domain::register::units::UnitId;
use crate::report::archive;
use crate::report::archive::ArchivedFile;
use crate::report::xlsx;
use crate::store::named_records::NamedCodes;
use crate::store::reports::{ReportFile, ReportKey, ReportKind};
use crate::store::run_result::{PackCounts, RunFault};
use crate::workbook::build::{build, file_name, lists_anything, named_records};
use crate::workbook::material::Material;
use crate::workbook::template::Template;
use crate::worker::panic_guard::message;
use crate::worker::run::context::RunContext;
use crate::worker::run::earlier_files::EarlierFiles;
use crate::worker::run::report::balanced;
use crate::worker::run::spill::WorkbookRecords;
use chrono::NaiveDate;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A pack that was made.
pub(crate) struct Pack {
    /// The folder below the run's: the title of the unit's level.
    pub(crate) level: String,
    pub(crate) key: ReportKey,
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

/// The packs of a run.
pub(crate) struct WrittenPacks {
    pub(crate) files: Vec<ReportFile>,
    /// The packs that could not be made, with the reason.
    pub(crate) faults: Vec<RunFault>,
}

impl RunContext<'_> {
    /// Every pack of the job that does not wait for data: template and unit, in the order of the job and of the units.
    fn pack_list(&self) -> Vec<(&Template, UnitId)> {
        let units = &self.config.policy.units;
        let templates = self.job.packs.iter().filter_map(|pack| Some((self.config.templates.get(&pack.template)?, pack)));
        let templates = templates.filter(|(template, _)| self.waits_for_data(template).is_none());
        templates.flat_map(|(template, pack)| pack.units(units).map(move |unit| (template, unit))).collect()
    }

    /// The folder of a unit's pack below the run's folder, and its file name.
    pub(crate) fn pack_name(&self, template: &Template, unit: UnitId) -> (String, String) {
        let material = self.material(Audience::Unit(unit), Some(&[]), &[]);
        let units = &self.config.policy.units;
        (units.levels.name(units.units[unit].level).to_owned(), file_name(template, &material))
    }

    /// One unit's pack that bears a day, its sums checked, with the records it names; `None` where it would list nothing.
    pub(crate) fn pack(
        &self,
        (template, unit): (&Template, UnitId),
        dated: NaiveDate,
        reach: &Reach,
        named: &[(String, String)],
    ) -> anyhow::Result<Option<(Vec<u8>, NamedCodes)>> {
        let records = WorkbookRecords::new(&self.register.records);
        let data_line = self.data_line(template);
        let material = Material {
            records: &records,
            data_line: &data_line,
            ..self.material_dated(dated, Audience::Unit(unit), Some(reach.of(unit)), named)
        };
        let bytes = match lists_anything(template, &material) {
            false => None,
            true => {
                let book = build(template, &material)?;
                balanced(&book).map_err(anyhow::Error::msg)?;
                Some((xlsx::render(&book)?, self.codes_named(named_records(template, &material))))
            }
        };
        match records.fault() {
            Some(fault) => anyhow::bail!("{fault}"),
            None => Ok(bytes),
        }
    }

    /// The findings that each unit may see in its pack.
    pub(crate) fn reach(&self) -> Reach {
        Reach::new(&self.config.policy.units, &self.register.judged)
    }

    /// Makes the packs on all cores, each by one of them; one of an earlier revision stays if nothing but its day would change. The files are in the
    /// order of the list.
    ///
    /// # Errors
    /// The records cannot be read back, or a temporary file cannot be removed.
    pub(crate) fn write_packs(&self, var: &Path, folder: &str, earlier: &EarlierFiles) -> anyhow::Result<WrittenPacks> {
        let list = self.pack_list();
        let named = self.inputs_named();
        let reach = self.reach();
        for level in list.iter().map(|(_, unit)| self.config.policy.units.units[*unit].level).collect::<BTreeSet<_>>() {
            archive::remove_temporary_files(&var.join(folder).join(self.config.policy.units.levels.name(level)))?;
        }
        let next = AtomicUsize::new(0);
        let root = var.parent().unwrap_or(var);
        let write = |template: &Template, unit: UnitId| -> anyhow::Result<Option<ReportFile>> {
            let key = self.pack_key(template, unit);
            let mut made = None;
            if let Some(day) = earlier.day_of(&key) {
                made = self.pack((template, unit), day, &reach, &named)?;
                let same = made.as_ref().and_then(|(bytes, _)| earlier.same(root, &key, &archive::sha256(bytes)));
                if same.is_some() || made.is_none() {
                    return Ok(same);
                }
                made = made.filter(|_| day == self.made_on);
            }
            let made = match made {
                Some(made) => Some(made),
                None => self.pack((template, unit), self.made_on, &reach, &named)?,
            };
            let Some((bytes, names)) = made else { return Ok(None) };
            let (level, file) = self.pack_name(template, unit);
            let ArchivedFile { path, sha256, bytes } = archive::write(&var.join(folder).join(&level), &file, &bytes)?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Ok(Some(ReportFile { key, path: format!("var/{folder}/{level}/{name}"), sha256, bytes, names }))
        };
        let work = || {
            let mut made = Vec::new();
            // each core takes the next pack that no other has begun, so that memory holds one workbook per core
            while let Some((number, (template, unit))) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, *list.get(at)?)))
            {
                made.push((number, write(template, unit)));
            }
            made
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(list.len());
        let mut made: Vec<(usize, anyhow::Result<Option<ReportFile>>)> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().map_err(|panic| anyhow::anyhow!("a workbook writer panicked: {}", message(&*panic))))
                .collect::<Result<Vec<_>, _>>()
        })?
        .into_iter()
        .flatten()
        .collect();
        made.sort_by_key(|(number, _)| *number);
        let templates = self.job.packs.iter().filter_map(|pack| self.config.templates.get(&pack.template));
        let (mut files, mut faults) = (Vec::new(), templates.filter_map(|template| self.waits_for_data(template)).collect::<Vec<_>>());
        for (number, result) in made {
            let (template, unit) = list[number];
            match result {
                Ok(file) => files.extend(file),
                Err(error) => {
                    let ReportKey { template, unit: code, .. } = self.pack_key(template, unit);
                    let name = self.config.policy.units.units[unit].name.clone();
                    faults.push(RunFault::Pack { template, unit: code, name, detail: format!("{error:#}") });
                }
            }
        }
        // `reach` has read the records for all packs
        match self.register.records.fault() {
            Some(fault) => anyhow::bail!("{fault}"),
            None => Ok(WrittenPacks { files, faults }),
        }
    }

    /// The packs of a rebuild, each of the day on which it was made.
    pub(crate) fn rebuilt_packs(&self, made: &EarlierFiles) -> impl Iterator<Item = anyhow::Result<Pack>> {
        let (reach, named) = (self.reach(), self.inputs_named());
        self.pack_list().into_iter().filter_map(move |(template, unit)| {
            let (level, file) = self.pack_name(template, unit);
            let key = self.pack_key(template, unit);
            match self.pack((template, unit), made.day_of(&key).unwrap_or(self.made_on), &reach, &named) {
                Ok(made) => made.map(|(bytes, _)| Ok(Pack { level, key, file, bytes })),
                Err(error) => Some(Err(error.context(file))),
            }
        })
    }

    /// How many packs of each template there are, how many could not be made, and how many units have none because there was nothing to list.
    pub(crate) fn pack_counts(&self, files: &[ReportFile], faults: &[RunFault]) -> Vec<PackCounts> {
        let paths: HashMap<&ReportKey, &str> = files.iter().map(|file| (&file.key, file.path.as_str())).collect();
        let failed: HashSet<(&str, &str)> = faults
            .iter()
            .filter_map(|fault| match fault {
                RunFault::Pack { template, unit, .. } => Some((template.as_str(), unit.as_str())),
                _ => None,
            })
            .collect();
        let waits = |template: &Template| {
            faults.iter().any(|fault| matches!(fault, RunFault::PaperWaits { template: waiting, .. } if *waiting == template.name))
        };
        let mut out = Vec::new();
        for pack in &self.job.packs {
            let Some(template) = self.config.templates.get(&pack.template) else { continue };
            let mut counts = PackCounts { title: template.subject.clone(), made: 0, without_rows: 0, failed: 0, folders: Vec::new() };
            let mut folders = BTreeSet::new();
            for unit in pack.units(&self.config.policy.units) {
                let key = self.pack_key(template, unit);
                match paths.get(&key) {
                    Some(path) => {
                        counts.made += 1;
                        folders.insert(path.rfind('/').map_or("", |end| &path[..=end]));
                    }
                    None if failed.contains(&(key.template.as_str(), key.unit.as_str())) || waits(template) => counts.failed += 1,
                    None => counts.without_rows += 1,
                }
            }
            counts.folders = folders.into_iter().map(str::to_owned).collect();
            out.push(counts);
        }
        out
    }

    fn pack_key(&self, template: &Template, unit: UnitId) -> ReportKey {
        let unit = self.config.policy.units.units[unit].code.clone();
        ReportKey { template: template.name.clone(), kind: ReportKind::Pack, unit }
    }
}
