//! Uses up what there is, and reaches for what there is not.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use zonda_sdk::bindings::zonda::action::log::{Level, log};

use crate::{Ended, shown};

/// Grows memory page by page, and goes on trying when there is no more.
pub(crate) fn grow_memory(_: u32) -> Ended {
    #[cfg(target_arch = "wasm32")]
    loop {
        black_box(std::arch::wasm32::memory_grow(0, 1));
    }
    #[cfg(not(target_arch = "wasm32"))]
    Err("only a guest has such a memory".into())
}

pub(crate) fn recurse_indirectly(_: u32) -> Ended {
    type Step = fn(u64) -> u64;
    fn deeper(depth: u64) -> u64 {
        let next: Step = black_box(deeper as Step);
        next(depth + 1).wrapping_add(depth)
    }
    Ok(deeper(0).to_string())
}

pub(crate) fn large_call(count: u32) -> Ended {
    let text = "x".repeat((count as usize) << 20);
    log(Level::Info, &text, "{}");
    Ok("\"taken\"".into())
}

/// A text and fields that are longer than a line may be, but may be handed over.
pub(crate) fn large_log(_: u32) -> Ended {
    let text = "x".repeat(1 << 20);
    log(Level::Info, &text, &format!("{{\"text\": \"{text}\"}}"));
    Ok("\"taken\"".into())
}

pub(crate) fn log_for_ever(_: u32) -> Ended {
    loop {
        log(Level::Error, "again", "{}");
    }
}

/// Writes to standard output, without ever ending the line.
pub(crate) fn print_for_ever(_: u32) -> Ended {
    let mut out = std::io::stdout().lock();
    let chunk = [b'x'; 4096];
    loop {
        out.write_all(&chunk).map_err(shown)?;
        out.flush().map_err(shown)?;
    }
}

/// Writes what is no text.
pub(crate) fn print_noise(_: u32) -> Ended {
    let noise = [0xff, 0xc3, 0x28, 0, b'\n'];
    std::io::stdout().write_all(&noise).map_err(shown)?;
    std::io::stderr().write_all(&noise).map_err(shown)?;
    Ok("\"written\"".into())
}

/// Logs what would clear a terminal and set its title.
pub(crate) fn print_escapes(_: u32) -> Ended {
    let text = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{9b}31m";
    log(Level::Info, text, "{}");
    writeln!(std::io::stdout(), "{text}").map_err(shown)?;
    Ok("\"written\"".into())
}

/// Sleeps for so many seconds, at most the longest duration that there is.
pub(crate) fn sleep(count: u32) -> Ended {
    std::thread::sleep(Duration::from_secs(
        u64::from(count).saturating_mul(1 << 31),
    ));
    Ok("\"slept\"".into())
}

pub(crate) fn abort(_: u32) -> Ended {
    std::process::abort()
}

pub(crate) fn exit(count: u32) -> Ended {
    std::process::exit(i32::try_from(count).unwrap_or_default())
}

/// Whatever a file system can be asked for.
pub(crate) fn write_files(_: u32) -> Ended {
    let mut opened = Vec::new();
    for path in [
        "/etc/passwd",
        "../../etc/passwd",
        "/proc/self/environ",
        "/tmp/evil",
        ".",
        "/",
    ] {
        opened.extend(std::fs::read(path).is_ok().then_some(path));
        opened.extend(std::fs::write(path, "evil").is_ok().then_some(path));
        opened.extend(std::fs::create_dir(path).is_ok().then_some(path));
        opened.extend(std::fs::read_dir(path).is_ok().then_some(path));
        opened.extend(std::fs::remove_file(path).is_ok().then_some(path));
    }
    Ok(format!("{opened:?}"))
}

/// Waits for input, and tells what it finds around it.
pub(crate) fn read_stdin(_: u32) -> Ended {
    let mut input = Vec::new();
    let read = std::io::stdin().read_to_end(&mut input);
    let found = read.is_ok_and(|read| read > 0);
    let variables = std::env::vars().count();
    let arguments = std::env::args().count();
    Ok(format!("[{found}, {variables}, {arguments}]"))
}
