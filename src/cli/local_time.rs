//! Stored times as they are printed.

use crate::clock::SHANGHAI_SECONDS;
use chrono::{DateTime, FixedOffset};

/// A stored time as wall-clock time in Asia/Shanghai.
pub(crate) fn local(at: &str) -> String {
    match (DateTime::parse_from_rfc3339(at), FixedOffset::east_opt(SHANGHAI_SECONDS)) {
        (Ok(at), Some(zone)) => at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
        _ => at.to_owned(),
    }
}
