//! stub
#[derive(Clone, Debug)]
pub struct Template {
    pub name: String,
}
pub struct SourceLine {
    pub ledger: String,
    pub source: String,
    pub seq: i64,
    pub covers_on: chrono::NaiveDate,
    pub file: String,
    pub accepted: u64,
    pub quarantined: u64,
    pub skipped: u64,
    pub note: String,
}
pub struct IntakeLine {
    pub ledger: String,
    pub level: String,
    pub place: String,
    pub field: String,
    pub raw: String,
    pub reason: String,
    pub hint: String,
    pub unit: String,
    pub code: String,
}
