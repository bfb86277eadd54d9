//! A unit's digest, section by section.

use crate::domain::audience::{masked, masked_phone};
use crate::domain::judging::finding::{Change, Identity, State};
use crate::domain::notify::digest::{
    Blank, Count, Counts, Digest, Due, Item, Named, Numerals, PlaceLine, Places, RestLine, RollUp, Silent, Unrouted,
};
use crate::domain::notify::feedback;
use crate::domain::notify::feedback::{Answer, editable, silent};
use crate::domain::notify::items::{Case, Cases, items_told};
use crate::domain::notify::plan::{DUE_DAYS, Plan, Share};
use crate::domain::notify::wording;
use crate::domain::register::calendar::calendar_note;
use crate::domain::register::ledger::Role;
use crate::domain::register::units::{Level, UnitId, spelling};
use crate::domain::rules::rule::{Light, Relation, STAGE_NEGOTIATING};
use chrono::Days;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Items told in full; the office's roll-up shows more of them, shorter. With all else at its longest a mail stays within two screens of a
/// phone.
const FULL_MAX: usize = 3;
const WORST_MAX: usize = 5;
/// Other problems told with an item, and rules told of what is not in full; the others are in the attachment.
const OTHERS_MAX: usize = 3;
const RULES_MAX: usize = 6;
/// Answers told with an item; the others are in the attachment.
const ANSWERS_MAX: usize = 2;
/// Lines of a list before it goes to the attachment.
const LINES_MAX: usize = 5;

/// The office's own part, once everybody else's digest is planned.
pub(crate) fn roll_up(plan: &Plan<'_>, digests: &[Digest], unrouted: &[(usize, Relation)]) -> RollUp {
    let mut lines: BTreeMap<usize, Vec<&'static str>> = BTreeMap::new();
    for (index, relation) in unrouted {
        lines.entry(*index).or_default().push(relation.title());
    }
    // one line for a record, whatever number of its rules reach nobody
    let mut seen: BTreeMap<(usize, &str), Unrouted> = BTreeMap::new();
    for (index, relations) in lines {
        let finding = &plan.judged.findings[index];
        let line = seen.entry((plan.policy.rules[finding.rule].ledger, &*finding.key)).or_insert_with(|| Unrouted {
            code: finding.key.to_string(),
            name: masked(&finding.name),
            unit: masked(&finding.unit),
            relations: Vec::new(),
        });
        for relation in relations {
            if !line.relations.contains(&relation) {
                line.relations.push(relation);
            }
        }
    }
    let mut unrouted_lines: Vec<Unrouted> = seen.into_values().collect();
    let records = unrouted_lines.len();
    unrouted_lines.truncate(LINES_MAX);
    let silent = silent_records(plan);
    let mut silent_lines: Vec<Silent> = silent
        .chunk_by(|(one, ..), (other, ..)| one == other)
        .map(|items| Silent { unit: plan.policy.units.units[items[0].0].name.clone(), items: items.len() })
        .collect();
    let silent_units = silent_lines.len();
    let silent_more = cut(&mut silent_lines);
    let answered: BTreeSet<(&str, &str)> = plan
        .judged
        .findings
        .iter()
        .filter(|finding| finding.state == State::Open && !finding.restricted)
        .map(|finding| (plan.policy.ledgers[plan.policy.rules[finding.rule].ledger].id.as_str(), &*finding.key))
        .collect();
    let answers = || plan.answers.iter().filter(|((ledger, code), _)| answered.contains(&(ledger.as_str(), code.as_str())));
    let horizon = plan.sent_on + Days::new(DUE_DAYS);
    let findings = || plan.judged.findings.iter().enumerate();
    RollUp {
        units_told: digests.len(),
        forwarded: digests.iter().filter(|digest| !digest.forwarded_by.is_empty()).count(),
        due: plan.judged.notices.iter().filter(|notice| notice.due_on <= horizon && !notice.restricted).count(),
        blank: blanks(
            plan,
            findings().filter(|(_, finding)| finding.state == State::Unjudged && !finding.restricted).map(|(index, _)| index),
        )
        .1,
        exempt: findings().filter(|(_, finding)| finding.state == State::Exempt && !finding.restricted).count(),
        unrouted: records,
        unrouted_more: records - unrouted_lines.len(),
        unrouted_lines,
        silent_units,
        silent_items: silent.len(),
        silent_lines,
        silent_more,
        silent,
        answered: answers().count(),
        proposed: answers().filter(|(_, answer)| !answer.proposals.is_empty()).count(),
    }
}

