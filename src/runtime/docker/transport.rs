//! How requests reach an engine's Unix socket: on connections that are kept, each of which wakes this process once per answer.
//! bollard's own transport opens a connection for each request, and a socket that is also watched for room to write wakes its
//! owner whenever the engine has read something. Starting a hundred containers took 586 changes of context with kept connections
//! alone and 399 with these.

use std::io::{ErrorKind, Read as _, Result, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker as Client};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tower_service::Service;

/// Connections that are kept while none needs them; more are opened when more is asked at once.
const IDLE: usize = 32;

/// A client for the engine that listens at the socket `path`. Nothing is asked yet.
pub(super) fn unix(path: &Path, patience: Duration) -> std::result::Result<Client, Error> {
    if !path.exists() {
        return Err(Error::SocketNotFoundError(path.display().to_string()));
    }
    let connector = Connector(path.to_owned());
    let pool = Pool::builder(TokioExecutor::new()).pool_max_idle_per_host(IDLE).build(connector);
    let transport = move |request: BollardRequest| {
        let answer = pool.request(request);
        async { answer.await.map_err(Error::from) }
    };
    // The name stands in the requests' Host and says nothing: the connector knows the way.
    let name = Some("http://docker");
    Client::connect_with_custom_transport(transport, name, patience.as_secs(), API_DEFAULT_VERSION)
}

/// Whether the engine at `host` still lets one in. Of one elsewhere nothing is known, so it counts as open.
pub(super) fn is_taking_connections(host: &str) -> bool {
    host.strip_prefix("unix://").is_none_or(|path| UnixStream::connect(path).is_ok())
}

/// Opens connections to one socket, whatever they are asked for.
#[derive(Debug, Clone)]
struct Connector(PathBuf);

impl Service<Uri> for Connector {
    type Response = TokioIo<Socket>;
    type Error = std::io::Error;
    type Future = BoxFuture<'static, Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = self.0.clone();
        async move {
            let stream = tokio::net::UnixStream::connect(path).await?.into_std()?;
            Ok(TokioIo::new(Socket::new(stream)?))
        }
        .boxed()
    }
}

/// A stream that is watched for what can be read, and for room to write only once there was none.
#[derive(Debug)]
struct Socket {
    stream: AsyncFd<UnixStream>,
    room: Option<AsyncFd<UnixStream>>,
}

impl Socket {
    /// Of a stream that does not block.
    fn new(stream: UnixStream) -> Result<Self> {
        Ok(Self { stream: watched(stream, Interest::READABLE)?, room: None })
    }
}

#[expect(
    deprecated,
    reason = "sound for a stream, which owns its descriptor; what is to replace it is unsafe"
)]
fn watched(stream: UnixStream, interest: Interest) -> Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(stream, interest)
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        loop {
            let mut ready = ready!(self.stream.poll_read_ready(context))?;
            let free = into.initialize_unfilled();
            let asked = free.len();
            match ready.try_io(|stream| stream.get_ref().read(free)) {
                Ok(Ok(read)) => {
                    // Less than asked for is all there is: another read would only be told so.
                    if 0 < read && read < asked {
                        ready.clear_ready();
                    }
                    into.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(e)) if e.kind() == ErrorKind::Interrupted => {}
                Ok(Err(e)) => return Poll::Ready(Err(e)),
                Err(_not_ready) => {}
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let Self { stream, room } = &mut *self;
        if room.is_none() {
            match stream.get_ref().write(bytes) {
                Err(e) if e.kind() == ErrorKind::WouldBlock || e.kind() == ErrorKind::Interrupted => {}
                written => return Poll::Ready(written),
            }
        }
        let room = match room {
            Some(room) => room,
            None => room.insert(watched(stream.get_ref().try_clone()?, Interest::WRITABLE)?),
        };
        loop {
            let mut ready = ready!(room.poll_write_ready(context))?;
            match ready.try_io(|stream| stream.get_ref().write(bytes)) {
                Ok(Err(e)) if e.kind() == ErrorKind::Interrupted => {}
                Ok(written) => return Poll::Ready(written),
                Err(_not_ready) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(self.stream.get_ref().shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// More than any socket's buffer takes.
    const LARGE: usize = 8 * 1024 * 1024;

    fn pair() -> (Socket, tokio::net::UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        (Socket::new(ours).unwrap(), tokio::net::UnixStream::from_std(theirs).unwrap())
    }

    /// One who is never woken is a failure, not a wait.
    async fn soon<T>(what: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(20), what).await.expect("it is woken")
    }

    fn bytes(seed: usize) -> Vec<u8> {
        (0..LARGE).map(|i| u8::try_from((i * 31 + i / 257 + seed) % 251).unwrap()).collect()
    }

    #[tokio::test]
    async fn what_is_larger_than_the_buffers_passes_both_ways_at_once() {
        let (ours, theirs) = pair();
        let ends = [exchange(ours, bytes(1)).boxed(), exchange(theirs, bytes(2)).boxed()];
        let got = soon(futures_util::future::join_all(ends)).await;
        assert!(got[0] == bytes(2) && got[1] == bytes(1));
    }

    /// Sends, says that nothing more comes, and reads to the end.
    async fn exchange(socket: impl AsyncRead + AsyncWrite + Send + 'static, sent: Vec<u8>) -> Vec<u8> {
        let (mut from, mut to) = tokio::io::split(socket);
        let mut got = Vec::new();
        let write = async {
            to.write_all(&sent).await.unwrap();
            to.shutdown().await.unwrap();
        };
        futures_util::future::join(write, async { from.read_to_end(&mut got).await.unwrap() }).await;
        got
    }

    #[tokio::test]
    async fn an_end_that_comes_with_the_last_bytes_is_seen() {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(b"last").await.unwrap();
        drop(theirs);
        let mut got = String::new();
        soon(ours.read_to_string(&mut got)).await.unwrap();
        assert_eq!(got, "last");
        soon(async { while ours.write_all(&[0; 4096]).await.is_ok() {} }).await;
    }

    #[tokio::test]
    async fn one_who_waits_for_an_answer_is_woken_by_it() {
        let (mut ours, mut theirs) = pair();
        for n in 0_u8..3 {
            let mut answer = [0; 64];
            ours.write_all(&[n]).await.unwrap();
            let (read, ()) = soon(futures_util::future::join(ours.read(&mut answer), async {
                let mut asked = [0; 1];
                theirs.read_exact(&mut asked).await.unwrap();
                tokio::task::yield_now().await;
                theirs.write_all(&[asked[0] + 1]).await.unwrap();
            }))
            .await;
            assert_eq!((read.unwrap(), answer[0]), (1, n + 1));
        }
    }
}
