//! Results that are no results.

use crate::Ended;

pub(crate) fn nested(count: u32) -> Ended {
    let depth = count as usize;
    Ok("[".repeat(depth) + &"]".repeat(depth))
}

pub(crate) fn large(count: u32) -> Ended {
    Ok(format!("\"{}\"", "x".repeat(count as usize)))
}

pub(crate) fn large_failure(count: u32) -> Ended {
    Err("y".repeat(count as usize))
}

/// A failure whose detail is as long as its message, and no JSON either.
pub(crate) fn large_detail(count: u32) -> Ended {
    Err("x".repeat(count as usize))
}

pub(crate) fn not_a_number(_: u32) -> Ended {
    Ok("{\"value\": NaN}".into())
}

pub(crate) fn empty(_: u32) -> Ended {
    Ok(String::new())
}

/// `run` answers for this one.
pub(crate) fn pending(_: u32) -> Ended {
    Err("it should be pending".into())
}
