//! The `zonda` program.
fn main() {}
