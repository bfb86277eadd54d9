//! The tags of a page with the attributes that matter for its tables, and the classes of its style sheets that hide or strike out.

use std::collections::HashMap;

/// A start tag with the attributes that matter here.
#[derive(Default)]
pub(crate) struct Tag {
    pub name: String,
    /// The attribute whose value comes next.
    pub attribute: String,
    pub columns: Option<u32>,
    pub rows: Option<u32>,
    pub hidden: bool,
    /// Its text is struck out.
    pub struck: bool,
    /// The exact number that Excel adds (`x:num`); empty = the text is the number.
    pub number: Option<String>,
    /// The exact text that Excel adds (`x:str`); empty = the text as shown.
    pub string: Option<String>,
    /// Excel's mark of an error value (`x:err`).
    pub error: bool,
    /// What an element without content shows: the text of a picture, the value of an input, and whether a box is ticked.
    alt: String,
    value: String,
    kind: String,
    checked: bool,
}

/// What a box shows.
const TICKED: &str = "☑";
pub(crate) const UNTICKED: &str = "☐";

impl Tag {
    pub(crate) fn new(name: String) -> Tag {
        let struck = matches!(name.as_str(), "s" | "strike" | "del");
        Tag { name, struck, ..Tag::default() }
    }

    /// What an element without content shows.
    pub(crate) fn shown(&self) -> &str {
        match (self.name.as_str(), self.kind.as_str()) {
            ("img", _) => &self.alt,
            ("input", "checkbox" | "radio") => {
                if self.checked {
                    TICKED
                } else {
                    UNTICKED
                }
            }
            ("input", "" | "text" | "button") => &self.value,
            _ => "",
        }
    }

    pub(crate) fn add_attribute(&mut self, attribute: &str) {
        self.attribute.clear();
        self.attribute.push_str(attribute);
        match attribute {
            "hidden" => self.hidden = true,
            "x:num" => self.number = Some(String::new()),
            "x:str" => self.string = Some(String::new()),
            "x:err" => self.error = true,
            "checked" => self.checked = true,
            _ => {}
        }
    }

    /// Sets the value of the attribute added last.
    pub(crate) fn set_value(&mut self, value: &str) {
        match self.attribute.as_str() {
            "colspan" | "span" => self.columns = value.trim().parse().ok(),
            "rowspan" => self.rows = value.trim().parse().ok(),
            "style" => {
                let style = Style::of(value);
                self.hidden |= style.hidden;
                self.struck |= style.struck;
            }
            "alt" => value.clone_into(&mut self.alt),
            // a picture without other text
            "title" if self.alt.is_empty() => value.clone_into(&mut self.alt),
            "value" => value.clone_into(&mut self.value),
            "type" => self.kind = value.trim().to_ascii_lowercase(),
            "x:num" => self.number = Some(value.trim().to_owned()),
            "x:str" => self.string = Some(value.to_owned()),
            _ => {}
        }
    }
}

/// What the declarations of a style do to an element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    hidden: bool,
    struck: bool,
}

impl Style {
    fn of(declarations: &str) -> Style {
        let lower = declarations.to_ascii_lowercase();
        // nearly no style has one of these words
        if !["none", "collapse", "line-through"].iter().any(|word| lower.contains(word)) {
            return Style::default();
        }
        let plain: String = lower.chars().filter(|c| !c.is_whitespace()).collect();
        Style {
            hidden: plain.contains("display:none") || plain.contains("visibility:collapse"),
            struck: plain.split(';').any(|declaration| declaration.starts_with("text-decoration") && declaration.contains("line-through")),
        }
    }
}

/// The classes of the style sheets of a page that hide or strike out what has them.
#[derive(Debug, Default)]
pub(crate) struct PageStyles {
    /// The style sheet that is being read.
    sheet: String,
    classes: HashMap<String, Style>,
}

impl PageStyles {
    /// The most bytes of a style sheet, and the most classes of a page.
    const SHEET_BYTES_MAX: usize = 1024 * 1024;
    const CLASSES_MAX: usize = 10_000;

    /// Adds a piece of a style sheet.
    pub fn push(&mut self, text: &str) {
        if self.sheet.len() + text.len() <= Self::SHEET_BYTES_MAX {
            self.sheet.push_str(text);
        }
    }

    /// Takes the classes of the style sheet that has ended.
    pub fn end_sheet(&mut self) {
        for rule in std::mem::take(&mut self.sheet).split('}') {
            let Some((selectors, declarations)) = rule.rsplit_once('{') else { continue };
            let style = Style::of(declarations);
            if style == Style::default() {
                continue;
            }
            for selector in selectors.split(',') {
                // a class alone or of an element, within nothing else: .xl65, td.xl65
                let name = selector.split_whitespace().next_back().and_then(|last| last.split_once('.')).map(|(_, name)| name);
                let is_plain = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
                if let Some(name) = name.filter(is_plain).filter(|_| self.classes.len() < Self::CLASSES_MAX) {
                    self.classes.insert(name.to_owned(), style);
                }
            }
        }
    }

    /// Applies the classes that a tag names.
    pub fn apply(&self, names: &str, tag: &mut Tag) {
        if self.classes.is_empty() {
            return;
        }
        for style in names.split_whitespace().filter_map(|name| self.classes.get(name)) {
            tag.hidden |= style.hidden;
            tag.struck |= style.struck;
        }
    }
}
