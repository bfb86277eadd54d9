//! The body of the child that takes in the rows of a file or a query. It knows neither store nor files, and its parent checks what it sends.

use crate::source::child::{Service, TakingIn};
use crate::source::frame::Block;
use crate::source::frame_reader::Received;
use crate::source::refusal::ReadLimits;
use crate::worker::import::form_taker::FormTaker;
use crate::worker::import::register_taker::RegisterTaker;
use crate::worker::import::taken::{Purpose, Stop, Taken, Task};
use std::io::{Error, Result};
use std::sync::Arc;

enum Taker<'a> {
    Register(Box<RegisterTaker<'a>>),
    Form(Box<FormTaker<'a>>),
}

impl Taker<'_> {
    fn take(&mut self, block: &Block, service: &mut Service) -> Result<Option<Stop>> {
        match self {
            Taker::Register(taker) => taker.take(block, service),
            Taker::Form(taker) => taker.take(block, &mut service.out),
        }
    }

    fn end_sheet(&mut self, service: &mut Service) -> Result<()> {
        match self {
            Taker::Register(taker) => taker.end_sheet(service),
            Taker::Form(taker) => taker.end_sheet(&mut service.out),
        }
    }

    /// Sends what counts of a file that is not read to its end.
    fn end_early(&mut self, service: &mut Service) -> Result<()> {
        match self {
            Taker::Register(taker) => taker.end_early(service),
            Taker::Form(_) => Ok(()),
        }
    }
}

/// Takes in the rows, until they or the file end.
///
/// # Errors
/// The parent is gone, or what comes is not what a child of ours sends.
pub(crate) fn take_in(TakingIn { task, rows, mut service }: TakingIn, limits: ReadLimits) -> Result<()> {
    let task = Task::unpack(&task).map_err(Error::other)?;
    let mut taker = match task.purpose {
        Purpose::Register => Taker::Register(Box::new(RegisterTaker::new(&task))),
        Purpose::Form => Taker::Form(Box::new(FormTaker::new(&task))),
    };
    let mut strings = Arc::default();
    let mut fingerprint = None;
    let ended = rows.for_each(limits, |received| {
        let stop = match received {
            Received::Level(_) => None,
            Received::Strings(known) => {
                strings = Arc::new(known);
                None
            }
            Received::Fingerprint(of_rows) => {
                fingerprint = Some(of_rows);
                None
            }
            Received::Frames(bytes) => {
                let block = Block { bytes, strings: Arc::clone(&strings), columns_max: limits.columns_max };
                taker.take(&block, &mut service)?
            }
            Received::Refused { reason, hint } => Some(Stop::Refused { reason, hint }),
            Received::End => {
                taker.end_sheet(&mut service)?;
                if let Some(fingerprint) = &fingerprint {
                    service.out.fingerprint(fingerprint)?;
                }
                return service.out.end().map(|()| false);
            }
        };
        match stop {
            None => return Ok(true),
            Some(Stop::Refused { reason, hint }) => {
                taker.end_early(&mut service)?;
                service.out.refuse(reason, hint)?;
            }
            Some(Stop::Unusable) => {
                taker.end_early(&mut service)?;
                service.out.frame(&Taken::Unusable)?;
                service.out.end()?;
            }
        }
        Ok(false)
    });
    if ended.is_err() {
        // the child before has died, or was taken over by the file: the marks of its rows count
        taker.end_early(&mut service)?;
        service.out.flush()?;
    }
    ended
}
