//! Bodies in chunks, bounded in size and time.

use std::{fmt, io, time::Duration};

use bytes::Bytes;
use futures::stream;
use reqwest::Response;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::{
    CloudResponse, Error,
    client::{self, Failure},
    scrub::Scrubber,
};

/// The whole body; none when it is longer than `cap` bytes.
pub(super) async fn read(mut response: Response, cap: u64) -> Result<Option<Vec<u8>>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| client::failure(&error))?
    {
        if (bytes.len() as u64).saturating_add(chunk.len() as u64) > cap {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// An answer's body in chunks.
pub struct BodyReader {
    response: Option<Response>,
    scrubber: Scrubber,
    ready: Bytes,
    taken: u64,
    cap: u64,
    patience: Duration,
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyReader")
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

impl BodyReader {
    pub(super) const fn new(
        response: Response,
        scrubber: Scrubber,
        cap: u64,
        patience: Duration,
    ) -> Self {
        Self {
            response: Some(response),
            scrubber,
            ready: Bytes::new(),
            taken: 0,
            cap,
            patience,
        }
    }

    /// The next chunk of at most `max` bytes; empty at the end.
    ///
    /// # Errors
    /// See [`Error`]; an error is final.
    pub async fn read(&mut self, max: u32) -> Result<Bytes, Error> {
        while self.ready.is_empty() {
            let Some(response) = &mut self.response else {
                return Ok(Bytes::new());
            };
            let next = timeout(self.patience, response.chunk()).await;
            let ready = match next {
                Ok(Ok(Some(chunk))) => {
                    self.taken = self.taken.saturating_add(chunk.len() as u64);
                    if self.taken > self.cap {
                        self.response = None;
                        return Err(Error::TooLarge(self.cap));
                    }
                    self.scrubber.push(&chunk)
                }
                Ok(Ok(None)) => {
                    self.response = None;
                    self.scrubber.finish()
                }
                Ok(Err(error)) => {
                    self.response = None;
                    return Err(client::failure(&error).into_error("service"));
                }
                Err(_) => {
                    self.response = None;
                    return Err(Error::TimedOut);
                }
            };
            self.ready = ready.into();
        }
        let length = self
            .ready
            .len()
            .min(usize::try_from(max.max(1)).unwrap_or(usize::MAX));
        Ok(self.ready.split_to(length))
    }
}

/// A chunk, or the proper end.
type Part = Option<Bytes>;

/// A channel for a body. Without its proper end the body breaks off, so that half a one is never taken for a whole one.
pub(super) fn channel() -> (mpsc::Sender<Part>, Parts) {
    let (sender, receiver) = mpsc::channel(2);
    (sender, Parts(receiver))
}

/// A body's chunks as they come.
pub(super) struct Parts(mpsc::Receiver<Part>);

impl Parts {
    /// The body that is sent of them.
    pub(super) fn into_body(self) -> reqwest::Body {
        let parts = stream::unfold(Some(self.0), |receiver| async {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Some(chunk)) => Some((Ok(chunk), Some(receiver))),
                Some(None) => None,
                None => Some((Err(io::Error::other("the upload was given up")), None)),
            }
        });
        reqwest::Body::wrap_stream(parts)
    }

    /// How many bytes they have in all, when they come to their proper end; none is kept.
    pub(super) async fn count(mut self) -> Result<u64, Error> {
        let mut bytes = 0_u64;
        loop {
            match self.0.recv().await {
                Some(Some(chunk)) => bytes = bytes.saturating_add(chunk.len() as u64),
                Some(None) => return Ok(bytes),
                None => return Err(Error::Unreachable("the upload was given up".to_owned())),
            }
        }
    }
}

/// A request's body in chunks.
pub struct BodyWriter {
    parts: mpsc::Sender<Part>,
    exchange: JoinHandle<Result<CloudResponse, Error>>,
    written: u64,
    length: Option<u64>,
    cap: u64,
    patience: Duration,
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter")
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl BodyWriter {
    pub(super) const fn new(
        parts: mpsc::Sender<Part>,
        exchange: JoinHandle<Result<CloudResponse, Error>>,
        length: Option<u64>,
        cap: u64,
        patience: Duration,
    ) -> Self {
        Self {
            parts,
            exchange,
            written: 0,
            length,
            cap,
            patience,
        }
    }

    /// Sends a chunk; waits while the service is slow. Once the service has answered, chunks go nowhere, and
    /// [`BodyWriter::finish`] has the answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        let written = self.written.saturating_add(chunk.len() as u64);
        if let Some(length) = self.length
            && written > length
        {
            return Err(Error::InvalidRequest(format!(
                "the body is longer than the {length} bytes it was said to have"
            )));
        }
        if written > self.cap {
            return Err(Error::TooLarge(self.cap));
        }
        self.written = written;
        if chunk.is_empty() {
            return Ok(());
        }
        match timeout(self.patience, self.parts.send(Some(chunk))).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::TimedOut),
        }
    }

    /// Ends the body and reads the answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn finish(mut self) -> Result<CloudResponse, Error> {
        if let Some(length) = self.length
            && self.written < length
            && !self.exchange.is_finished()
        {
            return Err(Error::InvalidRequest(format!(
                "the body ends after {} of the {length} bytes it was said to have",
                self.written
            )));
        }
        let patience = self.patience;
        let end = async {
            // Nobody listens when the service has answered before the end; then that is the answer.
            self.parts.send(None).await.ok();
            match (&mut self.exchange).await {
                Ok(answer) => answer,
                Err(_) => Err(Error::Unreachable("the upload was given up".to_owned())),
            }
        };
        timeout(patience, end).await.unwrap_or(Err(Error::TimedOut))
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        self.exchange.abort();
    }
}
