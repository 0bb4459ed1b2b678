//! The `upswell` program.

/// Half of what an event costs is waiting for memory. This allocator asks the system for large pages, of which the processor
/// finds many more bytes without a look at memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    upswell::adapter::allocator::keep_large_pages();
    upswell::cli::main()
}