/// Records of units that were told of them, whose day to answer has passed, and that have not answered since.
fn silent_records(plan: &Plan<'_>) -> Vec<feedback::Silent> {
    let open = plan.judged.findings.iter().filter(|finding| finding.state == State::Open && !finding.restricted).filter_map(|finding| {
        let owner = finding.owner?;
        let rule = &plan.policy.rules[finding.rule];
        let ledger = &plan.policy.ledgers[rule.ledger];
        let identity = Identity { rule: rule.id.clone(), ledger: ledger.id.clone(), key: finding.key.to_string() };
        let was_told = plan.told_before.get(&owner).is_some_and(|told| told.contains_key(&identity));
        (was_told && editable(ledger).next().is_some()).then_some((owner, rule.ledger, &*finding.key))
    });
    let asked_on = |unit| plan.last_digest_on.get(&unit).copied().filter(|asked| plan.answer_by(unit, *asked) < plan.sent_on);
    silent(plan.policy, asked_on, open, plan.answers)
}

/// Puts a unit's digest together.
#[allow(clippy::too_many_arguments)]
pub(crate) fn digest(
    plan: &Plan<'_>,
    unit: UnitId,
    (mailbox_unit, mailbox): (UnitId, &str),
    share: &Share,
    Cases(cases): Cases,
    before: &BTreeMap<Identity, Option<Light>>,
    still: &HashSet<(usize, &str)>,
    roll_up: Option<RollUp>,
) -> Digest {
    let units = &plan.policy.units.units;
    let me = &units[unit];
    let province = roll_up.is_some();
    let mut counts = Counts { items: cases.len(), due: share.due.len(), exempt: share.exempt, ..Counts::default() };
    for case in &cases {
        *counts.light(case.light) += 1;
        match case.change {
            _ if !case.known => counts.new += 1,
            Change::New | Change::Reopened => counts.added += 1,
            _ => {}
        }
        counts.escalated += usize::from(case.change == Change::Escalated);
    }
    let full = if province { WORST_MAX } else { FULL_MAX }.min(cases.len());
    let (shown, beyond) = cases.split_at(full);
    let urgent: Vec<Item> = shown.iter().map(|case| item(plan, unit, case)).collect();
    let red_more = beyond.iter().filter(|case| case.light == Light::Red).count();
    let rest = rest(plan, beyond.iter().filter(|case| case.light != Light::Red));

    let (mut unjudged, blank) = blanks(plan, share.unjudged.iter().copied());
    counts.blank = blank;
    let (mut resolved, mut gone) = finished(plan, before, still);
    (counts.resolved, counts.gone) = (resolved.len(), gone.len());
    let (than_before, compared) = against_before(plan, (&cases, &counts), before, still);
    let mut due: Vec<Due> = share.due.iter().map(|index| due_line(plan, *index)).collect();

    let mut findings: Vec<usize> = cases.iter().flat_map(Case::findings).chain(share.unjudged.iter().copied()).collect();
    findings.sort_unstable();
    findings.dedup();
    let told = findings.iter().map(|index| (plan.identity(*index), plan.judged.findings[*index].light)).collect();
    let holds = share.open.iter().copied().chain(share.unjudged.iter().map(|index| (*index, Relation::Owner))).collect();
    let restricted = plan.judged.findings.iter().enumerate().filter(|(_, finding)| finding.restricted);
    let everywhere: Vec<usize> = restricted.map(|(index, _)| index).collect();
    let carries_rows = (plan.may_carry_rows)(mailbox);
    let forwarded_by = if mailbox_unit == unit { String::new() } else { units[mailbox_unit].title.clone() };

    let mut digest = Digest {
        unit,
        mailbox_unit,
        mailbox: mailbox.to_owned(),
        told,
        findings,
        holds,
        subject: wording::subject(plan, &me.name, &counts),
        unit_name: me.name.clone(),
        addressee: me.title.clone(),
        forwarded_by,
        level: me.level.code(),
        scope: scope(me.level),
        office: plan.office_name.to_owned(),
        contact: masked(plan.contact),
        source_line: masked(plan.source_line),
        calendar_note: calendar_note(&plan.lacking_years(unit)).unwrap_or_default(),
        as_of: plan.as_of,
        sent_on: plan.sent_on,
        reply_by: plan.reply_by(unit),
        due_until: plan.sent_on + Days::new(DUE_DAYS),
        next_on: (plan.next_on)(me.level),
        started: plan.started,
        counts_only: !carries_rows,
        attachment: Some(format!("督办清单_{}_{}.xlsx", me.name, plan.as_of)),
        attachment_kept: None,
        than_before,
        compared,
        besides: besides(plan, &counts),
        counts,
        withheld: plan.withheld(&if province { everywhere } else { share.withheld.clone() }),
        numerals: Numerals::default(),
        ask: ask(plan, unit, &cases, province),
        urgent,
        red_more,
        due_more: cut(&mut due),
        due,
        rest,
        resolved_more: cut(&mut resolved),
        resolved,
        gone_more: cut(&mut gone),
        gone,
        unjudged_more: cut(&mut unjudged),
        unjudged,
        places: places(plan, unit, &cases, province),
        roll_up,
    };
    if !carries_rows {
        digest.strip();
    }
    digest.number();
    digest
}

