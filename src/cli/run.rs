//! `run`, `preview`, `serve`, `init`: runs jobs and prints what they made.

use crate::app::audit::record_export;
use crate::app::compose::App;
use crate::app::start;
use crate::app::start::Start;
use crate::cli::exit::Exit;
use crate::cli::person::PersonArguments;
use crate::cli::print;
use crate::cli::print::add_line;
use crate::domain::register::levels::Levels;
use crate::domain::register::period::chinese_date;
use crate::store::reports::{ReportFile, ReportKind};
use crate::store::run_result::{FindingCounts, JudgedResult, JudgedSource, MailedResult, PackCounts, PulledLedger, RunResult};
use crate::store::runs::{Run, RunState};
use crate::worker::run::runner::{Deliveries, Rehearsal, RehearsedMail, RunOutcome, RunRequest, RunWhen};
use chrono::NaiveDate;

/// The exit code of a run.
fn exit_of(state: RunState) -> Exit {
    match state {
        RunState::Done => Exit::Done,
        RunState::Partial => Exit::Partial,
        RunState::Running | RunState::Failed => Exit::Failed,
    }
}

/// How a person has a job run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunHow {
    Once,
    /// A further revision of a run that is done.
    Revise,
    /// The same with the papers that wait because their data are old.
    ReviseDespiteOldData,
    /// Nothing is written or sent.
    Rehearse,
}

/// Runs a job, or with `dry_run` prints what a run would make.
pub(crate) async fn run(app: &App, job: String, as_of: Option<NaiveDate>, how: RunHow, person: &PersonArguments) -> anyhow::Result<Exit> {
    let when = as_of.map_or(RunWhen::Now, RunWhen::AsOf);
    let levels = &app.config().policy.units.levels;
    let accepts_old = how == RunHow::ReviseDespiteOldData;
    let revise = how == RunHow::Revise || accepts_old;
    if how == RunHow::Rehearse {
        print::block(&rehearsal_text(&app.runner().rehearse(&job, when).await?, levels));
        return Ok(Exit::Done);
    }
    let day = as_of.map_or_else(|| "now".to_owned(), |day| day.to_string());
    let object = format!("{job} {day}{}{}", if revise { " --revise" } else { "" }, if accepts_old { " --accept-old" } else { "" });
    if accepts_old {
        person.named("以陈旧数据编发")?;
    }
    record_export(app, "run by hand", &object, person.person(&person.who())).await?;
    let request = RunRequest { job, when, revise };
    let outcome = match accepts_old {
        true => app.runner().revise_despite_old_data(&request).await?,
        false => app.runner().run_job(&request).await?,
    };
    print::block(&outcome_text(&outcome, levels));
    let stopped = if outcome.stopped > 0 { Exit::Partial } else { Exit::Done };
    Ok(exit_of(outcome.run.state).or_worse(stopped).or_worse(exit_of_deliveries(&outcome.deliveries)))
}

/// A run whose mails wait, were refused or were given up is not wholly done.
fn exit_of_deliveries(mails: &Deliveries) -> Exit {
    if mails.pending + mails.unknown + mails.refused + mails.dead > 0 { Exit::Partial } else { Exit::Done }
}

