//! The functions and operators of YAQL, a file for each of yaql's modules.
//!
//! Each file has `register(&mut Registry)`, which adds overloads:
//!
//! ```ignore
//! registry.add(
//!     method("split", |call| split(call.evaluator, &call.text(0)?, call.optional_text(1), call.int(2)?))
//!         .takes("string", Type::TEXT)
//!         .may_take("separator", Type::TEXT.or_null(), Default::Null)
//!         .may_take("maxSplits", Type::INT, Default::Int(-1)),
//! );
//! ```
//!
//! `function` is called by name, `method` on a receiver, `extension` both ways. Parameters have their names as expressions
//! write them (`maxSplits => 2`). That arguments are of their types is checked before the body runs. A body makes values
//! with the evaluator (`text`, `tuple`, `list`, `dict`, `set`, `iter`), which charges them, and charges what else takes
//! long with `steps`; `call` calls another function or operator by name, as the overloads of its arguments decide. A
//! lambda is a parameter of `Type::LAMBDA`: `call.some_lambda(at)?.call(evaluator, [value])`.

mod boolean;
mod branching;
mod collections;
mod common;
pub(crate) mod datetime;
mod dicts;
mod generators;
pub(crate) mod grouping;
mod math;
mod merging;
pub(crate) mod mistral;
mod pattern;
mod queries;
pub(crate) mod regex;
mod search;
mod sets;
mod strings;
mod system;
mod time_text;

use super::registry::Registry;

/// Makes all of them known.
pub(super) fn register(registry: &mut Registry) {
    boolean::register(registry);
    branching::register(registry);
    collections::register(registry);
    common::register(registry);
    datetime::register(registry);
    dicts::register(registry);
    generators::register(registry);
    math::register(registry);
    merging::register(registry);
    mistral::register(registry);
    grouping::register(registry);
    queries::register(registry);
    regex::register(registry);
    search::register(registry);
    sets::register(registry);
    strings::register(registry);
    system::register(registry);
}