impl Digest {
    /// Leaves the counts: for an address outside the domains that rows may go to.
    pub(crate) fn strip(&mut self) {
        self.findings.clear();
        self.attachment = None;
        (self.urgent, self.due, self.rest) = (Vec::new(), Vec::new(), Vec::new());
        (self.resolved, self.gone, self.unjudged) = (Vec::new(), Vec::new(), Vec::new());
        (self.red_more, self.due_more, self.resolved_more, self.gone_more, self.unjudged_more) = (0, 0, 0, 0, 0);
        self.places = None;
        if let Some(roll_up) = &mut self.roll_up {
            roll_up.unrouted_lines.clear();
            roll_up.silent_lines.clear();
            roll_up.silent.clear();
            roll_up.silent_more = 0;
            roll_up.unrouted_more = 0;
        }
    }

    fn number(&mut self) {
        let mut next = ["一", "二", "三", "四", "五"].into_iter();
        let mut numeral = |there: bool| if there { next.next().unwrap_or_default() } else { "" };
        self.numerals = Numerals {
            urgent: numeral(!self.urgent.is_empty()),
            due: numeral(!self.due.is_empty()),
            rest: numeral(!self.rest.is_empty()),
            resolved: numeral(!self.resolved.is_empty() || !self.gone.is_empty()),
            unjudged: numeral(!self.unjudged.is_empty()),
        };
    }
}

/// How many items more or less than the unit was told of last: 比上期多1项, 比上期少2项, 与上期项数相同; and by what, so that it adds up:
/// what is new less what left. Empty where it was never told of any. What has become restricted since counts in neither.
fn against_before(
    plan: &Plan<'_>,
    (cases, counts): (&[Case], &Counts),
    before: &BTreeMap<Identity, Option<Light>>,
    still: &HashSet<(usize, &str)>,
) -> (String, Vec<String>) {
    let was = items_told(plan, before);
    let is: HashSet<(usize, &str)> = cases.iter().map(|case| (case.ledger, case.key.as_str())).collect();
    let (mut done, mut elsewhere) = (0, 0);
    for (_, told) in was.iter().filter(|((ledger, key), _)| !is.contains(&(*ledger, key.as_str()))) {
        if told.iter().all(|identity| is_finished(plan, identity, still).is_some_and(|key| !plan.gone.contains(&key))) {
            done += 1;
        } else {
            elsewhere += 1;
        }
    }
    let than = match (was.len(), cases.len()) {
        (0, _) => String::new(),
        (was, is) if is > was => format!("比上期多{}项", is - was),
        (was, is) if is < was => format!("比上期少{}项", was - is),
        _ => "与上期项数相同".to_owned(),
    };
    let parts = [("新增", counts.new), ("有新问题", counts.added), ("升级", counts.escalated), ("办结", done), ("不再列入", elsewhere)];
    let parts = parts.into_iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{word}{count}项"));
    (than, parts.collect())
}