/// A run as it is printed: what it found and made, the states of its mails, and why it is not complete.
pub fn outcome_text(outcome: &RunOutcome, levels: &Levels) -> String {
    let run = &outcome.run;
    let mut text = String::new();
    if let Some(done) = outcome.done_before {
        let state = match run.state {
            RunState::Partial => format!(
                "只完成一部分，未重复发送。排除末行所列原因后，用 duban run {} --as-of {} --revise 补做，内容未变的提醒不再发送。",
                run.job, run.as_of
            ),
            _ if done.sent_now > 0 => format!("完成，本次继续发送其余{}封，已送达的未重复发送。", done.sent_now),
            _ => "完成，未重复发送。".to_owned(),
        };
        add_line(&mut text, format_args!("本次执行（{} {}）已于此前{state}", run.job, run.slot));
        text.push('\n');
    }
    if outcome.remade > 0 {
        add_line(
            &mut text,
            format_args!(
                "本次执行（{} {}）有{}封邮件和拟办件因所列事项已标注为不便公开而停发，现另行生成（第{}次修订）；没有停发的不再发送。",
                run.job, run.slot, outcome.remade, run.revision
            ),
        );
        text.push('\n');
    }
    if outcome.remade_packs > 0 {
        add_line(
            &mut text,
            format_args!(
                "本次执行（{} {}）有{}份分级材料列有其后标注为不便公开的事项，已停止提供，现重新生成（第{}次修订）。",
                run.job, run.slot, outcome.remade_packs, run.revision
            ),
        );
        text.push('\n');
    }
    if let Some(RunResult { pulled, judged, mailed }) = &run.result {
        for PulledLedger { ledger, source, snapshot } in pulled {
            add_line(&mut text, format_args!("{ledger}（{source}）：第{snapshot}次快照"));
        }
        if let Some(judged) = judged {
            judged_text(judged, &mut text);
            for ReportFile { path, sha256, bytes, .. } in outcome.reports.iter().filter(|file| file.key.kind != ReportKind::Pack) {
                let is_earlier = run.revision > 0 && !path.contains(&format!("/{}-r{}/", run.as_of, run.revision));
                let note = if is_earlier { "，与前次相同，未再生成" } else { "" };
                add_line(&mut text, format_args!("报表：{path}（{bytes}字节，sha256 {}{note}）", &sha256[..12.min(sha256.len())]));
            }
        }
        for path in &run.inputs.intake_reports {
            add_line(&mut text, format_args!("导入报告：{path}"));
        }
        if let Some(mailed) = mailed {
            mailed_text(mailed, run.inputs.remakes_withheld, levels, &mut text);
        }
    }
    deliveries_text(&outcome.deliveries, &mut text);
    let reason = incomplete_because(run);
    if !reason.is_empty() {
        add_line(&mut text, format_args!("未全部完成：{reason}"));
    }
    if outcome.stopped > 0 {
        let (job, as_of) = (&run.job, &run.as_of);
        add_line(
            &mut text,
            format_args!("未全部完成：有{}封因新的不便公开标注而停发，另行生成：duban run {job} --as-of {as_of}", outcome.stopped),
        );
    }
    text
}

/// Why a run failed or is partial; empty = it is done, or goes on.
pub(crate) fn incomplete_because(run: &Run) -> String {
    match run.state {
        RunState::Partial => run.inputs.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("；"),
        RunState::Failed => run.reason.clone(),
        RunState::Running | RunState::Done => String::new(),
    }
}

/// Adds what was judged, found and made: sources, findings by light and by change, packs.
fn judged_text(judged: &JudgedResult, text: &mut String) {
    add_line(text, format_args!("{} 截至{}", judged.title, chinese_date(judged.as_of)));
    for JudgedSource { ledger, source, snapshot, covers_on, accepted, quarantined, note } in &judged.sources {
        let covers_on = chinese_date(*covers_on);
        let note = if note.is_empty() { String::new() } else { format!("；{note}") };
        add_line(
            text,
            format_args!("台账：{ledger}（{source}，第{snapshot}次快照，截至{covers_on}）入库{accepted} 待核{quarantined}{note}"),
        );
    }
    let FindingCounts { red, orange, yellow, services, unjudged, blank_cells, exempt, .. } = judged.findings;
    let services = if services > 0 { format!("，服务事项{services}") } else { String::new() };
    add_line(
        text,
        format_args!("督办事项：红{red} 橙{orange} 黄{yellow}；无法判定{unjudged}（待补齐{blank_cells}处），豁免{exempt}{services}"),
    );
    let FindingCounts { new, escalated, eased, continued, reopened, resolved, .. } = judged.findings;
    add_line(text, format_args!("较上期：新增{new} 升级{escalated} 减轻{eased} 持续{continued} 再次出现{reopened} 办结{resolved}"));
    for PackCounts { title, made, without_rows, failed, folders } in &judged.packs {
        let place = if folders.is_empty() { String::new() } else { format!("（{}）", folders.join("、")) };
        let mut line = format!("分单位报表：{title}{made}份{place}");
        if *without_rows > 0 {
            line.push_str(&format!("；另有{without_rows}个单位没有可列的内容，无报表"));
        }
        if *failed > 0 {
            line.push_str(&format!("；{failed}份未能生成"));
        }
        add_line(text, format_args!("{line}"));
    }
}

