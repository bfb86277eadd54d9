//! Chooses from the list of a reader: which groups a filter selects, which findings hold a text, and what late marks hide.

use crate::domain::intake::text::search_form;
use crate::store::handle::Store;
use crate::store::pictures::{Group, OFFICE, PictureLine};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The findings of a picture that marks have restricted since it was made.
#[derive(Debug)]
pub(crate) struct Hidden {
    picture: i64,
    /// The position of the marks up to which it is known.
    position: i64,
    lines: BTreeMap<u32, PictureLine>,
    /// There are more than may be hidden one by one.
    pub(crate) is_too_much: bool,
}

impl Hidden {
    pub(crate) fn new(picture: i64, position: i64, lines: Vec<(u32, PictureLine)>, is_too_much: bool) -> Hidden {
        Hidden { picture, position, lines: lines.into_iter().collect(), is_too_much }
    }

    pub(crate) fn is_of(&self, picture: i64, position: i64) -> bool {
        (self.picture, self.position) == (picture, position)
    }

    pub(crate) fn has(&self, number: u32) -> bool {
        self.lines.contains_key(&number)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// The list of one reader.
pub(crate) struct PictureList<'a> {
    pub(crate) store: &'a Store,
    pub(crate) picture: i64,
    /// Code of the unit, or the office.
    pub(crate) reader: &'a str,
    /// The unit in the names of the picture; `None` = the office, or a unit without a list.
    pub(crate) index: Option<usize>,
    pub(crate) hidden: &'a Hidden,
}

/// In which order a list is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GroupOrder {
    /// Rule, unit, light: the order of the picture.
    #[default]
    Rule,
    /// Red first.
    Light,
    /// In administrative order, those without a known unit last.
    Owner,
}

impl GroupOrder {
    /// Sorts groups, which come in the order of the picture.
    fn sort(self, groups: &mut [(u32, Group)]) {
        match self {
            GroupOrder::Rule => {}
            GroupOrder::Light => groups.sort_by_key(|(_, group)| Reverse(group.light())),
            GroupOrder::Owner => groups.sort_by_key(|(_, group)| (group.owner.is_none(), group.owner)),
        }
    }
}

/// What a filter selects of a list.
#[derive(Debug)]
pub(crate) struct Selected {
    picture: i64,
    reader: String,
    places: Places,
    /// Restricted findings that belong to the list and are only counted.
    pub(crate) only_counted: usize,
}

/// The places of a list, in the order in which it is shown.
#[derive(Debug)]
enum Places {
    /// Groups with the place of the first finding of each.
    Groups(Vec<(u32, Group)>),
    /// The findings one by one, with their numbers: where a text is looked for, or something is hidden.
    Numbers(Vec<(u32, Group)>),
}

/// Selects of a list the groups that are `wanted`, and of these the findings whose code or name holds a text.
///
/// # Errors
/// The database fails.
pub(crate) async fn select(
    list: PictureList<'_>,
    wanted: impl Fn(&Group) -> bool,
    needle: &str,
    order: GroupOrder,
) -> anyhow::Result<Selected> {
    let PictureList { store, picture, reader, index, hidden } = list;
    let known = store.pictures().list(picture, reader).await?;
    let mut groups = Vec::new();
    let mut first = 0;
    for group in known.groups {
        if wanted(&group) {
            groups.push((first, group));
        }
        first += group.items;
    }
    let index = index.map(|index| index as u32).filter(|_| reader != OFFICE);
    let holds = |units: &[u32]| index.is_some_and(|index| units.contains(&index));
    // a finding that was hidden is counted as one that was restricted from the beginning
    let hidden_now = hidden.lines.values().filter(|line| holds(&line.readers)).count();
    let only_counted = known.only_counted as usize + hidden_now;
    let hides = hidden_now > 0;
    order.sort(&mut groups);
    let places = if needle.is_empty() && !hides {
        Places::Groups(groups)
    } else {
        let numbers = if reader == OFFICE { None } else { Some(store.pictures().all_numbers(picture, reader).await?) };
        let found = if needle.is_empty() { None } else { Some(numbers_with(store, picture, needle).await?) };
        let is_found = |number: u32| found.as_ref().is_none_or(|found| found.binary_search(&number).is_ok());
        let is_hidden = |number: u32| reader != OFFICE && hidden.has(number);
        let mut one_by_one = Vec::new();
        for (first, group) in groups {
            let one = group.one();
            let of_place = |place: u32| numbers.as_ref().map_or(Some(place), |numbers| numbers.get(place as usize).copied());
            let all = (first..first + group.items).filter_map(of_place);
            one_by_one.extend(all.filter(|number| is_found(*number) && !is_hidden(*number)).map(|number| (number, one)));
        }
        Places::Numbers(one_by_one)
    };
    Ok(Selected { picture, reader: reader.to_owned(), places, only_counted })
}

/// The numbers of the findings whose code or name holds a text, ascending.
async fn numbers_with(store: &Store, picture: i64, needle: &str) -> anyhow::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    let needle = search_form(needle);
    if needle.contains(['\t', '\n']) {
        return Ok(numbers);
    }
    store
        .pictures()
        .each_text(picture, |first, text| {
            let (mut line, mut counted) = (first, 0);
            for (at, _) in text.match_indices(&needle) {
                line += text.as_bytes()[counted..at].iter().filter(|byte| **byte == b'\n').count() as u32;
                counted = at;
                if numbers.last() != Some(&line) {
                    numbers.push(line);
                }
            }
        })
        .await?;
    Ok(numbers)
}

impl Selected {
    /// How many findings are selected.
    pub(crate) fn total(&self) -> usize {
        match &self.places {
            Places::Groups(groups) => groups.iter().map(|(_, group)| group.items as usize).sum(),
            Places::Numbers(numbers) => numbers.len(),
        }
    }

    /// What is selected, by what it counts as.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
        let (Places::Groups(groups) | Places::Numbers(groups)) = &self.places;
        groups.iter().map(|(_, group)| group)
    }

    /// The numbers of `count` of them from `first` on.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn numbers(&self, store: &Store, first: usize, count: usize) -> anyhow::Result<Vec<u32>> {
        let groups = match &self.places {
            Places::Numbers(numbers) => return Ok(numbers.iter().skip(first).take(count).map(|(number, _)| *number).collect()),
            Places::Groups(groups) => groups,
        };
        let mut places: Vec<u32> = Vec::new();
        let mut before = 0;
        for (place, group) in groups {
            let items = group.items as usize;
            let from = first.saturating_sub(before).min(items);
            let taken = (items - from).min(count - places.len());
            places.extend((*place + from as u32..).take(taken));
            before += items;
            if places.len() == count {
                break;
            }
        }
        match self.reader.as_str() {
            OFFICE => Ok(places),
            reader => Ok(store.pictures().numbers(self.picture, reader, &places).await?),
        }
    }
}
