//! Why this reader stops: the workbook is damaged or outside the limits.

use crate::source::refusal::{ReadError, Refusal};
use std::io;

/// Why a part of the package cannot be read.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The structure is damaged; in words for the clerk.
    Broken(String),
    Io(io::Error),
}

pub(crate) fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(what.into())
}

/// Why a sheet cannot be read.
pub(crate) enum SheetFault {
    Part(Fault),
    Refused(Refusal),
    /// The rows cannot be handed on: the parent is gone.
    Out(io::Error),
}

impl From<Fault> for SheetFault {
    fn from(fault: Fault) -> SheetFault {
        SheetFault::Part(fault)
    }
}

impl From<io::Error> for SheetFault {
    fn from(error: io::Error) -> SheetFault {
        SheetFault::Out(error)
    }
}

const HINT: &str = "请用Excel或WPS另存为xlsx后再导入";

impl From<SheetFault> for ReadError {
    fn from(fault: SheetFault) -> ReadError {
        let fault = match fault {
            SheetFault::Part(fault) => fault,
            SheetFault::Refused(refusal) => return refusal.into(),
            SheetFault::Out(error) => return ReadError::Io(error),
        };
        match fault {
            Fault::Broken(what) => Refusal::new(format!("文件结构有误：{what}"), HINT).into(),
            // a part that cannot be unpacked: a wrong checksum, a truncated file
            Fault::Io(error) => {
                tracing::debug!(%error, "a workbook that cannot be unpacked");
                Refusal::new("文件不完整或已损坏", "请重新保存或重新下载后再导入").into()
            }
        }
    }
}