fn besides(plan: &Plan<'_>, counts: &Counts) -> Vec<String> {
    let due_until = wording::day(plan, plan.sent_on + Days::new(DUE_DAYS));
    [
        (counts.due, format!("{due_until}前到期{}项", counts.due)),
        (counts.blank, format!("待补齐{}处", counts.blank)),
        (counts.exempt, format!("已批准豁免、延期或异议{}项（照常列示，不催办）", counts.exempt)),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(_, text)| text)
    .collect()
}

/// Shortens a list to what a mail shows; returns how many went.
fn cut<T>(list: &mut Vec<T>) -> usize {
    let more = list.len().saturating_sub(LINES_MAX);
    list.truncate(LINES_MAX);
    more
}

fn scope(level: Level) -> &'static str {
    match level {
        Level::Province => "全省",
        Level::City => "你单位及所辖地区",
        Level::Department => "你单位牵头的产业",
        Level::Support | Level::County | Level::Platform => "你单位",
    }
}

/// Asks for facts and dates, never for a value.
fn ask(plan: &Plan<'_>, unit: UnitId, cases: &[Case], province: bool) -> String {
    let by = wording::day(plan, plan.reply_by(unit));
    if cases.is_empty() {
        return String::new();
    }
    if !plan.started {
        return format!("请于{by}前核对以上事项是否属实，补齐日期，说明原因后回复本邮件；数据有误的，请一并说明。");
    }
    if province {
        return "以上为红橙黄灯中最突出的事项，供研究调度；超过催办的方式由经办人签发后另行送达。".to_owned();
    }
    let own = cases.iter().filter(|case| plan.judged.findings[case.lead].owner == Some(unit)).count();
    let reply = "填写附件中的反馈表后回复本邮件即可；有正当理由或数据有误的，请一并说明。";
    match own {
        0 => format!("请督促协调责任单位，于{by}前说明原因和下步安排；有正当理由或数据有误的，请回复本邮件说明。"),
        _ if own == cases.len() => format!("请于{by}前说明原因、下步安排和预计完成时间，{reply}"),
        _ => format!("本单位的事项请于{by}前说明原因和下步安排，其他单位的事项请予督促协调，{reply}"),
    }
}

