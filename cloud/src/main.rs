//! The hub's program; see the library beside it.

fn main() -> std::process::ExitCode {
    guitai_hub::main()
}