/// Adds what was queued, and the coverage proof.
fn mailed_text(mailed: &MailedResult, remakes_withheld: bool, levels: &Levels, text: &mut String) {
    let MailedResult { digests, drafts, unchanged, coverage, packs_mailed, packs_of_office, .. } = mailed;
    text.push_str(&format!("提醒：{digests}封"));
    if *unchanged > 0 {
        let why = if remakes_withheld { "没有停发或与前次相同" } else { "与前次相同" };
        text.push_str(&format!("（另有{unchanged}封{why}，未再发送）"));
    }
    text.push('\n');
    if *drafts > 0 {
        add_line(text, format_args!("拟办：督办、通报、约谈{drafts}件，签发后发送"));
    }
    if packs_mailed + packs_of_office > 0 {
        let all = packs_mailed + packs_of_office;
        add_line(text, format_args!("分级材料：{all}份 = 随邮件{packs_mailed}份 + 只存办公室{packs_of_office}份"));
    }
    text.push_str(&format!("{}\n", coverage.in_words(levels)));
}

/// Adds the states of a run's mails and drafts to the text.
fn deliveries_text(mails: &Deliveries, text: &mut String) {
    let queued = mails.queued();
    if queued > 0 {
        let Deliveries { accepted, refused, unknown, pending, on_hold, .. } = mails;
        text.push_str(&format!(
            "发送：应发{queued} = 已送达{accepted} + 被拒{refused} + 结果不明{unknown} + 待发{pending} + 暂缓{on_hold}"
        ));
        for (word, count) in [("已被代替", mails.superseded), ("停止发送", mails.dead), ("不便公开停发", mails.withheld)] {
            if count > 0 {
                text.push_str(&format!(" + {word}{count}"));
            }
        }
        text.push('\n');
        if mails.test > 0 {
            add_line(text, format_args!("试发送：{}封发往测试邮箱，各单位未收到，不计入已提醒", mails.test));
        }
        if mails.repeated > 0 {
            add_line(text, format_args!("其中{}封曾结果不明而重发，对方可能收到两份（编号相同）", mails.repeated));
        }
        for line in &mails.notes {
            add_line(text, format_args!("{line}"));
        }
        if let Some(reason) = &mails.channel_fault {
            add_line(text, format_args!("现在发不出去：{reason}。未丢失，duban serve会自动再试"));
        }
    }
    if mails.drafts + mails.rejected_drafts > 0 {
        let Deliveries { drafts, rejected_drafts, .. } = mails;
        add_line(text, format_args!("拟办件：待签发{drafts}件，不予签发{rejected_drafts}件（duban outbox list --state draft）"));
    }
}

/// What a run would make and send.
fn rehearsal_text(rehearsal: &Rehearsal, levels: &Levels) -> String {
    let mut text = "试运行：以下为将要生成和发送的内容，未写入、未发送。\n\n".to_owned();
    if let Some(judged) = &rehearsal.judged {
        judged_text(judged, &mut text);
    }
    for RehearsedMail { unit, subject } in &rehearsal.digests {
        add_line(&mut text, format_args!("{unit} ← {subject}"));
    }
    for RehearsedMail { unit, subject } in &rehearsal.drafts {
        add_line(&mut text, format_args!("{unit} ←（拟办，签发后发送）{subject}"));
    }
    if let Some(coverage) = &rehearsal.coverage {
        text.push_str(&format!("{}\n", coverage.in_words(levels)));
    }
    text
}

/// Fixes the day from which acts above a reminder begin, and prints it.
pub(crate) async fn init(app: &App, person: &PersonArguments) -> anyhow::Result<Exit> {
    match start::fix_start_by(app, person.person(&person.who())).await? {
        Start::Known(day) => print_line!("启动日已定为{}，未作更改。", chinese_date(day)),
        Start::Fixed { day, calendar_known } => {
            print_line!("启动日定为{}（config/duban.toml [start] enforce_on）。", chinese_date(day));
            print_line!("此前为建账期：各单位收到一份存量核对单，只作提醒；此后按督办规则催办，督办、通报、约谈由专人签发。");
            if !calendar_known {
                print_line!("注意：{}年的工作日安排尚未录入（config/calendar/），按周末估算。", chrono::Datelike::year(&day));
            }
        }
    }
    Ok(Exit::Done)
}
