//! The printed result of a run: what it found and made.

use crate::domain::judging::finding::count_blank_cells;
use crate::domain::judging::finding::{Change, State};
use crate::domain::register::period::chinese_date;
use crate::domain::rules::rule::Light;
use crate::store::reports::ReportFile;
use crate::worker::run::context::RunContext;
use std::fmt::Write;

impl RunContext<'_> {
    /// Findings by light, changes, and the files made; `files` is `None` in a rehearsal.
    pub(crate) fn summary(&self, files: Option<&[ReportFile]>, faults: &[String]) -> String {
        let findings = &self.register.judged.findings;
        let open = |light: Light| findings.iter().filter(|finding| finding.state == State::Open && finding.light == Some(light)).count();
        let state = |state: State| findings.iter().filter(|finding| finding.state == state).count();
        let change = |wanted: Change| findings.iter().filter(|finding| finding.state == State::Open && finding.change == wanted).count();
        let mut text = format!("{} 截至{}\n", self.job.title, chinese_date(self.as_of));
        for line in &self.register.sources {
            let _ = writeln!(
                text,
                "台账：{}（{}，第{}次快照，截至{}）入库{} 待核{}{}",
                line.ledger,
                line.source,
                line.snapshot,
                chinese_date(line.covers_on),
                line.accepted,
                line.quarantined,
                if line.note.is_empty() { String::new() } else { format!("；{}", line.note) }
            );
        }
        let _ = writeln!(
            text,
            "督办事项：红{} 橙{} 黄{}；无法判定{}（待补齐{}处），豁免{}",
            open(Light::Red),
            open(Light::Orange),
            open(Light::Yellow),
            state(State::Unjudged),
            count_blank_cells(&self.config.policy, findings.iter()),
            state(State::Exempt)
        );
        let _ = writeln!(
            text,
            "较上期：新增{} 升级{} 减轻{} 持续{} 再次出现{} 办结{}",
            change(Change::New),
            change(Change::Escalated),
            change(Change::Eased),
            change(Change::Continued),
            change(Change::Reopened),
            self.changes.resolved.len()
        );
        let Some(files) = files else { return text };
        let packs = self.write_pack_counts(files, faults, &mut text);
        for ReportFile { path, sha256, bytes } in files.iter().filter(|file| !packs.contains(&file.path)) {
            let _ = writeln!(text, "报表：{path}（{bytes}字节，sha256 {}）", &sha256[..12.min(sha256.len())]);
        }
        text
    }
}
