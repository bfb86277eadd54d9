//! A run: its steps, the register it judges, and what it made again from frozen inputs.

pub mod context;
pub mod detect;
pub mod evaluate;
pub mod facts;
pub mod gone;
pub mod history;
pub mod packs;
pub mod pull;
pub mod rebuild;
pub mod remind;
pub mod report;
pub mod runner;
pub mod slot_text;
pub mod spill;
pub mod steps;
pub mod summary;
