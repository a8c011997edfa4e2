//! A Unix socket between pdex and the engine that delays, stalls and cuts what goes through it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{oneshot, watch};

const ENGINE: &str = "/var/run/docker.sock";

/// What is done to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Every piece of it comes this late.
    Delay(Duration),
    /// It never comes, and the connection stays open.
    Stall,
    /// Half of its first piece comes, and no more; the connection stays open.
    StallMidway,
    /// The connection is closed instead of an answer.
    Cut,
    /// Half of its first piece comes, then the connection is closed.
    CutMidway,
    /// It comes as it is for so long, then the connection is closed.
    CutAfter(Duration),
}

/// What is done to which answers.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Part of the request's first line.
    request: &'static str,
    act: Act,
    /// How many times are left.
    times: AtomicU32,
}

impl Fault {
    pub(crate) fn always(request: &'static str, act: Act) -> Self {
        Self { request, act, times: AtomicU32::new(u32::MAX) }
    }

    pub(crate) fn once(request: &'static str, act: Act) -> Self {
        Self { request, act, times: AtomicU32::new(1) }
    }

    fn of(&self, request: &str) -> Option<Act> {
        let applies = request.contains(self.request);
        let left = |left: u32| left.checked_sub(1);
        (applies && self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok())
            .then_some(self.act)
    }
}

/// Works until it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    end: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Proxy {
    /// Listens at a path.
    pub(crate) fn at(path: &Path, fault: Fault) -> Self {
        let (end, ended) = oneshot::channel();
        let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let fault = Arc::new(fault);
        let work = async move {
            let listener = UnixListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&fault)));
            }
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = work => {}
                    _ = ended => {}
                }
            });
        });
        Self { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end.take();
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn serve(client: UnixStream, fault: Arc<Fault>) {
    let Ok(engine) = UnixStream::connect(ENGINE).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_engine, mut to_engine) = engine.into_split();
    // What is to be done to the answer that is under way.
    let (tell, mut act) = watch::channel(None);
    let requests = async {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut piece).await {
            let line = piece[..read].split(|byte| *byte == b'\r').next().unwrap_or_default();
            if line.ends_with(b"HTTP/1.1") {
                tell.send_replace(fault.of(&String::from_utf8_lossy(line)));
            }
            if to_engine.write_all(&piece[..read]).await.is_err() {
                break;
            }
        }
        let _ = to_engine.shutdown().await;
    };
    let answers = async {
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = tokio::select! {
                read = from_engine.read(&mut piece) => read.unwrap_or_default(),
                () = closing(&mut act) => break,
            };
            let now = *act.borrow();
            let whole = match now {
                Some(Act::Cut) => break,
                Some(Act::Stall) => std::future::pending().await,
                Some(Act::StallMidway | Act::CutMidway) => &piece[..read / 2],
                Some(Act::Delay(time)) => {
                    tokio::time::sleep(time).await;
                    &piece[..read]
                }
                Some(Act::CutAfter(_)) | None => &piece[..read],
            };
            if read == 0 || to_client.write_all(whole).await.is_err() {
                break;
            }
            match now {
                Some(Act::StallMidway) => std::future::pending().await,
                Some(Act::CutMidway) => break,
                _ => {}
            }
        }
    };
    // When the answers come to an end, both halves are dropped, which closes both connections.
    tokio::select! {
        () = async { requests.await; std::future::pending().await } => {}
        () = answers => {}
    }
}

/// Resolves when the connection's time is over.
async fn closing(act: &mut watch::Receiver<Option<Act>>) {
    loop {
        let now = *act.borrow_and_update();
        if let Some(Act::CutAfter(time)) = now {
            tokio::time::sleep(time).await;
            return;
        }
        if act.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}
