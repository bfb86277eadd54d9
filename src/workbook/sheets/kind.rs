//! What every kind of sheet has: the keys of its declaration, their check, and the building of its sheets.

use crate::domain::judging::roster::Selection;
use crate::domain::problem::ProblemsAt;
use crate::workbook::model::Sheet;
use crate::workbook::named::NamedRecords;
use crate::workbook::provenance::Provenance;
use crate::workbook::sheet_builder::SheetBuilder;
use crate::workbook::sheets::references::{References, check_placeholders};
use crate::workbook::visible::VisibleMaterial;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// A checked declaration, which builds its sheets.
pub(crate) trait Kind {
    /// The keys of the kind in a template, beside those of every sheet; unknown ones are refused.
    type Keys: DeserializeOwned
    where
        Self: Sized;

    /// The declaration with every name looked up. `None` where it has problems that keep it from being built.
    fn check(keys: Self::Keys, references: &References<'_>, at: &mut ProblemsAt<'_>) -> Option<Self>
    where
        Self: Sized;

    /// Reports unknown placeholders of the sheet's title.
    fn check_title(_keys: &Self::Keys, title: &str, at: &mut ProblemsAt<'_>)
    where
        Self: Sized,
    {
        check_placeholders([title], at);
    }

    /// The sheets: one, or more where there are more rows than a sheet takes, or more ledgers than one.
    fn build<'a>(&self, builder: &mut SheetBuilder<'a, '_>) -> Vec<Sheet<'a>>;

    /// What there is for the audience.
    fn rows(&self, _visible: &VisibleMaterial<'_>) -> Rows {
        Rows::Fixed
    }

    /// The ledgers that the rows come from; none for a kind without rows, or whose records are listed on other sheets.
    fn ledgers(&self, _visible: &VisibleMaterial<'_>) -> BTreeSet<usize> {
        BTreeSet::new()
    }

    /// The records that must be selected for it while the register is read.
    fn selection(&self) -> Option<&Selection> {
        None
    }

    /// Whether it lists the records that are gone from the register.
    fn lists_gone(&self) -> bool {
        false
    }

    /// How a workbook with the sheet names its data sources.
    fn provenance(&self) -> Provenance {
        Provenance::Snapshots
    }

    /// The records that the sheet names, or more: by ledger index and code.
    fn names(&self, visible: &VisibleMaterial<'_>) -> NamedRecords {
        visible.named()
    }

    /// Why an empty sheet of this name is left out, if its ledger was never reported or lacks a column that the sheet needs.
    fn missing_data(&self, _name: &str, _visible: &VisibleMaterial<'_>) -> Option<String> {
        None
    }
}

/// What a sheet has for its audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Texts, figures or tables of counts, which are never empty and list nothing.
    Fixed,
    Listed,
    /// No row, but a note on records that could not be selected.
    Noted,
    None,
}

impl Rows {
    pub(crate) fn listed_if(is_any: bool) -> Rows {
        if is_any { Rows::Listed } else { Rows::None }
    }
}
