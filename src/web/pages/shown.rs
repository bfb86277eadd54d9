//! Values as pages show them.

use crate::clock::SHANGHAI_SECONDS;
use crate::domain::register::period::chinese_date;
use crate::web::fields::Fields;
use chrono::{DateTime, FixedOffset, NaiveDate};
use minijinja::{Value, context};

/// Rows of a page of a list.
pub(crate) const ROWS: i64 = 50;

/// A stored time in local time: `2026-10-09 10:12`; empty where there is none.
pub(crate) fn local_time(stamp: &str) -> String {
    let offset = FixedOffset::east_opt(SHANGHAI_SECONDS);
    match (DateTime::parse_from_rfc3339(stamp), offset) {
        (Ok(at), Some(offset)) => at.with_timezone(&offset).format("%Y-%m-%d %H:%M").to_string(),
        _ => String::new(),
    }
}

/// A stored day: `2026年9月30日`.
pub(crate) fn day(text: &str) -> String {
    text.parse::<NaiveDate>().map_or_else(|_| text.to_owned(), chinese_date)
}

/// A number of bytes: `38 KB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} 字节"),
        1024..1_048_576 => format!("{} KB", bytes.div_ceil(1024)),
        1_048_576..1_073_741_824 => format!("{}.{} MB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
        _ => format!("{} GB", bytes / 1_073_741_824),
    }
}

/// The pages of a list with so many rows.
pub(crate) fn paging(query: &Fields, total: i64) -> Value {
    let pages = total.div_euclid(ROWS) + i64::from(total % ROWS > 0);
    let page = query.page().min(pages.max(1));
    let link = |page: i64| format!("?{}", query.with_page(page));
    context! {
        total, page, pages => pages.max(1),
        before => (page > 1).then(|| link(page - 1)),
        behind => (page < pages).then(|| link(page + 1)),
    }
}

/// The number of the first row of a page.
pub(crate) fn first_row(query: &Fields) -> i64 {
    (query.page() - 1) * ROWS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_local_and_short() {
        assert_eq!(local_time("2026-10-08T22:30:00.000Z"), "2026-10-09 06:30");
        assert_eq!(local_time(""), "");
        assert_eq!(day("2026-09-30"), "2026年9月30日");
        assert_eq!([size(12), size(1025), size(5 * 1_048_576 + 600_000)], ["12 字节", "2 KB", "5.5 MB"]);
    }
}
