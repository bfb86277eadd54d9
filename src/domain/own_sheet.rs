//! What marks the sheets that this service makes, so that the intake knows one of them wherever it comes back from.

/// Separates the parts of a subtitle on a sheet of this service. It looks like two full-width spaces and is a different text, so no sheet that
/// somebody else made contains it.
pub const SUBTITLE_SEPARATOR: &str = "　\u{2003}";

/// Begins the line that names the ledger and the rows a sheet was made of.
pub const SELECTION_PREFIX: &str = "选取范围：";

/// The sheet of an empty form that explains how to fill it in.
pub const GUIDE_SHEET: &str = "填写说明";
