//! A run: its steps, the register it judges, and what it made again from frozen inputs.

pub mod evaluate;
pub mod facts;
pub mod gone;
pub mod history;
pub mod packs;
pub mod rebuild;
pub mod runner;
pub mod slot_text;
pub mod spill;
pub mod steps;
