//! Writes log lines on a thread of its own, so that a slow terminal or pipe never holds up a request.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use tracing_subscriber::fmt::MakeWriter;

/// How many lines may wait; more are dropped, and counted in a line of their own.
const WAITING: usize = 16_384;

/// Takes lines and never waits.
#[derive(Clone)]
pub(super) struct Lines {
    lines: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

/// One line in the making.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    text: Vec<u8>,
}

/// Writes what is waiting when it is dropped.
#[derive(Debug)]
pub struct Flush {
    end: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

/// A writer to stderr.
pub(super) fn to_stderr() -> io::Result<(Lines, Flush)> {
    start(io::stderr())
}

fn start(sink: impl Write + Send + 'static) -> io::Result<(Lines, Flush)> {
    let (lines, waiting) = sync_channel(WAITING);
    let dropped = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&dropped);
    let thread = thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || {
            write(
                &waiting,
                &counted,
                io::BufWriter::with_capacity(64 * 1024, sink),
            )
        })?;
    let flush = Flush {
        end: Some(lines.clone()),
        thread: Some(thread),
    };
    Ok((Lines { lines, dropped }, flush))
}

/// Writes lines until an empty one comes; flushes whenever none is waiting. A broken pipe is nobody's to hear of.
fn write(waiting: &Receiver<Vec<u8>>, dropped: &AtomicU64, mut sink: impl Write) {
    while let Ok(first) = waiting.recv() {
        let mut next = Some(first);
        while let Some(line) = next {
            if line.is_empty() {
                let _ = sink.flush();
                return;
            }
            let _ = sink.write_all(&line);
            next = waiting.try_recv().ok();
        }
        match dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            count => {
                let _ = writeln!(
                    sink,
                    "{{\"level\":\"WARN\",\"message\":\"dropped {count} log lines\"}}"
                );
            }
        }
        let _ = sink.flush();
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            lines: self,
            text: Vec::with_capacity(512),
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.text.is_empty() {
            return;
        }
        if let Err(TrySendError::Full(_)) =
            self.lines.lines.try_send(std::mem::take(&mut self.text))
        {
            self.lines.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(Vec::new());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A writer to memory, and what reads all that was written so far and ends it.
#[cfg(test)]
pub(super) fn to_memory() -> (Lines, impl FnOnce() -> String) {
    let memory = tests::Memory::default();
    let (lines, flush) = start(memory.clone()).expect("a thread can be started");
    let read = move || {
        drop(flush);
        memory.text()
    };
    (lines, read)
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    pub(super) struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Memory {
        pub(super) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_logged_before_the_end_is_written() {
        let (lines, read) = to_memory();
        for n in 0..1000 {
            writeln!(lines.make_writer(), "line {n}").unwrap();
        }
        let text = read();
        assert_eq!(text.lines().count(), 1000);
        assert!(text.ends_with("line 999\n"));
    }
}
