//! The one table of the portal: every method and path with its page and who may ask for it. Routes, menu and the test of access come from it.

use crate::domain::account::{AccountRole, AccountRoles};
use axum::routing::MethodFilter;

/// A page or an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Alive,
    Ready,
    Metrics,
    Asset,
    LoginForm,
    Login,
    FirstForm,
    First,
    Logout,
    Letters,
    Overview,
    Account,
    ChangePassword,
    EndSessions,
    BeginCode,
    ConfirmCode,
    EndCode,
    Reports,
    ReportFile,
    Period,
    Findings,
    FindingList,
    Finding,
    Ledgers,
    Records,
    Record,
    Runs,
    Run,
    Sending,
    Message,
    Attachment,
    Units,
    Unit,
    System,
    Audit,
    Accounts,
    EndAccount,
}

/// Who may ask for a page.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Admits {
    Everybody,
    /// Whoever is logged in.
    Accounts,
    /// Whoever holds one of these roles.
    Roles(&'static [AccountRole]),
    /// Whoever works for a unit, and in the office whoever holds one of these roles.
    UnitsAnd(&'static [AccountRole]),
}

impl Admits {
    /// Whether somebody with these roles may ask for it. `is_office`: the account is one of the office.
    pub(crate) fn admit(&self, roles: &AccountRoles, is_office: bool) -> bool {
        match self {
            Admits::Everybody | Admits::Accounts => true,
            Admits::Roles(admitted) => roles.holds_any(admitted),
            Admits::UnitsAnd(admitted) => !is_office || roles.holds_any(admitted),
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: MethodFilter,
    /// What is in braces the path leaves open.
    pub(crate) path: &'static str,
    pub(crate) place: Place,
    pub(crate) admits: Admits,
    /// The word in the menu; empty = it is not in the menu.
    pub(crate) menu: &'static str,
}

const fn page(path: &'static str, place: Place, admits: Admits, menu: &'static str) -> Route {
    Route { method: MethodFilter::GET, path, place, admits, menu }
}

const fn act(path: &'static str, place: Place, admits: Admits) -> Route {
    Route { method: MethodFilter::POST, path, place, admits, menu: "" }
}

/// Everybody who works with the data; an auditor does not.
const WORKING: Admits =
    Admits::Roles(&[AccountRole::Viewer, AccountRole::Handler, AccountRole::Clerk, AccountRole::Releaser, AccountRole::Administrator]);
const OFFICE: Admits = Admits::Roles(&[AccountRole::Clerk, AccountRole::Releaser, AccountRole::Administrator]);
const AUDITING: Admits = Admits::Roles(&[AccountRole::Administrator, AccountRole::Auditor]);
const ADMINISTERING: Admits = Admits::Roles(&[AccountRole::Administrator]);

pub(crate) static ROUTES: &[Route] = &[
    page("/livez", Place::Alive, Admits::Everybody, ""),
    page("/readyz", Place::Ready, Admits::Everybody, ""),
    page("/metrics", Place::Metrics, Admits::Everybody, ""),
    page("/assets/{rest}", Place::Asset, Admits::Everybody, ""),
    page("/login", Place::LoginForm, Admits::Everybody, ""),
    act("/login", Place::Login, Admits::Everybody),
    page("/login/first", Place::FirstForm, Admits::Everybody, ""),
    act("/login/first", Place::First, Admits::Everybody),
    act("/logout", Place::Logout, Admits::Accounts),
    act("/letters", Place::Letters, Admits::Everybody),
    page("/", Place::Overview, WORKING, "总览"),
    page("/reports", Place::Reports, WORKING, "报表"),
    page("/reports/file", Place::ReportFile, WORKING, ""),
    page("/reports/period.zip", Place::Period, WORKING, ""),
    page("/findings", Place::Findings, WORKING, "督办事项"),
    page("/findings/list.xlsx", Place::FindingList, WORKING, ""),
    page("/findings/one", Place::Finding, WORKING, ""),
    page("/records", Place::Ledgers, WORKING, "台账"),
    page("/records/{ledger}", Place::Records, WORKING, ""),
    page("/records/{ledger}/{code}", Place::Record, WORKING, ""),
    page("/sending", Place::Sending, WORKING, "发送"),
    page("/sending/one", Place::Message, WORKING, ""),
    page("/sending/attachment", Place::Attachment, WORKING, ""),
    page("/runs", Place::Runs, OFFICE, "运行"),
    page("/runs/one", Place::Run, OFFICE, ""),
    page("/units", Place::Units, Admits::UnitsAnd(&[AccountRole::Administrator]), "单位"),
    page("/units/one", Place::Unit, Admits::UnitsAnd(&[AccountRole::Administrator]), ""),
    page("/system", Place::System, ADMINISTERING, "系统"),
    page("/system/accounts", Place::Accounts, ADMINISTERING, "账号"),
    act("/system/accounts/end", Place::EndAccount, ADMINISTERING),
    page("/system/audit", Place::Audit, AUDITING, "操作记录"),
    page("/account", Place::Account, Admits::Accounts, "我的账号"),
    act("/account/password", Place::ChangePassword, Admits::Accounts),
    act("/account/sessions", Place::EndSessions, Admits::Accounts),
    act("/account/code/begin", Place::BeginCode, Admits::Accounts),
    act("/account/code/confirm", Place::ConfirmCode, Admits::Accounts),
    act("/account/code/end", Place::EndCode, Admits::Accounts),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_route_is_there_once() {
        let mut seen = HashSet::new();
        for route in ROUTES {
            assert!(seen.insert((format!("{:?}", route.method), route.path)), "{}", route.path);
        }
        assert_eq!(ROUTES.iter().map(|route| route.place).collect::<HashSet<_>>().len(), ROUTES.len(), "a page has one route");
    }
}
