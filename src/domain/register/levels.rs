//! The levels of the office's hierarchy (层级), declared in `config/levels.toml`. Code asks for the kind of a level and takes its words from
//! here; no sentence names a level itself.

use crate::domain::problem::{ProblemsAt, suggest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a level is to the office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LevelKind {
    /// The office itself.
    Top,
    /// Departments that lead an industry or a signing event.
    Lead,
    /// Factor departments: of the office's own level, or of a place.
    Support,
    /// Divisions between the office and its places; an office may have none.
    Middle,
    /// Places that projects are built in and that answer for them.
    Base,
    /// Development zones, which answer for their projects beside the base.
    Park,
}

impl LevelKind {
    pub const ALL: [LevelKind; 6] =
        [LevelKind::Top, LevelKind::Lead, LevelKind::Support, LevelKind::Middle, LevelKind::Base, LevelKind::Park];

    /// The word in the configuration, and in the placeholders of templates.
    pub fn code(self) -> &'static str {
        match self {
            LevelKind::Top => "top",
            LevelKind::Lead => "lead",
            LevelKind::Support => "support",
            LevelKind::Middle => "middle",
            LevelKind::Base => "base",
            LevelKind::Park => "park",
        }
    }
}

/// A word of a level. Which ones a level needs depends on its kind; the others are for the office's templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LevelWord {
    /// What its units are, as a column's title and as their class.
    Name,
    /// The level as a rank: what a difficulty is raised to, and whose major project it is.
    Grade,
    /// The shortest form, for compounds.
    Short,
    /// All that belongs to the office.
    Area,
    /// All units of the level, one by one.
    Each,
    /// The office, as a recipient of findings.
    Office,
    /// The departments of the office's own level.
    Departments,
    /// How an official paper addresses the units of the level.
    Addressed,
}

impl LevelWord {
    pub const ALL: [LevelWord; 8] = [
        LevelWord::Name,
        LevelWord::Grade,
        LevelWord::Short,
        LevelWord::Area,
        LevelWord::Each,
        LevelWord::Office,
        LevelWord::Departments,
        LevelWord::Addressed,
    ];

    pub fn code(self) -> &'static str {
        match self {
            LevelWord::Name => "name",
            LevelWord::Grade => "grade",
            LevelWord::Short => "short",
            LevelWord::Area => "area",
            LevelWord::Each => "each",
            LevelWord::Office => "office",
            LevelWord::Departments => "departments",
            LevelWord::Addressed => "addressed",
        }
    }
}

/// A level as units, rules and jobs refer to it: a place in [`Levels`], with its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Level {
    index: usize,
    kind: LevelKind,
}

impl Level {
    pub fn kind(self) -> LevelKind {
        self.kind
    }

    /// A place that projects are built in and that answers for them.
    pub fn is_place(self) -> bool {
        matches!(self.kind, LevelKind::Base | LevelKind::Park)
    }
}

/// What `config/levels.toml` declares of one level.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LevelDeclaration {
    /// The word by which units, rules, jobs and templates name it.
    pub id: String,
    pub kind: LevelKind,
    pub words: BTreeMap<LevelWord, String>,
    /// The group in which its units are ranked against each other; levels of the same group are ranked together. `None` = not ranked.
    pub ranking: Option<String>,
    /// The amount in 分 from which a project is a major one of this level.
    pub major: Option<i64>,
}

/// Words by which somebody means his own place.
const OWN_WORDS: [&str; 5] = ["本级", "本", "我", "该", "当地"];

/// The levels of the office, from the top down.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Levels(Vec<LevelDeclaration>);

impl Levels {
    pub fn new(levels: Vec<LevelDeclaration>) -> Levels {
        Levels(levels)
    }

