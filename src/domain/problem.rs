//! What is wrong in a configuration file, and what may have been meant instead.

use std::fmt;

/// One thing wrong in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub file: String,
    /// What is wrong and where in the file, e.g. `rule "unstarted": step 2 light "oragne" is unknown`.
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Every problem of a configuration; as an error it prints one line each.
#[derive(Debug, Default, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    pub(crate) fn push(&mut self, file: &str, message: impl Into<String>, hint: Option<String>) {
        self.0.push(Problem { file: file.to_owned(), message: message.into(), hint });
    }

    /// The list, for adding the problems of one place of a file.
    pub(crate) fn at<'a>(&'a mut self, file: &'a str, place: impl Into<String>) -> ProblemsAt<'a> {
        ProblemsAt { problems: self, file, place: place.into() }
    }
}

/// The list of problems together with the file and the place that is being read.
pub(crate) struct ProblemsAt<'a> {
    problems: &'a mut Problems,
    file: &'a str,
    /// Begins every message, e.g. `rule "unstarted"`; empty for the file as a whole.
    pub(crate) place: String,
}

impl ProblemsAt<'_> {
    /// The same list and file at another place, given in full.
    pub(crate) fn at(&mut self, place: impl Into<String>) -> ProblemsAt<'_> {
        ProblemsAt { problems: self.problems, file: self.file, place: place.into() }
    }

    /// How many problems are listed so far, in all files.
    pub(crate) fn count(&self) -> usize {
        self.problems.0.len()
    }

    /// Adds `PLACE: message`.
    pub(crate) fn report(&mut self, message: impl fmt::Display, hint: Option<String>) {
        let message = if self.place.is_empty() { message.to_string() } else { format!("{}: {message}", self.place) };
        self.problems.push(self.file, message, hint);
    }

    /// Adds `PLACE predicate`, where the place itself is what is wrong: `step 2 can never be reached`.
    pub(crate) fn report_place(&mut self, predicate: impl fmt::Display, hint: Option<String>) {
        self.problems.push(self.file, format!("{} {predicate}", self.place), hint);
    }

    /// The value of a word in a table; a problem with the nearest word where it has none.
    pub(crate) fn named<N: AsRef<str>, T: Copy>(&mut self, table: &[(N, T)], word: &str, what: &str) -> Option<T> {
        let found = table.iter().find(|(name, _)| name.as_ref() == word).map(|(_, value)| *value);
        if found.is_none() {
            self.report(format!("{what} \"{word}\" is unknown"), suggest(word, table.iter().map(|(name, _)| name.as_ref())));
        }
        found
    }

    /// The value whose code the word is; a problem with the nearest code where there is none.
    pub(crate) fn coded<T: Copy>(&mut self, values: &[T], code: fn(T) -> &'static str, word: &str, what: &str) -> Option<T> {
        let found = values.iter().copied().find(|value| code(*value) == word);
        if found.is_none() {
            self.report(format!("{what} \"{word}\" is unknown"), suggest(word, values.iter().map(|value| code(*value))));
        }
        found
    }

    /// The values whose codes the words are, as by [`ProblemsAt::coded`].
    pub(crate) fn all_coded<'w, T: Copy>(
        &mut self,
        values: &[T],
        code: fn(T) -> &'static str,
        words: impl IntoIterator<Item = &'w String>,
        what: &str,
    ) -> Vec<T> {
        words.into_iter().filter_map(|word| self.coded(values, code, word, what)).collect()
    }
}

/// The known word nearest to a word, if it differs in at most 2 letters or a third of them (Damerau–Levenshtein distance).
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    let nearest = distances.min_by_key(|(distance, _)| *distance);
    nearest.filter(|(distance, _)| *distance <= 2.max(word.chars().count() / 3)).map(|(_, candidate)| candidate)
}

/// `did you mean "…"?` where a known word is near, else the list of known words; `None` where none is known.
pub fn suggest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.collect();
    match nearest(word, known.iter().copied()) {
        Some(candidate) => Some(format!("did you mean \"{candidate}\"?")),
        _ if known.is_empty() => None,
        _ => Some(format!("expected one of: {}", known.join(", "))),
    }
}

/// The most names that a message to a person offers in place of a wrong one.
pub const NAMES_OFFERED: usize = 5;

/// Known names, the nearest to a word first: those that hold the word or are held by it, then by how many letters differ. A name comes with the
/// words by which it is known.
pub fn by_nearness<N, W: AsRef<str>, const WORDS: usize>(word: &str, known: impl Iterator<Item = (N, [W; WORDS])>) -> Vec<N> {
    let distance = |known: &str| {
        let holds = !word.is_empty() && (known.contains(word) || word.contains(known));
        (!holds, strsim::damerau_levenshtein(word, known))
    };
    let ranked = known.map(|(name, words)| (words.iter().map(|known| distance(known.as_ref())).min(), name));
    let mut ranked: Vec<(Option<(bool, usize)>, N)> = ranked.collect();
    ranked.sort_by_key(|(distance, _)| *distance);
    ranked.into_iter().map(|(_, name)| name).collect()
}
