//! Servers of the tests that speak HTTP/2, or by TLS what is agreed on. They live as long as the test's runtime.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::line::Http;

/// A server.
#[derive(Debug, Clone)]
pub(super) struct Stub {
    pub(super) address: SocketAddr,
    /// Requests that were answered at the same time, at the most.
    pub(super) most_at_once: Arc<AtomicUsize>,
    at_once: Arc<AtomicUsize>,
    pause: Duration,
    /// Requests after which a connection of HTTP/2 is ended as the protocol has it.
    patience: usize,
}

impl Stub {
    /// Speaks HTTP/2 in the clear, and answers after a pause.
    pub(super) async fn http2(pause: Duration) -> Self {
        Self::http2_for(pause, usize::MAX).await
    }

    /// The same; says goodbye on each connection after so many requests.
    pub(super) async fn http2_for(pause: Duration, patience: usize) -> Self {
        let (stub, listener) = Self::listening(pause, patience).await;
        tokio::spawn({
            let stub = stub.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(stub.clone().serve(stream, Http::Two));
                }
            }
        });
        stub
    }

    /// Speaks by TLS one of these, as the client likes; and a file with what vouches for it.
    pub(super) async fn tls(offered: &[Http], folder: &tempfile::TempDir) -> (Self, PathBuf) {
        let (stub, listener) = Self::listening(Duration::ZERO, usize::MAX).await;
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let path = folder.path().join("authority.crt");
        std::fs::write(&path, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = offered.iter().map(|http| http.alpn().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn({
            let stub = stub.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let Ok(stream) = acceptor.accept(stream).await else { continue };
                    let is_two = stream.get_ref().1.alpn_protocol() == Some(Http::Two.alpn());
                    let http = if is_two { Http::Two } else { Http::One };
                    tokio::spawn(stub.clone().serve(stream, http));
                }
            }
        });
        (stub, path)
    }

    async fn listening(pause: Duration, patience: usize) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let [most_at_once, at_once] = std::array::from_fn(|_| Arc::new(AtomicUsize::new(0)));
        (Self { address, most_at_once, at_once, pause, patience }, listener)
    }

    async fn serve<S>(self, stream: S, http: Http)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(stream);
        let (asked, leave) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let service = service_fn({
            let leave = Arc::clone(&leave);
            move |_: Request<Incoming>| {
                if asked.fetch_add(1, Ordering::Relaxed) + 1 == self.patience {
                    leave.notify_one();
                }
                self.clone().answer()
            }
        });
        if http == Http::One {
            let _ = http1::Builder::new().serve_connection(stream, service).await;
            return;
        }
        let builder = http2::Builder::new(TokioExecutor::new());
        let mut connection = std::pin::pin!(builder.serve_connection(stream, service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = leave.notified() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn answer(self) -> Result<Response<Full<Bytes>>, Infallible> {
        let now = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(self.pause).await;
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
    }
}