    pub fn all(&self) -> impl Iterator<Item = Level> + '_ {
        self.0.iter().enumerate().map(|(index, declared)| Level { index, kind: declared.kind })
    }

    /// The level a configuration file names; a problem with the nearest id where it names none.
    pub(crate) fn named(&self, id: &str, what: &str, at: &mut ProblemsAt<'_>) -> Option<Level> {
        let found = self.all().find(|level| self.id(*level) == id);
        if found.is_none() {
            at.report(format!("{what} \"{id}\" is unknown"), suggest(id, self.all().map(|level| self.id(level))));
        }
        found
    }

    /// The levels that ids name, as by [`Levels::named`].
    pub(crate) fn all_named(&self, ids: &[String], at: &mut ProblemsAt<'_>) -> Vec<Level> {
        ids.iter().filter_map(|id| self.named(id, "level", at)).collect()
    }

    pub fn id(&self, level: Level) -> &str {
        &self.0[level.index].id
    }

    /// The first level of a kind; it lends its words to the kind.
    pub fn of_kind(&self, kind: LevelKind) -> Option<Level> {
        self.all().find(|level| level.kind == kind)
    }

    /// A word of a level; empty where it has none.
    pub fn word(&self, level: Level, word: LevelWord) -> &str {
        self.0[level.index].words.get(&word).map_or("", String::as_str)
    }

    /// What the units of a level are, as their class.
    pub fn name(&self, level: Level) -> &str {
        self.word(level, LevelWord::Name)
    }

    /// A word of the office's own level.
    pub fn top(&self, word: LevelWord) -> &str {
        self.of_kind(LevelKind::Top).map_or("", |level| self.word(level, word))
    }

    /// The office in a sentence, by the rank of its level.
    pub fn office_in_text(&self) -> String {
        format!("{}办公室", self.top(LevelWord::Grade))
    }

    /// A word of the units that divide the office's area.
    pub fn division(&self, word: LevelWord) -> &str {
        self.all().find(|level| self.is_division(*level)).map_or("", |level| self.word(level, word))
    }

    pub(crate) fn has_middle(&self) -> bool {
        self.of_kind(LevelKind::Middle).is_some()
    }

    /// Whether units of a level divide the office's area: those of the middle, or the places themselves where there is no middle.
    pub fn is_division(&self, level: Level) -> bool {
        match level.kind {
            LevelKind::Middle => true,
            LevelKind::Base | LevelKind::Park => !self.has_middle(),
            LevelKind::Top | LevelKind::Lead | LevelKind::Support => false,
        }
    }

    /// Whether places lie directly in units of a level.
    pub(crate) fn holds_places(&self, level: Level) -> bool {
        match level.kind {
            LevelKind::Middle => true,
            LevelKind::Top => !self.has_middle(),
            LevelKind::Lead | LevelKind::Support | LevelKind::Base | LevelKind::Park => false,
        }
    }

    /// The kind of the level that a word in place of a place means, as people write before a department: the rank or a short word of its level,
    /// with 本 or 该 before it. A word of oneself alone is one of a place.
    pub fn word_of_place(&self, text: &str) -> Option<LevelKind> {
        let word = OWN_WORDS.iter().find_map(|own| text.strip_prefix(own)).unwrap_or(text);
        if word.is_empty() {
            return (!text.is_empty()).then_some(LevelKind::Base);
        }
        let is_word = |level: &Level| {
            // a name in brackets and commas lists the words of its places
            let parts = self.name(*level).split(['（', '）', '(', ')', '、', '，', ',']);
            let words = [LevelWord::Grade, LevelWord::Short, LevelWord::Area].map(|of| self.word(*level, of));
            words.into_iter().chain(parts).any(|known| !known.is_empty() && known == word)
        };
        self.all().find(is_word).map(Level::kind)
    }

    /// A word of each level of places, joined.
    pub fn places(&self, word: LevelWord, separator: &str) -> String {
        let words: Vec<&str> = self.all().filter(|level| level.is_place()).map(|level| self.word(level, word)).collect();
        words.join(separator)
    }

    /// The words of each kind, which its first level lends it.
    pub fn words(&self) -> impl Iterator<Item = (LevelKind, LevelWord, &str)> {
        let of_kind = LevelKind::ALL.into_iter().filter_map(|kind| self.of_kind(kind));
        of_kind.flat_map(|level| self.0[level.index].words.iter().map(move |(word, text)| (level.kind, *word, text.as_str())))
    }

    /// The group a level is ranked in.
    pub fn ranking(&self, level: Level) -> Option<&str> {
        self.0[level.index].ranking.as_deref()
    }

    /// The groups of ranked levels, each once.
    pub fn rankings(&self) -> Vec<&str> {
        let mut groups = Vec::new();
        for group in self.all().filter_map(|level| self.ranking(level)) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// The level whose difficulties are raised to this rank.
    pub fn asked(&self, grade: &str) -> Option<Level> {
        self.all().find(|level| self.0[level.index].words.get(&LevelWord::Grade).is_some_and(|known| known == grade))
    }

    /// The levels with major projects and their bounds in 分, highest first.
    pub fn major(&self) -> impl Iterator<Item = (Level, i64)> + '_ {
        self.all().filter_map(|level| Some((level, self.0[level.index].major?)))
    }

    /// The mark of a major project of a level.
    pub fn major_mark(&self, level: Level) -> String {
        format!("{}重点", self.word(level, LevelWord::Grade))
    }
}
