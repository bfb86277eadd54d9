//! The kinds of sheet that a template can declare. Each has a file or a folder beside this one, and one line here.

use crate::domain::problem::{ProblemsAt, suggest};
use crate::workbook::sheets::kind::Kind;
use crate::workbook::sheets::references::References;
use serde::{Deserialize, Deserializer};

/// Makes the enum of the kinds, and what has to be done kind by kind.
macro_rules! sheet_kinds {
    ($($form:literal $name:ident $kind:ty;)*) => {
        /// The checked declaration of a sheet, by its kind.
        #[derive(Clone, Debug)]
        pub enum SheetKind {
            $($name($kind),)*
        }

        /// The `form` of each kind in a template.
        const FORMS: &[&str] = &[$($form),*];

        impl SheetKind {
            /// Reads the keys of a form and checks them.
            pub(crate) fn read<'de, D: Deserializer<'de>>(
                form: &str,
                keys: D,
                references: &References<'_>,
                at: &mut ProblemsAt<'_>,
            ) -> Result<Option<SheetKind>, D::Error> {
                match form {
                    $($form => {
                        let keys = <$kind as Kind>::Keys::deserialize(keys)?;
                        <$kind as Kind>::check_title(&keys, references.title, at);
                        Ok(<$kind as Kind>::check(keys, references, at).map(SheetKind::$name))
                    })*
                    _ => {
                        at.report(format!("form \"{form}\" is unknown"), suggest(form, FORMS.iter().copied()));
                        Ok(None)
                    }
                }
            }

            /// The declaration as what every kind can do.
            pub(crate) fn as_kind(&self) -> &dyn Kind {
                match self {
                    $(SheetKind::$name(kind) => kind,)*
                }
            }
        }
    };
}

// form in a template, name, checked declaration
sheet_kinds! {
    "cover" Cover super::cover::Cover;
    "rules" Rules super::rules::Rules;
    "summary" Summary super::summary::Summary;
    "matrix" Matrix super::matrix::declaration::Matrix;
    "list" List super::list::declaration::List;
    "notices" Notices super::notices::Notices;
    "quality" Quality super::quality::QualityIssues;
    "page" LeaderPage super::leader_page::declaration::LeaderPage;
    "bulletin" Bulletin super::bulletin::declaration::Bulletin;
    "answers" Answers super::answers::Answers;
    "silent" Silent super::silent::Silent;
    "feedback" Feedback super::feedback::FeedbackForm;
    "records" Records super::records::declaration::RecordList;
    "reporting" Reporting super::reporting::Reporting;
    "gone" Gone super::gone::Gone;
}
