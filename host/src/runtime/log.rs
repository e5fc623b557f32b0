//! What a guest says, as bounded log lines of its run: the `log` import, standard output and standard error.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use super::{bindings::zonda::action::log, guest::Guest};
use crate::{
    clock::Clock,
    domain::{Journal, LogLevel, LogLine},
    openstack::Session,
};

/// The longest message; the rest of it is cut off.
const MESSAGE_BYTES: usize = 8 << 10;
/// The longest fields; longer ones are left out.
const FIELDS_BYTES: usize = 16 << 10;
/// What a guest may write to a stream in one call.
const WRITE_BYTES: usize = 64 << 10;
/// How much of standard error is repeated when a run is ended.
const LAST_WORDS_BYTES: usize = 1 << 10;

impl log::Host for Guest {
    fn log(&mut self, level: log::Level, message: String, fields: String) -> wasmtime::Result<()> {
        if let Some(run) = &self.run
            && !run.scope.journal.drops_line()
        {
            run.scope.journal.log(LogLine {
                at: self.shared.clock.now(),
                level: match level {
                    log::Level::Debug => LogLevel::Debug,
                    log::Level::Info => LogLevel::Info,
                    log::Level::Warn => LogLevel::Warn,
                    log::Level::Error => LogLevel::Error,
                },
                message: cut(run.clean(message), MESSAGE_BYTES),
                fields: object(run.clean(fields)),
            });
        }
        Ok(())
    }
}

/// `text` without what is past `max` bytes, and with a sign that something was cut off.
pub(super) fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        text.push('…');
    }
    text
}

/// `fields` where they are a JSON object with members, else nothing.
fn object(fields: String) -> String {
    let is_object = fields.len() <= FIELDS_BYTES
        && fields.trim_start().starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(&fields).is_ok();
    if is_object && fields.trim() != "{}" {
        fields
    } else {
        String::new()
    }
}

/// Standard output and standard error of one guest, taken apart into lines. Never blocks, never grows.
pub(super) struct Stdio {
    journal: Option<Arc<Journal>>,
    session: Option<Arc<Session>>,
    clock: Arc<dyn Clock>,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    out: Vec<u8>,
    err: Vec<u8>,
    last_words: String,
}

impl Stdio {
    /// Lines of a run go to its journal, without the secrets of its session.
    pub(super) fn new(
        journal: Option<Arc<Journal>>,
        session: Option<Arc<Session>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            journal,
            session,
            clock,
            lines: Mutex::default(),
        }
    }

    /// The end of standard error, on one line.
    pub(super) fn last_words(&self) -> Option<String> {
        let mut lines = self.lock();
        let rest = std::mem::take(&mut lines.err);
        self.end_line(&mut lines, LogLevel::Warn, &rest);
        (!lines.last_words.is_empty()).then(|| lines.last_words.clone())
    }

    fn write(&self, level: LogLevel, mut bytes: &[u8]) {
        let mut lines = self.lock();
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (head, rest) = bytes.split_at(end);
            let mut line = std::mem::take(lines.buffer(level));
            append(&mut line, head);
            self.end_line(&mut lines, level, &line);
            line.clear();
            *lines.buffer(level) = line;
            bytes = rest.get(1..).unwrap_or_default();
        }
        append(lines.buffer(level), bytes);
    }

    fn end_line(&self, lines: &mut Lines, level: LogLevel, line: &[u8]) {
        let line = line.trim_ascii_end();
        // Of standard error the end is remembered also where no more lines are kept.
        if line.is_empty() || (level == LogLevel::Info && self.drops_line()) {
            return;
        }
        let line = String::from_utf8_lossy(line).into_owned();
        let line = match &self.session {
            Some(session) => session.clean(line),
            None => line,
        };
        if level == LogLevel::Warn {
            lines.remember(&line);
        }
        if let Some(journal) = &self.journal {
            journal.log(LogLine {
                at: self.clock.now(),
                level,
                message: line,
                fields: String::new(),
            });
        }
    }

    fn drops_line(&self) -> bool {
        self.journal
            .as_ref()
            .is_none_or(|journal| journal.drops_line())
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stdio {
    /// Keeps a last line that did not end.
    fn drop(&mut self) {
        let mut lines =
            std::mem::take(self.lines.get_mut().unwrap_or_else(PoisonError::into_inner));
        for level in [LogLevel::Info, LogLevel::Warn] {
            let rest = std::mem::take(lines.buffer(level));
            self.end_line(&mut lines, level, &rest);
        }
    }
}

impl Lines {
    fn buffer(&mut self, level: LogLevel) -> &mut Vec<u8> {
        if level == LogLevel::Warn {
            &mut self.err
        } else {
            &mut self.out
        }
    }

    fn remember(&mut self, line: &str) {
        if !self.last_words.is_empty() {
            self.last_words.push_str(" / ");
        }
        self.last_words.push_str(line);
        let over = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
        if over > 0 {
            let from = self.last_words.ceil_char_boundary(over);
            self.last_words.drain(..from);
        }
    }
}

fn append(line: &mut Vec<u8>, bytes: &[u8]) {
    let room = MESSAGE_BYTES.saturating_sub(line.len());
    line.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
}

/// One of the two streams, as WASI wants it.
#[derive(Clone)]
pub(super) struct Output {
    stdio: Arc<Stdio>,
    level: LogLevel,
}

impl Output {
    pub(super) fn new(stdio: &Arc<Stdio>, level: LogLevel) -> Self {
        Self {
            stdio: Arc::clone(stdio),
            level,
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only the third version of WASI asks for it, and the linker does not have that.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.stdio.write(self.level, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::SystemClock, domain::JournalCaps};

    fn journal() -> Arc<Journal> {
        Arc::new(Journal::new(JournalCaps {
            lines: 10,
            bytes: 1 << 20,
            requests: 1,
        }))
    }

    fn messages(journal: &Journal) -> Vec<String> {
        journal.page().log.into_iter().map(|l| l.message).collect()
    }

    #[test]
    fn writes_become_lines_and_the_last_needs_no_end() {
        let journal = journal();
        let stdio = Stdio::new(Some(Arc::clone(&journal)), None, Arc::new(SystemClock));
        stdio.write(LogLevel::Info, b"one\ntw");
        stdio.write(LogLevel::Info, b"o\n\nthree");
        drop(stdio);
        assert_eq!(messages(&journal), ["one", "two", "three"]);
    }

    #[test]
    fn a_line_without_end_stays_bounded() {
        let journal = journal();
        let stdio = Stdio::new(Some(Arc::clone(&journal)), None, Arc::new(SystemClock));
        for _ in 0..100 {
            stdio.write(LogLevel::Warn, &[b'x'; 1000]);
        }
        assert_eq!(stdio.last_words().unwrap().len(), LAST_WORDS_BYTES);
        assert_eq!(messages(&journal)[0].len(), MESSAGE_BYTES);
    }

    #[test]
    fn fields_that_are_no_object_are_left_out() {
        assert_eq!(object("{\"a\": 1}".into()), "{\"a\": 1}");
        for fields in ["", "{}", "[1]", "{", "{\"a\"}"] {
            assert_eq!(object(fields.into()), "");
        }
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        assert_eq!(cut("ääää".into(), 3), "ä…");
        assert_eq!(cut("ää".into(), 4), "ää");
    }
}
