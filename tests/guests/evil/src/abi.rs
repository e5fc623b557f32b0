//! Calls that break the canonical ABI: pointers, lengths and discriminants that no honest compiler emits.

use std::ptr::null_mut;

use crate::Ended;

/// The imports, as a component that was made by hand sees them.
mod raw {
    #[link(wasm_import_module = "zonda:action/log@0.1.0")]
    #[expect(unsafe_code, reason = "what is tested lies below the bindings")]
    unsafe extern "C" {
        pub(super) safe fn log(level: u32, text: usize, length: usize, fields: usize, count: usize);
    }

    #[link(wasm_import_module = "zonda:action/cloud@0.1.0")]
    #[expect(unsafe_code, reason = "what is tested lies below the bindings")]
    unsafe extern "C" {
        pub(super) safe fn target(answer: *mut u32);
        #[link_name = "[method]scoped-token.send"]
        pub(super) safe fn send(arguments: *const u32, answer: *mut u32);
    }
}

const INFO: u32 = 1;

/// Logs a text of this length at this place.
fn log(level: u32, place: usize, length: usize) -> Ended {
    raw::log(level, place, length, 0, 0);
    Ok("\"taken\"".into())
}

pub(crate) fn text_not_utf8(_: u32) -> Ended {
    let text = [b'a', 0xff, 0xfe, b'b'];
    log(INFO, text.as_ptr() as usize, text.len())
}

pub(crate) fn text_beyond_memory(_: u32) -> Ended {
    log(INFO, 0xffff_0000_u32 as usize, 100)
}

pub(crate) fn text_of_2_gib(_: u32) -> Ended {
    log(INFO, 0, 0x7fff_ffff)
}

pub(crate) fn enum_out_of_range(_: u32) -> Ended {
    log(77, 0, 0)
}

/// The words of a `send`: the handle, then the request's fields.
struct Arguments([u32; 18]);

/// Where in [`Arguments`] what stands.
const REGION: usize = 3;
const QUERY: usize = 10;
const BODY: usize = 14;

impl Arguments {
    /// A request that is as it should be, except for an empty path.
    fn new() -> Result<Self, String> {
        // What comes after the discriminant is aligned for the largest case, an error with a 64-bit number.
        let mut answer = [0_u64; 3];
        raw::target(answer.as_mut_ptr().cast());
        let [discriminant, handle, _] = answer;
        if discriminant & 0xff != 0 {
            return Err("this behavior needs a target".into());
        }
        let mut arguments = Self([0; 18]);
        arguments.0[0] = handle as u32;
        Ok(arguments)
    }

    fn with(mut self, place: usize, words: &[u32]) -> Self {
        for (to, word) in self.0.iter_mut().skip(place).zip(words) {
            *to = *word;
        }
        self
    }

    fn send(&self, answer: *mut u32) -> Ended {
        raw::send(self.0.as_ptr(), answer);
        Ok("\"taken\"".into())
    }

    fn send_and_forget(&self) -> Ended {
        let mut answer = [0_u32; 16];
        self.send(answer.as_mut_ptr())
    }
}

pub(crate) fn variant_out_of_range(_: u32) -> Ended {
    Arguments::new()?.with(BODY, &[1, 9]).send_and_forget()
}

pub(crate) fn option_out_of_range(_: u32) -> Ended {
    Arguments::new()?.with(REGION, &[7]).send_and_forget()
}

pub(crate) fn list_of_2_gib(_: u32) -> Ended {
    Arguments::new()?
        .with(QUERY, &[0, 1 << 31])
        .send_and_forget()
}

pub(crate) fn answer_to_nowhere(_: u32) -> Ended {
    raw::target(null_mut::<u32>().wrapping_byte_add(0xffff_fff0));
    Ok("\"taken\"".into())
}

pub(crate) fn answer_misaligned(_: u32) -> Ended {
    let mut answer = [0_u32; 8];
    raw::target(answer.as_mut_ptr().wrapping_byte_add(1));
    Ok("\"taken\"".into())
}
