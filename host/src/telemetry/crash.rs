//! What a crash leaves behind: no core dump, and no words of a panic that may be somebody's data.

use std::{
    any::Any,
    panic::{self, PanicHookInfo},
    thread,
};

use rustix::{
    io,
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit},
};
use tracing::{dispatcher, error};

/// Keeps the memory of this process to itself: it is dumped neither to a file nor to a program, other processes of the
/// same user cannot read it, and panics tell where they happened and no data.
///
/// # Errors
/// When the kernel refuses; then secrets may end up in a core dump.
pub fn keep_secrets() -> io::Result<()> {
    panic::set_hook(Box::new(report));
    forbid_core_dumps()
}

fn forbid_core_dumps() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    // The limit does not hold where the kernel hands cores to a program, as systemd has it do.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

fn report(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let words = words(info.payload());
    if dispatcher::has_been_set() {
        let thread = thread::current();
        error!(
            location = %place, thread = thread.name().unwrap_or_default(), reason = words,
            "a panic, which is a fault of the host's: please report it"
        );
    } else {
        eprintln!("zonda: panicked at {place}: {words}; please report it");
    }
}

/// The message of a panic where it stands in the source as it is. One that was put together may have anything in it.
fn words(payload: &dyn Any) -> &'static str {
    match payload.downcast_ref::<&'static str>() {
        Some(words) => words,
        None => "(its words are left out, since they may hold data)",
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    fn panic_with(body: impl FnOnce() + panic::UnwindSafe) -> &'static str {
        words(&*panic::catch_unwind(body).unwrap_err())
    }

    #[test]
    fn only_the_literal_words_of_a_panic_are_told() {
        assert_eq!(panic_with(|| panic!("a literal")), "a literal");
        let secret = String::from("gAAAAA");
        let told = panic_with(|| panic!("cannot use {secret}"));
        assert!(!told.contains("gAAAAA"), "{told}");
        let bad = |text: &str| -> Result<(), String> { Err(text.to_owned()) };
        let told = panic_with(move || bad("gAAAAA").expect("it is fine"));
        assert!(!told.contains("gAAAAA"), "{told}");
    }

    #[test]
    fn no_core_is_dumped() {
        forbid_core_dumps().unwrap();
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