pub(crate) fn item(plan: &Plan<'_>, unit: UnitId, case: &Case) -> Item {
    let policy = plan.policy;
    let lead = &plan.judged.findings[case.lead];
    let ledger = &policy.ledgers[case.ledger];
    // a project under negotiation is named only where one of its own findings is told, not through a difficulty or an order
    let own_rule = case.findings().any(|index| policy.rules[plan.judged.findings[index].rule].ledger == case.ledger);
    let found = plan.record(case.ledger, &case.key);
    let record = found.as_deref();
    let withheld = !own_rule && record.is_some_and(|record| record.text(ledger.role(Role::Stage)) == STAGE_NEGOTIATING);
    let record = record.filter(|_| !withheld);
    let code = if withheld { &*lead.key } else { case.key.as_str() };
    let text = |role: Role| record.filter(|_| own_rule).map_or(String::new(), |record| masked(record.text(ledger.role(role)).trim()));
    let name = record.map(|record| record.text(ledger.role(Role::Name))).filter(|name| !name.is_empty()).unwrap_or(&lead.name);
    let said = |index: usize| {
        let finding = &plan.judged.findings[index];
        let line = wording::line(plan, finding);
        // a difficulty or an order beside its project says which one it is
        if policy.rules[finding.rule].ledger == case.ledger {
            line
        } else if spelling(&finding.name) == spelling(name) {
            format!("{line}（{}）", finding.key)
        } else {
            format!("{line}（{}，{}）", masked(&finding.name), finding.key)
        }
    };
    let marked = |index: usize| format!("{} {}", plan.judged.findings[index].light.map_or("", Light::title), said(index));
    let waiting_on = case.findings().find_map(|index| plan.judged.findings[index].waiting_on());
    let answers = answers(plan, case);
    let periodic = lead.project.is_empty() && policy.ledgers[case.ledger].role(Role::Held).is_some();
    Item {
        light: case.light.code(),
        mark: case.light.title(),
        change: case.news(),
        name: if periodic { policy.rules[lead.rule].title.clone() } else { masked(name) },
        // the key of a periodic finding is its unit and period, which the line says already
        code: if periodic { String::new() } else { code.to_owned() },
        unit: if lead.owner == Some(unit) { String::new() } else { masked(&lead.unit) },
        amount: case.amount.filter(|_| record.is_some()),
        major: if withheld { "" } else { wording::major(lead.major) },
        act: wording::act(plan, lead.act),
        // where something beneath it is worse, the leading line keeps its own light
        line: if lead.light == Some(case.light) { said(case.lead) } else { marked(case.lead) },
        basis: wording::clause(&policy.rules[lead.rule].basis),
        others: others(plan, case),
        leader: text(Role::Leader),
        officer: text(Role::Officer),
        phone: record
            .filter(|_| own_rule)
            .zip(ledger.role(Role::Phone))
            .map_or(String::new(), |(record, field)| masked_phone(&record.cell(field).to_string())),
        difficulty: if own_rule { wording::difficulty(plan, case.ledger, &case.key) } else { String::new() },
        waiting: wording::waiting(plan, waiting_on),
        answers: answers
            .iter()
            .map(|(ledger, answer)| {
                let said = answer.said(&policy.ledgers[*ledger]);
                masked(&format!("{}：{}", answer.by(), if said.is_empty() { "已核对" } else { &said }))
            })
            .collect(),
        proposed: answers
            .iter()
            .map(|(ledger, answer)| masked(&answer.proposed(&policy.ledgers[*ledger])))
            .filter(|text| !text.is_empty())
            .collect(),
    }
}

/// What was said of the records whose findings an item holds, the leading one first.
fn answers<'a>(plan: &Plan<'a>, case: &Case) -> Vec<(usize, &'a Answer)> {
    let mut seen = BTreeSet::new();
    case.findings()
        .filter_map(|index| {
            let finding = &plan.judged.findings[index];
            let ledger = plan.policy.rules[finding.rule].ledger;
            let answer = plan.answers.get(&(plan.policy.ledgers[ledger].id.clone(), finding.key.to_string()))?;
            seen.insert((ledger, &*finding.key)).then_some((ledger, answer))
        })
        .take(ANSWERS_MAX)
        .collect()
}

/// The rest of an item in one line: the worst of each rule, briefly; dates and codes are in the attachment.
fn others(plan: &Plan<'_>, case: &Case) -> Vec<String> {
    let mut rules: Vec<(usize, usize)> = Vec::new();
    for index in &case.others {
        let rule = plan.judged.findings[*index].rule;
        match rules.iter_mut().find(|(first, _)| plan.judged.findings[*first].rule == rule) {
            Some((_, count)) => *count += 1,
            None => rules.push((*index, 1)),
        }
    }
    let said = |(index, count): &(usize, usize)| {
        let finding = &plan.judged.findings[*index];
        let more = if *count > 1 { format!("等{count}件") } else { String::new() };
        format!("{} {}{more}", finding.light.map_or("", Light::title), wording::brief(plan, finding))
    };
    let mut lines: Vec<String> = rules.iter().take(OTHERS_MAX).map(said).collect();
    if rules.len() > OTHERS_MAX {
        lines.push(format!("另{}个问题见附件", rules.len() - OTHERS_MAX));
    }
    lines
}

