//! Bodies that come too slowly are not waited for.

use std::{error::Error, time::Duration};

use axum::body::{Body, HttpBody as _};
use futures::{StreamExt as _, stream};
use tokio::time::{Instant, timeout};

use super::error::ApiError;

/// The fewest bytes a second of a body, on average, that earn it more patience.
const SLOWEST: u32 = 4096;

/// A body that has not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body comes too slowly")]
struct TooSlow;

/// `body`, which may keep the host waiting for `patience`, and longer only as far as it brings bytes.
pub(super) fn patient(body: Body, patience: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let state = Some((body.into_data_stream(), patience));
    Body::from_stream(stream::unfold(state, move |state| async move {
        let (mut chunks, left) = state?;
        let began = Instant::now();
        match timeout(left, chunks.next()).await {
            Ok(Some(Ok(chunk))) => {
                let earned = Duration::from_secs(chunk.len() as u64) / SLOWEST;
                let left = left.saturating_sub(began.elapsed()) + earned;
                Some((Ok(chunk), Some((chunks, left.min(patience)))))
            }
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Ok(None) => None,
            Err(_) => Some((Err(axum::Error::new(TooSlow)), None)),
        }
    }))
}

/// The refusal of a body that broke off: it came too slowly, or ended early.
pub(super) fn broken_off(error: &(dyn Error + 'static)) -> ApiError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return ApiError::request_timeout(
                "The body came too slowly for the host's [listen] body_timeout_secs.",
            );
        }
        cause = error.source();
    }
    ApiError::bad_request("The body ended early.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a body of `count` chunks of `size` bytes that come every `pause`.
    async fn read(count: usize, size: usize, pause: Duration) -> Result<usize, u16> {
        let chunks = stream::unfold(0, move |sent| async move {
            tokio::time::sleep_until(Instant::now() + pause).await;
            (sent < count).then(|| (Ok::<_, axum::Error>(vec![b'x'; size]), sent + 1))
        });
        let body = patient(Body::from_stream(chunks), Duration::from_secs(10));
        match axum::body::to_bytes(body, usize::MAX).await {
            Ok(bytes) => Ok(bytes.len()),
            Err(error) => Err(broken_off(&error).status().as_u16()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_pause_and_may_be_slow_but_not_for_ever() {
        let secs = Duration::from_secs;
        assert_eq!(read(3, 1, secs(2)).await, Ok(3));
        assert_eq!(read(1, 1, secs(11)).await, Err(408));
        assert_eq!(read(1000, 1, secs(1)).await, Err(408), "a drip");
        assert_eq!(
            read(1000, 8192, secs(1)).await,
            Ok(8_192_000),
            "slow, but steady"
        );
        assert_eq!(
            read(1000, 2048, secs(1)).await,
            Err(408),
            "too slow on average"
        );
    }
}
