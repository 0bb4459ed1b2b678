//! The `upswell` program.

fn main() -> std::process::ExitCode {
    upswell::cli::main()
}