fn rest<'a>(plan: &Plan<'_>, cases: impl Iterator<Item = &'a Case>) -> Vec<RestLine> {
    let mut by_rule: BTreeMap<usize, Counts> = BTreeMap::new();
    for case in cases {
        *by_rule.entry(plan.judged.findings[case.lead].rule).or_default().light(case.light) += 1;
    }
    let mut rules: Vec<(usize, Counts)> = by_rule.into_iter().collect();
    // stable: rules of equal weight keep the order of the rule file
    rules.sort_by_key(|(_, counts)| std::cmp::Reverse((counts.orange, counts.yellow)));
    let line = |rule: &str, counts: &[(usize, Counts)]| {
        let sum = |of: fn(&Counts) -> usize| counts.iter().map(|(_, counts)| of(counts)).sum::<usize>();
        let lights = [(Light::Orange, sum(|counts| counts.orange)), (Light::Yellow, sum(|counts| counts.yellow))];
        let shown = lights.into_iter().filter(|(_, count)| *count > 0);
        RestLine {
            rule: rule.to_owned(),
            counts: shown.map(|(light, count)| Count { light: light.code(), mark: light.title(), count }).collect(),
        }
    };
    let told = if rules.len() > RULES_MAX { RULES_MAX - 1 } else { rules.len() };
    let mut lines: Vec<RestLine> =
        rules[..told].iter().map(|one| line(&plan.policy.rules[one.0].title, std::slice::from_ref(one))).collect();
    if told < rules.len() {
        lines.push(line(&format!("其他{}类", rules.len() - told), &rules[told..]));
    }
    lines
}

fn due_line(plan: &Plan<'_>, index: usize) -> Due {
    let notice = &plan.judged.notices[index];
    Due {
        name: masked(&notice.name),
        code: notice.key.to_string(),
        rule: match notice.ends {
            Some(kind) => format!("{}到期，恢复催办：{}", kind.title(), plan.policy.rules[notice.rule].title),
            None => plan.policy.rules[notice.rule].title.clone(),
        },
        due_on: notice.due_on,
        passed: notice.due_on < plan.sent_on,
    }
}

/// Records with cells to fill, and how many cells: one that several rules need counts once.
fn blanks(plan: &Plan<'_>, findings: impl Iterator<Item = usize>) -> (Vec<Blank>, usize) {
    let mut cells: BTreeMap<(usize, &str), (&str, BTreeSet<usize>)> = BTreeMap::new();
    for index in findings {
        let finding = &plan.judged.findings[index];
        let ledger = plan.policy.rules[finding.rule].ledger;
        let (_, fields) = cells.entry((ledger, &*finding.key)).or_insert_with(|| (&*finding.name, BTreeSet::new()));
        fields.extend(&finding.missing);
    }
    let count = cells.values().map(|(_, fields)| fields.len()).sum();
    let lines = cells
        .into_iter()
        .map(|((ledger, code), (name, fields))| Blank {
            code: code.to_owned(),
            name: masked(name),
            cells: fields.into_iter().map(|field| plan.policy.ledgers[ledger].fields[field].title.clone()).collect(),
        })
        .collect();
    (lines, count)
}

/// What the unit was told of and is no finding any more: done, or no longer in the register.
fn finished(plan: &Plan<'_>, before: &BTreeMap<Identity, Option<Light>>, still: &HashSet<(usize, &str)>) -> (Vec<Named>, Vec<Named>) {
    let mut matters: BTreeMap<(usize, String), Vec<&str>> = BTreeMap::new();
    for (identity, _) in before.iter().filter(|(_, light)| light.is_some()) {
        if let Some(key) = is_finished(plan, identity, still) {
            let rule = plan.policy.rules.iter().find(|rule| rule.id == identity.rule);
            matters.entry(key).or_default().extend(rule.map(|rule| rule.title.as_str()));
        }
    }
    let (mut resolved, mut gone) = (Vec::new(), Vec::new());
    for (key, matters) in matters {
        let role = plan.policy.ledgers[key.0].role(Role::Name);
        let name = plan.record(key.0, &key.1).map_or(String::new(), |record| masked(record.text(role)));
        let list = if plan.gone.contains(&key) { &mut gone } else { &mut resolved };
        list.push(Named { code: key.1, name, matter: matters.join("、") });
    }
    (resolved, gone)
}

