//! What one connection is doing: requests under way, and since when there are none.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    time::{Instant, sleep_until},
};

/// One connection's place.
pub(super) struct Seat {
    since: Instant,
    /// Milliseconds from `since` to when it last did something for its client.
    active_ms: AtomicU64,
    requests: AtomicUsize,
    wanted: Notify,
}

impl Default for Seat {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            active_ms: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            wanted: Notify::new(),
        }
    }
}

/// A request under way, until it is dropped.
pub(super) struct Busy<'a>(&'a Seat);

impl Seat {
    /// Counts a request as under way.
    pub(super) fn busy(&self) -> Busy<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }

    /// How long it has had no request under way and taken nothing of an answer; none while it has one.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        let is_idle = self.requests.load(Ordering::Relaxed) == 0;
        is_idle.then(|| Instant::now().saturating_duration_since(self.active_at()))
    }

    /// Waits until it has been idle for so long.
    pub(super) async fn idle_longer_than(&self, patience: Duration) {
        loop {
            let left = match self.idle_for() {
                Some(idle) => match patience.checked_sub(idle) {
                    Some(left) if !left.is_zero() => left,
                    _ => return,
                },
                None => patience,
            };
            sleep_until(Instant::now() + left).await;
        }
    }

    /// Ends the connection: another one needs its seat.
    pub(super) fn vacate(&self) {
        self.wanted.notify_one();
    }

    /// Waits until somebody else needs the seat.
    pub(super) async fn vacated(&self) {
        self.wanted.notified().await;
    }

    fn active_at(&self) -> Instant {
        self.since + Duration::from_millis(self.active_ms.load(Ordering::Relaxed))
    }

    fn touch(&self) {
        let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active_ms.store(ms, Ordering::Relaxed);
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.touch();
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection whose client takes what is written to it.
///
/// What it reads does not count: a client that sends its head one byte at a time is doing nothing.
pub(super) struct Watched<T> {
    io: T,
    seat: Arc<Seat>,
}

impl<T> Watched<T> {
    pub(super) const fn new(io: T, seat: Arc<Seat>) -> Self {
        Self { io, seat }
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.seat.touch();
        }
        written
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_only_without_a_request_and_while_nobody_takes_its_answer() {
        let seat = Arc::new(Seat::default());
        let patience = Duration::from_secs(10);
        let busy = seat.busy();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(seat.idle_for(), None);
        drop(busy);
        assert_eq!(seat.idle_for(), Some(Duration::ZERO));

        let began = Instant::now();
        let mut io = Watched::new(tokio::io::sink(), seat.clone());
        let write = async {
            sleep_until(began + Duration::from_secs(8)).await;
            tokio::io::AsyncWriteExt::write_all(&mut io, b"x")
                .await
                .unwrap();
        };
        tokio::join!(write, seat.idle_longer_than(patience));
        assert!(
            began.elapsed() >= Duration::from_secs(18),
            "{:?}",
            began.elapsed()
        );
        assert!(seat.idle_for() >= Some(patience));
    }

    #[tokio::test]
    async fn a_seat_that_is_wanted_is_vacated() {
        let seat = Seat::default();
        seat.vacate();
        seat.vacated().await;
    }
}
