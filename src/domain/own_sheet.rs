//! What marks the documents that this service makes, so that the intake knows one of them wherever it comes back from: a property of the
//! file, which programs keep when they save it, and a part of the line below the title, which stays when a sheet is copied or saved in
//! another format.

/// A document of this service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnDocument {
    /// Lists, tables and papers.
    #[default]
    Report,
    /// An empty form, which comes back as a register.
    Form,
}

/// The name of the property; its value is the word of the document.
pub const PROPERTY: &str = "duban";

impl OwnDocument {
    pub fn word(self) -> &'static str {
        match self {
            OwnDocument::Report => "report",
            OwnDocument::Form => "form",
        }
    }
}

/// Whether a file with this property is a list of this service. A word of a later version is one too; a file without the property has `""`.
pub fn is_own_list(property: &str) -> bool {
    !property.is_empty() && property != OwnDocument::Form.word()
}

/// Separates the parts of the line below a title.
pub const SEPARATOR: &str = "　　";

/// The part of that line by which a sheet of this service is known.
pub const MARK: &str = "本表由督办系统编制";

/// Whether a text has the mark as a part of its own.
pub fn has_mark(text: &str) -> bool {
    text.split_whitespace().any(|part| part == MARK)
}

/// Begins the line that names the ledger and the rows a sheet was made of.
pub const SELECTION_PREFIX: &str = "选取范围：";

/// The sheet of an empty form that explains how to fill it in.
pub const GUIDE_SHEET: &str = "填写说明";
