//! Headings that name the place of the rows below them. They fill in the places that the rows leave empty.

use crate::domain::register::ledger::{Ledger, OwnerSpec};
use crate::domain::register::levels::LevelKind;
use crate::domain::register::record::{Cell, Columns};
use crate::domain::register::units::Units;

/// The places that the last headings name.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlaceHeadings {
    division: Option<String>,
    place: Option<String>,
    /// Whether a cell was filled in.
    pub used: std::cell::Cell<bool>,
}

impl PlaceHeadings {
    /// Takes a heading over rows. One that names no place ends what the headings before it name.
    pub fn take(&mut self, heading: &str, units: &Units) {
        // the names of some places begin with a numeral
        let is_numeral = |c: char| "一二三四五六七八九十".contains(c);
        let is_between = |c: char| "、.（）() ".contains(c);
        let named = |text: &str| {
            let name = text.trim_start_matches(is_between).split(['(', '（', ':', '：']).next().unwrap_or_default().trim().to_owned();
            units.find(&name).is_some().then_some(name)
        };
        let behind_number = heading.trim_start_matches(is_between).trim_start_matches(is_numeral);
        let bare = named(heading).or_else(|| named(behind_number)).unwrap_or_default();
        let bare = bare.as_str();
        match units.find(bare).map(|unit| units.units[unit].level.kind()) {
            Some(LevelKind::Middle) => (self.division, self.place) = (Some(bare.to_owned()), None),
            Some(LevelKind::Base | LevelKind::Park) => self.place = Some(bare.to_owned()),
            _ => (self.division, self.place) = (None, None),
        }
    }

    /// Whether a row below depends on a heading.
    pub fn is_any(&self) -> bool {
        self.division.is_some() || self.place.is_some()
    }

    /// Fills in the places that a row leaves empty and for which its sheet has a column.
    pub fn fill(&self, ledger: &Ledger, columns: Columns, record: &mut [Cell]) {
        let OwnerSpec::Place { place, within } = ledger.owner else { return };
        let mut fill = |field: usize, name: &Option<String>| {
            if let Some(name) = name
                && columns.contains(field)
                && record[field].is_empty()
            {
                record[field] = Cell::Text(name.as_str().into());
                self.used.set(true);
            }
        };
        fill(place, &self.place);
        if let Some(within) = within {
            fill(within, &self.division);
        }
    }
}
