//! Connections to the engine's socket that carry more than one request. bollard's own transport closes each after its answer,
//! which for a hundred containers costs more processor time than all else that is said to the engine.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker as Client};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;
use hyperlocal::{UnixConnector, Uri};

/// Connections that are kept while none needs them; more are opened when more is asked at once.
const IDLE: usize = 32;

/// A client for the engine that listens at the socket `path`. Nothing is asked yet.
pub(super) fn unix(path: &Path, patience: Duration) -> Result<Client, Error> {
    if !path.exists() {
        return Err(Error::SocketNotFoundError(path.display().to_string()));
    }
    let pool = Pool::builder(TokioExecutor::new()).pool_max_idle_per_host(IDLE).build(UnixConnector);
    let transport = move |request: BollardRequest| {
        let answer = pool.request(request);
        async { answer.await.map_err(Error::from) }
    };
    // The connector takes the path from the address, where it stands as the host.
    let address: hyper::Uri = Uri::new(path, "/").into();
    let host = address.authority().map(ToString::to_string).unwrap_or_default();
    Client::connect_with_custom_transport(
        transport,
        Some(format!("unix://{host}")),
        patience.as_secs(),
        API_DEFAULT_VERSION,
    )
}

/// Whether the engine at `host` still lets one in. Of one elsewhere nothing is known, so it counts as open.
pub(super) fn is_taking_connections(host: &str) -> bool {
    host.strip_prefix("unix://").is_none_or(|path| UnixStream::connect(path).is_ok())
}
