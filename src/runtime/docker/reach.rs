//! Whether something listens behind a published port. Docker's proxy accepts a connection before it knows: it closes it when
//! nothing listens inside, which on a busy machine takes it longer than anyone should wait.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bollard::query_parameters as query;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::Docker;

/// A proxied connection without a listener behind it is most often closed within this time.
const HOLD: Duration = Duration::from_millis(40);
/// For the container's own address, which is on this machine or cannot be reached at all.
const NEAR: Duration = Duration::from_millis(500);

/// First the published address. Where that seems to accept, the container's own address has the last word: there is no proxy
/// before it. Where the engine is elsewhere, or its networks are (rootless, in a virtual machine), the first has to do.
pub(super) async fn accepts(docker: &Docker, host: &str, port: u16) -> bool {
    if !stays_open(host, port).await {
        return false;
    }
    let Some((address, inside)) = behind(docker, port).await else { return true };
    !refuses((address, inside).into()).await
}

/// Whether an address that is on this machine says that nothing listens there.
pub(super) async fn refuses(address: SocketAddr) -> bool {
    let tried = tokio::time::timeout(NEAR, TcpStream::connect(address)).await;
    matches!(tried, Ok(Err(e)) if e.kind() == ErrorKind::ConnectionRefused)
}

pub(super) async fn stays_open(host: &str, port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((host, port)).await else { return false };
    let mut byte = [0];
    match tokio::time::timeout(HOLD, stream.read(&mut byte)).await {
        // Still open and silent, as a server that waits for its client is; or one that speaks first.
        Err(_) | Ok(Ok(1)) => true,
        Ok(_) => false,
    }
}

/// Address and port of the container that publishes a port of this machine.
async fn behind(docker: &Docker, port: u16) -> Option<(IpAddr, u16)> {
    if !docker.is_local() {
        return None;
    }
    let filters = HashMap::from([("publish".to_owned(), vec![format!("{port}/tcp")])]);
    let options = query::ListContainersOptionsBuilder::new().filters(&filters).build();
    let found = docker.whole(docker.client.list_containers(Some(options))).await.ok()?.into_iter().next()?;
    let inside = found.ports?.into_iter().find(|p| p.public_port == Some(port))?.private_port;
    let networks = found.network_settings?.networks?;
    let address = networks.into_values().find_map(|network| network.ip_address?.parse().ok())?;
    Some((address, inside))
}
