//! See `allo_fuzz::dependencies`. Built by anything but `cargo fuzz`, it replays the files that it is given.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| allo_fuzz::dependencies(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    allo_fuzz::replay(allo_fuzz::dependencies)
}
