//! The hub's program; see the library beside it.

// Where anyone can sign as anyone, this program must not exist.
const _: () = assert!(!guitai_core::signature::STAND_IN);

fn main() -> std::process::ExitCode {
    guitai_hub::main()
}
