//! `duban` (督办): supervision of investment projects, unattended.

fn main() -> std::process::ExitCode {
    duban::cli::main()
}
