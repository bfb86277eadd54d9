//! What a hostile sender makes: each family is a file of seeded inputs, of which `.ci/test` works a slice and `.ci/long hostile` many.

mod children;
mod files;
mod forms;
mod spellings;
