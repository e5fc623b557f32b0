//! Requests without number, and streams that nobody reads or ends.

use zonda_sdk::bindings::zonda::action::cloud::{self, Body, Error, Request, ScopedToken};

use crate::{Ended, shown};

fn token() -> Result<ScopedToken, String> {
    cloud::target().map_err(shown)
}

/// A request whose target decides what becomes of it.
fn request(method: &str, path: &str) -> Request {
    Request {
        service_type: "compute".into(),
        region: None,
        method: method.into(),
        path: path.into(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
    }
}

pub(crate) fn request_flood(count: u32) -> Ended {
    let token = token()?;
    for _ in 0..count {
        token.send(&request("GET", "")).map_err(shown)?;
    }
    Ok(count.to_string())
}

pub(crate) fn send_all(count: u32) -> Ended {
    let requests: Vec<_> = (0..count).map(|_| request("GET", "/200000")).collect();
    let answers = token()?.send_all(&requests);
    Ok(answers
        .iter()
        .filter(|answer| answer.is_ok())
        .count()
        .to_string())
}

pub(crate) fn open(count: u32) -> Ended {
    let token = token()?;
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(token.open(&request("GET", "")).map_err(shown)?);
    }
    Ok(held.len().to_string())
}

pub(crate) fn uploads(count: u32) -> Ended {
    let token = token()?;
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(token.upload(&request("PUT", ""), None).map_err(shown)?);
    }
    Ok(held.len().to_string())
}

pub(crate) fn write_after_finish(_: u32) -> Ended {
    let upload = token()?.upload(&request("PUT", ""), None).map_err(shown)?;
    upload.write(b"all").map_err(shown)?;
    upload.finish().map_err(shown)?;
    match (upload.write(b"more"), upload.finish()) {
        (Err(Error::InvalidRequest(write)), Err(Error::InvalidRequest(finish))) => {
            Ok(format!("{:?}", [write, finish]))
        }
        other => Err(shown(other)),
    }
}

/// Writes a little and waits for the end of the world.
pub(crate) fn never_finished(_: u32) -> Ended {
    let upload = token()?
        .upload(&request("PUT", ""), Some(1 << 30))
        .map_err(shown)?;
    let chunk = vec![b'z'; 1 << 20];
    loop {
        upload.write(&chunk).map_err(shown)?;
    }
}

pub(crate) fn too_short(_: u32) -> Ended {
    let upload = token()?
        .upload(&request("PUT", ""), Some(100))
        .map_err(shown)?;
    upload.write(b"short").map_err(shown)?;
    upload
        .finish()
        .map_err(shown)
        .map(|answer| answer.status.to_string())
}

/// Asks for the same large answer again and again.
pub(crate) fn take_answers(count: u32) -> Ended {
    let token = token()?;
    let mut bytes = 0;
    for _ in 0..count {
        bytes += match token.send(&request("GET", "/200000")).map_err(shown)?.body {
            Body::Text(text) => text.len(),
            Body::Bytes(bytes) => bytes.len(),
        };
    }
    Ok(bytes.to_string())
}
