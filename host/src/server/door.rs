//! The front door: takes connections, as many as there are seats, and none that only sits there.
//!
//! A connection without a request under way is closed after a while, and at once when its seat is wanted: whoever opens
//! connections and is slow on them keeps nobody else out.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    response::Response,
    serve::Listener,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{Service, ServiceExt as _, service_fn};
use tracing::trace;

use super::seat::{Seat, Watched};
use crate::{api, metrics::Metrics};

/// The most requests at once on one HTTP/2 connection.
const MOST_STREAMS: u32 = 128;
/// How often a full house is looked over for a seat that has become free to take.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a connection that is told to end may take for its last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Takes connections for a service.
pub(super) struct Door<S> {
    service: S,
    builder: Builder<TokioExecutor>,
    idle: Duration,
    free: Arc<Semaphore>,
    seats: Mutex<HashMap<u64, Arc<Seat>>>,
    metrics: Arc<Metrics>,
}

impl<S> Door<S>
where
    S: Service<Request, Response = Response, Error = std::convert::Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    pub(super) fn new(service: S, settings: &api::Settings, metrics: Arc<Metrics>) -> Arc<Self> {
        let head_bytes = settings.max_header_bytes.max(8 * 1024);
        let mut builder = Builder::new(TokioExecutor::new());
        // Hyper's own patience with heads begins after the first bytes only: the seat's holds from the start.
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(head_bytes);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(MOST_STREAMS);
        Arc::new(Self {
            service,
            builder,
            idle: Duration::from_secs(settings.idle_timeout_secs.max(1)),
            free: Arc::new(Semaphore::new(settings.max_connections.max(1))),
            seats: Mutex::default(),
            metrics,
        })
    }

    /// Serves whoever comes until `stop`, and then until all have been answered.
    pub(super) async fn serve(self: Arc<Self>, mut listener: TcpListener, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let mut number = 0;
        while let Some((stream, peer, permit)) =
            stop.run_until_cancelled(self.next(&mut listener)).await
        {
            number += 1;
            let seat = Arc::new(Seat::default());
            self.seats().insert(number, Arc::clone(&seat));
            let (door, stop) = (Arc::clone(&self), stop.clone());
            tasks.spawn(async move {
                let _open = door.metrics.connection_opened();
                door.attend(stream, peer, &seat, &stop).await;
                door.seats().remove(&number);
                drop(permit);
            });
        }
        drop(listener);
        tasks.close();
        tasks.wait().await;
    }

    /// The next connection, whose it is, and its permit to be served.
    async fn next(&self, listener: &mut TcpListener) -> (TcpStream, IpAddr, OwnedSemaphorePermit) {
        let (stream, peer): (_, SocketAddr) = Listener::accept(listener).await;
        // An answer is one write; waiting for more would only delay it.
        let _ = stream.set_nodelay(true);
        loop {
            if self.free.available_permits() == 0 {
                self.make_room();
            }
            let permit = timeout(LOOK_AGAIN, Arc::clone(&self.free).acquire_owned()).await;
            if let Ok(Ok(permit)) = permit {
                return (stream, peer.ip(), permit);
            }
        }
    }

    /// Ends the connection that has been without a request for longest.
    fn make_room(&self) {
        let seats = self.seats();
        let idle = seats
            .values()
            .filter_map(|seat| Some((seat.idle_for()?, seat)));
        if let Some((_, seat)) = idle.max_by_key(|(idle, _)| *idle) {
            seat.vacate();
        }
    }

    async fn attend(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        seat: &Arc<Seat>,
        stop: &CancellationToken,
    ) {
        let io = TokioIo::new(Watched::new(stream, Arc::clone(seat)));
        let service =
            TowerToHyperService::new(counted(self.service.clone(), peer, Arc::clone(seat)));
        let mut connection = pin!(self.builder.serve_connection(io, service));
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    trace!(%error, "a connection broke off");
                }
                return;
            }
            () = seat.vacated() => return,
            () = seat.idle_longer_than(self.idle) => {
                connection.as_mut().graceful_shutdown();
                let _ = timeout(LAST_WORDS, connection).await;
                return;
            }
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        // What is under way goes on; a head that never ends does not.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = seat.idle_longer_than(LAST_WORDS) => {}
        }
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<u64, Arc<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `service`, whose requests keep their connection from counting as idle and know from where they come.
fn counted<S, B>(
    service: S,
    peer: IpAddr,
    seat: Arc<Seat>,
) -> impl Service<
    axum::http::Request<B>,
    Response = Response,
    Error = S::Error,
    Future = impl Future<Output = Result<Response, S::Error>> + Send,
> + Clone
+ Send
where
    S: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    service_fn(move |request: axum::http::Request<B>| {
        let (service, seat) = (service.clone(), Arc::clone(&seat));
        async move {
            let _busy = seat.busy();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(api::Peer(peer));
            service.oneshot(request).await
        }
    })
}
