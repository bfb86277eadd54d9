//! The fields of a query or of a form.

/// Names and values in the order in which they were sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

/// The most fields that are looked at.
const FIELDS_MAX: usize = 1000;

impl Fields {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn parse(text: &[u8]) -> Fields {
        Fields(url::form_urlencoded::parse(text).take(FIELDS_MAX).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a name; empty = there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// The number of a page, from 1.
    pub(crate) fn page(&self) -> i64 {
        self.get("page").parse().unwrap_or(1).clamp(1, 1_000_000)
    }

    /// The query with another page.
    pub(crate) fn with_page(&self, page: i64) -> String {
        let filter = self.0.iter().filter(|(name, _)| name != "page");
        let page = ("page".to_owned(), page.to_string());
        query(filter.chain([&page]).map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

fn query<'f>(fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> String {
    let stated = fields.into_iter().filter(|(_, value)| !value.is_empty());
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(stated).finish()
}

/// The address of a page with fields; one without a value is left out.
pub(crate) fn link<'f>(path: &str, fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> String {
    format!("{path}?{}", query(fields))
}

/// Before a part of a path that a browser would take for a way up, and before one that begins so itself.
const ESCAPE: char = '~';

/// A part of a path as it was before it was written into an address.
pub(crate) fn segment(raw: &str) -> String {
    let pair = format!("s={}", raw.replace('&', "%26").replace('+', "%2B"));
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(_, text)| text.into_owned());
    decoded.strip_prefix(ESCAPE).map(str::to_owned).unwrap_or(decoded)
}

/// A text as a part of a path.
pub(crate) fn as_segment(text: &str) -> String {
    let escaped = if matches!(text, "." | "..") || text.starts_with(ESCAPE) { format!("{ESCAPE}{text}") } else { text.to_owned() };
    url::form_urlencoded::byte_serialize(escaped.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_with_any_sign_is_one_part_of_a_path() {
        for code in ["GZ202500123", "黔-GZ/1 '🙂'", "a+b&c=%41?#", "", ".", "..", "~", "~..", "%2e%2e"] {
            let raw = as_segment(code);
            assert!(!raw.contains(['/', '?', '#', ' ']) && !matches!(raw.as_str(), "." | ".."), "{raw}");
            assert_eq!(segment(&raw), code);
        }
    }

    #[test]
    fn a_filter_goes_on_with_the_next_page() {
        let fields = Fields::parse("job=a%26b&unit=&page=2".as_bytes());
        assert_eq!((fields.get("job"), fields.get("unit"), fields.get("none"), fields.page()), ("a&b", "", "", 2));
        assert_eq!(fields.with_page(3), "job=a%26b&page=3");
        assert_eq!(Fields::parse(b"page=-4").page(), 1);
    }
}
