//! What `export_actions!` expands to: the dispatch between the host's two calls and the module's actions.

use std::fmt::Write as _;
use std::panic;

use crate::action::{Action, Outcome};
use crate::bindings::exports::zonda::action::actions as wit;
use crate::{Context, Failure, Result, log};

/// Makes the crate a module: exports the given actions to the host.
///
/// Either a list of actions, or `iter:` with an iterator that makes them one after another; it is built anew for each
/// call and read only as far as needed, so a run builds no more actions than come before its own. A module with
/// hundreds of them gives a faster way to one by its name with `find:`.
///
/// ```
/// # use zonda_sdk::{Action, Context, Result, export_actions};
/// # fn hello(_: &Context, _: ()) -> Result<String> { Ok("hello".into()) }
/// # mod list { use super::*;
/// export_actions![Action::new("greet.hello", hello).describe("Greets.")];
/// # }
/// # mod iter { use super::*;
/// const ROWS: [&str; 2] = ["greet.hello", "greet.bye"];
/// fn action(name: &'static str) -> Action { Action::new(name, hello) }
/// export_actions!(
///     iter: ROWS.into_iter().map(action),
///     find: |name| ROWS.into_iter().find(|row| *row == name).map(action),
/// );
/// # }
/// # fn main() {}
/// ```
///
/// The macro also makes `actions()`, through which tests get at the actions.
#[macro_export]
macro_rules! export_actions {
    (iter: $iter:expr $(,)?) => {
        $crate::export_actions!(iter: $iter, find: |name: &str| actions().find(|action| action.name() == name));
    };
    (iter: $iter:expr, find: $find:expr $(,)?) => {
        /// The actions of this module.
        pub fn actions() -> impl ::core::iter::Iterator<Item = $crate::Action> {
            ::core::iter::IntoIterator::into_iter($iter)
        }

        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Module;

            impl $crate::bindings::exports::zonda::action::actions::Guest for Module {
                fn describe() -> ::std::vec::Vec<$crate::ActionSpec> {
                    $crate::export::describe(actions())
                }

                fn run(
                    name: ::std::string::String,
                    input: ::std::string::String,
                ) -> ::core::result::Result<
                    $crate::bindings::exports::zonda::action::actions::Outcome,
                    $crate::bindings::exports::zonda::action::actions::Failure,
                > {
                    $crate::export::run(&name, &input, $find)
                }
            }

            $crate::bindings::export!(Module with_types_in $crate::bindings);
        };
    };
    ($($action:expr),+ $(,)?) => {
        $crate::export_actions!(iter: {
            const MAKERS: &[fn() -> $crate::Action] = &[$(|| $action),+];
            MAKERS.iter().map(|make| make())
        });
    };
}

/// Answers the host's `describe`.
pub fn describe(actions: impl Iterator<Item = Action>) -> Vec<wit::ActionSpec> {
    panic::set_hook(Box::new(report_panic));
    actions.map(|action| action.spec()).collect()
}

/// Answers the host's `run`.
///
/// # Errors
/// What the action failed with, or that there is no such action.
pub fn run(
    name: &str,
    input: &str,
    find: impl FnOnce(&str) -> Option<Action>,
) -> std::result::Result<wit::Outcome, wit::Failure> {
    panic::set_hook(Box::new(report_panic));
    log::install();
    match run_in(&Context::of_this_run(), name, input, find) {
        Ok(Outcome::Done(result)) => Ok(wit::Outcome::Done(result)),
        Ok(Outcome::Pending) => Ok(wit::Outcome::Pending),
        Err(failure) => Err(failure.into()),
    }
}

fn run_in(
    context: &Context,
    name: &str,
    input: &str,
    find: impl FnOnce(&str) -> Option<Action>,
) -> Result<Outcome<String>> {
    let action =
        find(name).ok_or_else(|| Failure::new(format!("this module has no action `{name}`")))?;
    action.run(context, input)
}

/// One line for a person; the host keeps what goes to standard error as log lines of the run.
#[expect(
    clippy::print_stderr,
    reason = "standard error is where the host looks for a panic"
)]
fn report_panic(panic: &panic::PanicHookInfo<'_>) {
    let mut line = String::from("the action panicked");
    if let Some(place) = panic.location() {
        // Writing into a string cannot fail.
        let _ = write!(line, " at {place}");
    }
    eprintln!("{line}: {}", panic.payload_as_str().unwrap_or("no message"));
}
