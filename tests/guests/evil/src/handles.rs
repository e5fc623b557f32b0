//! Handles that are made up, used up, mixed up and piled up.

use zonda_sdk::bindings::zonda::action::cloud::{self, BodyReader, ScopedToken};

use crate::{Ended, shown};

#[expect(unsafe_code, reason = "a handle is a number to whoever makes it up")]
fn token(handle: u32) -> ScopedToken {
    // SAFETY: the host checks every handle, which is what is tested.
    unsafe { ScopedToken::from_handle(handle) }
}

pub(crate) fn forged(_: u32) -> Ended {
    Ok(format!("{:?}", token(12_345).facts().auth_url))
}

pub(crate) fn dropped_twice(_: u32) -> Ended {
    let real = cloud::target().map_err(shown)?;
    let again = token(real.handle());
    drop(real);
    drop(again);
    Ok("\"dropped\"".into())
}

pub(crate) fn used_after_drop(_: u32) -> Ended {
    let real = cloud::target().map_err(shown)?;
    let kept = token(real.handle());
    drop(real);
    Ok(format!("{:?}", kept.facts().auth_url))
}

#[expect(unsafe_code, reason = "a handle is a number to whoever mixes it up")]
pub(crate) fn of_another_type(_: u32) -> Ended {
    let real = cloud::target().map_err(shown)?;
    // SAFETY: the host checks every handle, which is what is tested.
    let reader = unsafe { BodyReader::from_handle(real.handle()) };
    Ok(format!("{}", reader.read(1).map_err(shown)?.len()))
}

pub(crate) fn without_end(count: u32) -> Ended {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(cloud::target().map_err(shown)?);
    }
    Ok(held.len().to_string())
}
