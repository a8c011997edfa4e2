//! The accept loop: connections, their limits and the way they end. HTTP/1.1 on TCP; TLS is the proxy's.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tower::Service as _;

use crate::connections::{Connections, Place, REFUSAL, REFUSAL_WITHIN};
use crate::edge::Peer;
use crate::state::Api;

/// For a request's head to arrive, which bounds idle connections too.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
const HEAD_BYTES: usize = 16 * 1024;
/// Pause when the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown`, then lets requests in flight finish within `drain`. False when some did not.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    app: Router,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
) -> bool {
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Connections::new(api.limits().connections));
    let mut shutdown = std::pin::pin!(shutdown);
    let watched = api.clone();
    let watch = tokio::spawn(async move { watched.lag().watch().await });
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut shutdown => break,
        };
        // Answers are one small write: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let Some((place, displaced)) = connections.enter(api.is_behind(Instant::now())) else {
            tokio::spawn(refuse(stream));
            continue;
        };
        if displaced {
            api.metrics().connection_displaced();
        }
        tokio::spawn(connection(stream, peer, place, api.clone(), app.clone(), graceful.watcher()));
    }
    drop(listener);
    let drained = tokio::time::timeout(drain, graceful.shutdown()).await.is_ok();
    watch.abort();
    drained
}

async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip()),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection, until it ends or has to make room.
async fn connection(stream: TcpStream, peer: IpAddr, place: Place, api: Api, app: Router, watcher: Watcher) {
    api.metrics().connection_opened();
    let answer = |request: hyper::Request<Incoming>| {
        let answering = place.answering();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let answer = app.clone().call(request);
        async move {
            let response = answer.await;
            drop(answering);
            response
        }
    };
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        // Not `pipeline_flush`: with it hyper does not send its answer to a head it cannot read.
        .max_buf_size(HEAD_BYTES);
    let served = http.serve_connection(TokioIo::new(stream), hyper::service::service_fn(answer));
    tokio::select! {
        ended = watcher.watch(served) => if let Err(error) = ended {
            tracing::debug!(%error, "connection ended early");
        },
        () = place.displaced() => tracing::debug!("connection made room"),
    }
    api.metrics().connection_closed();
}

/// Says why before closing, if that can be written at once.
async fn refuse(mut stream: TcpStream) {
    // Whoever does not take the answer is not told.
    let _ = tokio::time::timeout(REFUSAL_WITHIN, stream.write_all(REFUSAL)).await;
}
