//! What a page or an act answers.

use crate::app::report_copy::HandedFile;
use crate::web::assets::Asset;
use axum::http::StatusCode;
use std::io;
use tempfile::TempPath;
use tokio::sync::mpsc;

/// The answer to a request.
pub(crate) enum Reply {
    Page(Page),
    /// To another page of ours, after an act.
    Redirect(String),
    /// As [`Reply::Redirect`], with the session that begins or ends.
    Session {
        to: String,
        /// `None` = the session ends.
        token: Option<String>,
    },
    Download(Download),
    Made(Made),
    Bytes(Bytes),
    Streamed(Streamed),
    /// As [`Reply::Redirect`], with the size of the letters that the browser gets from now on.
    Letters {
        to: String,
        is_big: bool,
    },
    /// For machines.
    Text(StatusCode, String),
    Asset(&'static Asset),
}

/// A template with its values.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    /// The name of its file without ending.
    pub(crate) template: &'static str,
    pub(crate) title: &'static str,
    pub(crate) values: minijinja::Value,
}

impl Reply {
    pub(crate) fn page(template: &'static str, title: &'static str, values: minijinja::Value) -> Reply {
        Reply::page_with(StatusCode::OK, template, title, values)
    }

    pub(crate) fn page_with(status: StatusCode, template: &'static str, title: &'static str, values: minijinja::Value) -> Reply {
        Reply::Page(Page { status, template, title, values })
    }
}

/// A file that a run has made.
pub(crate) struct Download {
    pub(crate) copy: HandedFile,
    /// As the browser is to store it.
    pub(crate) name: String,
}

/// A file that was made for this request.
pub(crate) struct Made {
    pub(crate) name: String,
    /// It is removed once it is sent.
    pub(crate) file: TempPath,
}

/// A small file from the database.
pub(crate) struct Bytes {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// A file that is made while it is sent.
pub(crate) struct Streamed {
    pub(crate) name: String,
    /// An error breaks the download off, so that nobody takes a part for the whole.
    pub(crate) pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
}

/// Why there is no answer as asked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no such thing, or the visitor may not see it; nobody learns which.
    NotFound,
    /// The request is none of our own pages, or its page is too old.
    Forged,
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Refusal {
    fn from(error: E) -> Refusal {
        Refusal::Failed(error.into())
    }
}

pub(crate) type Answer = Result<Reply, Refusal>;
