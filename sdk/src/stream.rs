//! Bodies that are read or written piece by piece, as `std::io` does it.

use std::io;

use crate::bindings::zonda::action::cloud::{self as wit, Body};
use crate::cloud::Error;
use crate::host::{Reader, Writer};
use crate::{Failure, Response};

/// An answer whose body is read as it arrives; dropping it gives the rest up.
pub struct Download {
    head: wit::Head,
    reader: Reader,
    what: String,
    rest: io::Cursor<Vec<u8>>,
}

impl Download {
    pub(crate) fn new(head: wit::Head, reader: Reader, what: String) -> Self {
        Self {
            head,
            reader,
            what,
            rest: io::Cursor::default(),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The first header of this name, in whichever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        crate::response::header(&self.head.headers, name)
    }

    /// Itself if the status is 2xx.
    ///
    /// # Errors
    /// Otherwise a failure with the request, the status and the service's own message.
    pub fn ok(mut self) -> Result<Self, Failure> {
        if (200..300).contains(&self.head.status) {
            return Ok(self);
        }
        let bytes = self.reader.read(64 * 1024).unwrap_or_default();
        let response = wit::Response {
            status: self.head.status,
            headers: self.head.headers,
            body: Body::Bytes(bytes),
        };
        Err(Response::new(self.what, response).failure())
    }
}

impl io::Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.rest.read(buffer)?;
        if length > 0 || buffer.is_empty() {
            return Ok(length);
        }
        let max = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        match self.reader.read(max) {
            Ok(chunk) => self.rest = io::Cursor::new(chunk),
            Err(kind) => return Err(Error::new(kind, self.what.as_str()).into()),
        }
        self.rest.read(buffer)
    }
}

/// A request whose body is written piece by piece; dropping it before [`finish`](Self::finish) breaks the request off.
pub struct Upload {
    writer: Writer,
    what: String,
}

impl Upload {
    pub(crate) fn new(writer: Writer, what: String) -> Self {
        Self { writer, what }
    }

    /// Ends the body and waits for the answer.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is none.
    pub fn finish(self) -> Result<Response, Error> {
        match self.writer.finish() {
            Ok(response) => Ok(Response::new(self.what, response)),
            Err(kind) => Err(Error::new(kind, self.what)),
        }
    }
}

impl io::Write for Upload {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self.writer.write(buffer) {
            Ok(()) => Ok(buffer.len()),
            Err(kind) => Err(Error::new(kind, self.what.as_str()).into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
