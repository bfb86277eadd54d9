//! The two shipped lives: single acts, the fold, the check of declarations, and random walks.

mod acts;
mod desk;
mod folds;
mod refused_declarations;
mod walks;