/// The record of a finding told before, where it is a finding no more.
fn is_finished(plan: &Plan<'_>, identity: &Identity, still: &HashSet<(usize, &str)>) -> Option<(usize, String)> {
    let ledger = plan.policy.ledger(&identity.ledger)?;
    // a month that closed without a session stays as it was: the next month is another matter
    let periodic = plan.policy.ledgers[ledger].role(Role::Held).is_some();
    let open = periodic || plan.is_restricted(ledger, &identity.key) || still.contains(&(ledger, identity.key.as_str()));
    (!open).then(|| (ledger, identity.key.clone()))
}

/// Counts side by side: a city its counties, a department and the office the cities.
fn places(plan: &Plan<'_>, unit: UnitId, cases: &[Case], province: bool) -> Option<Places> {
    let units = &plan.policy.units;
    let level = units.units[unit].level;
    let (title, head) = match level {
        Level::City => ("所辖各地情况（每项计一次）", "县（市、区）"),
        Level::Province => ("各市（州）情况（每项计一次）", "市（州）"),
        Level::Department => ("本产业各市（州）情况（每项计一次）", "市（州）"),
        _ => return None,
    };
    // the place an owner counts for; `None` sorts last
    let seat = |owner: Option<UnitId>| -> Option<UnitId> {
        let owner = owner?;
        if level == Level::City { Some(units.units[owner].place.unwrap_or(owner)) } else { units.city_of(owner) }
    };
    let mut lines: BTreeMap<(bool, Option<UnitId>, bool), PlaceLine> = BTreeMap::new();
    let mut line = |owner: Option<UnitId>, add: &dyn Fn(&mut PlaceLine)| {
        let seat = seat(owner);
        let name = match seat {
            Some(place) if place == unit => "本级".to_owned(),
            Some(place) => units.units[place].name.clone(),
            None if owner.is_none() => "责任单位待明确".to_owned(),
            None => "省级部门".to_owned(),
        };
        add(lines.entry((seat.is_none(), seat, owner.is_none())).or_insert(PlaceLine { name, ..PlaceLine::default() }));
    };
    for case in cases {
        line(case.seat, &|line| match case.light {
            Light::Red => line.red += 1,
            Light::Orange => line.orange += 1,
            Light::Yellow => line.yellow += 1,
        });
    }
    let with_own = level == Level::City && plan.started;
    if with_own {
        let mine: HashSet<(usize, &str)> = cases.iter().map(|case| (case.ledger, case.key.as_str())).collect();
        let below: Vec<usize> = plan
            .judged
            .findings
            .iter()
            .enumerate()
            .filter(|(_, finding)| finding.state == State::Open && !finding.restricted)
            .filter(|(_, finding)| finding.owner.is_some_and(|owner| owner != unit && units.city_of(owner) == Some(unit)))
            .map(|(index, _)| index)
            .collect();
        for case in Cases::of(plan, unit, &below, &BTreeMap::new()).0 {
            if !mine.contains(&(case.ledger, case.key.as_str())) {
                line(case.seat, &|line| line.own += 1);
            }
        }
    }
    if lines.is_empty() || (!province && lines.len() == 1 && cases.len() < 2) {
        return None;
    }
    let all = units
        .units
        .iter()
        .enumerate()
        .filter(|(id, candidate)| match level {
            Level::City => candidate.level.is_place() && units.is_there(*id) && units.city_of(*id) == Some(unit),
            _ => candidate.level == Level::City,
        })
        .map(|(id, _)| id);
    let present: HashSet<UnitId> = lines.keys().filter_map(|(_, seat, _)| *seat).collect();
    let quiet = all.filter(|id| !present.contains(id)).count();
    let lines: Vec<PlaceLine> = lines.into_values().collect();
    let mut total = PlaceLine { name: "合计".to_owned(), ..PlaceLine::default() };
    for line in &lines {
        total.red += line.red;
        total.orange += line.orange;
        total.yellow += line.yellow;
        total.own += line.own;
    }
    Some(Places { title, head, with_own, lines, total, quiet })
}
