//! Looks for a text in everything that a guest can reach.
//!
//! The text is given backward and compared backward, so that the guest itself never makes the forward form: if it is
//! found, the host put it there.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use zonda_sdk::{Context, Request, Result};

use crate::ask::{self, Ask};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The text to look for, its bytes in reverse order.
    reversed: String,
    /// Requests to send first, so that what comes back can be searched too.
    #[serde(default)]
    requests: Vec<Ask>,
}

#[derive(serde::Serialize, JsonSchema)]
pub(crate) struct Found {
    /// Where the text was found; empty is as it should be.
    places: Vec<String>,
    /// How much was searched.
    memory_bytes: usize,
    /// What the requests came to, so that a test can see that there was something to search.
    answers: Vec<Value>,
}

pub(crate) fn run(ctx: &Context, input: Input) -> Result<Found> {
    let reversed = input.reversed.as_bytes();
    let mut places = Vec::new();

    let told = ask::context(ctx, ())?.to_string();
    if find(told.bytes(), reversed) {
        places.push("context, environment or arguments".into());
    }
    let mut answers = Vec::new();
    if let Ok(cloud) = ctx.cloud() {
        // Errors speak too.
        for (service_type, path) in [
            ("no-such-service", "/"),
            ("identity", "/../"),
            ("identity", "//"),
        ] {
            answers.push(ask::shown(cloud.send(Request::get(service_type, path))));
        }
        // As do headers that the host should keep to itself.
        for header in [
            "x-auth-token",
            "x-subject-token",
            "authorization",
            "host",
            "content-length",
        ] {
            let request = Request::get("identity", "/v3/auth/tokens").header(header, "guess");
            answers.push(ask::shown(cloud.send(request)));
        }
        for request in input.requests {
            answers.push(ask::shown(cloud.send(request.into_request())));
        }
    }
    for (number, answer) in answers.iter().enumerate() {
        if find(answer.to_string().bytes(), reversed) {
            places.push(format!("answer {number}"));
        }
    }
    // Last, with all of the above still in it.
    let memory_bytes = memory::size();
    if find((0..memory_bytes).map(memory::byte), reversed) {
        places.push("memory".into());
    }
    Ok(Found {
        places,
        memory_bytes,
        answers,
    })
}

/// Whether the bytes hold the reverse of `reversed`.
fn find(bytes: impl Iterator<Item = u8>, reversed: &[u8]) -> bool {
    // Of each place where the text may have begun: how many bytes have fitted so far.
    let mut begun: Vec<usize> = Vec::new();
    for byte in bytes {
        begun.push(0);
        begun.retain_mut(|fitted| {
            let fits = reversed
                .len()
                .checked_sub(*fitted + 1)
                .and_then(|at| reversed.get(at));
            *fitted += 1;
            fits == Some(&byte)
        });
        if begun.first() == Some(&reversed.len()) {
            return true;
        }
    }
    false
}

#[cfg(target_family = "wasm")]
#[expect(
    unsafe_code,
    reason = "reading memory that is none of its business is what this is for"
)]
mod memory {
    use std::arch::wasm32::memory_size;

    /// The linear memory's size in bytes.
    pub(super) fn size() -> usize {
        memory_size::<0>() << 16
    }

    /// The byte at an address below [`size`].
    pub(super) fn byte(address: usize) -> u8 {
        // SAFETY: every address below the memory's size can be read; `volatile` keeps it a plain load, whatever is there.
        unsafe { std::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
    }
}

#[cfg(not(target_family = "wasm"))]
mod memory {
    pub(super) fn size() -> usize {
        0
    }

    pub(super) fn byte(_: usize) -> u8 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_text_is_found_forward_only() {
        assert!(find("say token twice".bytes(), b"nekot"));
        assert!(find("totoken".bytes(), b"nekot"));
        assert!(!find("nekot".bytes(), b"nekot"));
    }
}
