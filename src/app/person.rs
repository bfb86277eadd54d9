//! The person on whose order something is done.

use anyhow::bail;

/// Whether a text names a person: signs that nobody sees do not.
pub(crate) fn has_name(text: &str) -> bool {
    // letters of Unicode without a shape: the fillers of Hangul
    let is_blank = |c: char| matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    text.chars().any(|c| c.is_alphanumeric() && !is_blank(c))
}

/// The person who changes something, and the reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person<'a> {
    pub(crate) who: &'a str,
    pub(crate) why: &'a str,
}

impl Person<'_> {
    /// Checks that somebody gives name and reason, where nobody may act without. `act`: what is to be done, for the message.
    ///
    /// # Errors
    /// One of the two is missing.
    pub(crate) fn ensure_named(&self, act: &str) -> anyhow::Result<()> {
        let missing = match (has_name(self.who), has_name(self.why)) {
            (false, false) => "--by 姓名 --reason 事由",
            (false, true) => "--by 姓名",
            (true, false) => "--reason 事由",
            (true, true) => return Ok(()),
        };
        bail!("{act}须写明姓名和事由，以备查考：请加上 {missing}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_acts_under_a_name_that_nobody_sees() {
        for (who, why, missing) in [
            ("\u{200b}", "错标", "--by 姓名"),
            ("\u{3164}\u{115f}\u{1160}\u{ffa0}\u{2800}", "错标", "--by 姓名"),
            ("张三", " \u{2060}", "--reason 事由"),
            ("", "", "--by 姓名 --reason 事由"),
        ] {
            let refused = Person { who, why }.ensure_named("解除标注").unwrap_err().to_string();
            assert_eq!(refused, format!("解除标注须写明姓名和事由，以备查考：请加上 {missing}"));
        }
        assert!(Person { who: "张三", why: "错标" }.ensure_named("解除标注").is_ok());
    }
}
