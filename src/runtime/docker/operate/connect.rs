//! Connections to processes: bytes in both directions, as they come.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::{LocalBoxStream, unfold};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, ReadHalf};

use crate::runtime::RuntimeError;
use crate::runtime::docker::Docker;
use crate::runtime::docker::frames::{Frames, plain};
use crate::runtime::operate::{Attached, CommandOrder, Piece, ProcessId, Terms};
use crate::world::ContainerId;

/// Room for what is read at once.
const CHUNK: usize = 16 * 1024;

type Reader = ReadHalf<reqwest::Upgraded>;

impl Docker {
    pub(super) async fn join(&self, id: &ContainerId, terms: Terms) -> Result<Attached<'_>, RuntimeError> {
        let stdin = if terms.input { "true" } else { "false" };
        let query = [("stream", "true"), ("stdout", "true"), ("stderr", "true"), ("stdin", stdin)];
        let upgraded = self.raw()?.upgrade(&["containers", &id.0, "attach"], &query, &json!({})).await?;
        Ok(attached(upgraded, terms))
    }

    pub(super) async fn command(
        &self,
        id: &ContainerId,
        order: &CommandOrder,
    ) -> Result<(ProcessId, Option<Attached<'_>>), RuntimeError> {
        let exec = bollard::models::ExecConfig {
            attach_stdin: Some(order.terms.input && !order.detached),
            attach_stdout: Some(!order.detached),
            attach_stderr: Some(!order.detached),
            tty: Some(order.terms.terminal),
            cmd: Some(order.exec.argv.clone()),
            env: Some(order.exec.environment.iter().map(|(key, value)| format!("{key}={value}")).collect()),
            user: order.exec.user.clone(),
            working_dir: order.exec.working_dir.clone(),
            privileged: Some(order.exec.privileged),
            ..bollard::models::ExecConfig::default()
        };
        let made = self.client.create_exec(&id.0, exec).await.map_err(|e| self.sort(&e))?;
        let process = ProcessId::Command(made.id.clone());
        if order.detached {
            let options = bollard::exec::StartExecOptions { detach: true, ..Default::default() };
            self.client.start_exec(&made.id, Some(options)).await.map_err(|e| self.sort(&e))?;
            return Ok((process, None));
        }
        let body = json!({"Detach": false, "Tty": order.terms.terminal});
        let upgraded = self.raw()?.upgrade(&["exec", &made.id, "start"], &[], &body).await?;
        Ok((process, Some(attached(upgraded, order.terms))))
    }
}

fn attached<'a>(upgraded: reqwest::Upgraded, terms: Terms) -> Attached<'a> {
    let (reader, writer) = tokio::io::split(upgraded);
    let output = if terms.terminal { pieces(reader) } else { framed(reader) };
    Attached { output, input: Box::pin(writer) }
}

async fn read(reader: &mut Reader) -> Result<Option<Bytes>, RuntimeError> {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    match reader.read_buf(&mut buffer).await {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(buffer.freeze())),
        Err(e) => Err(RuntimeError::Other(format!("the connection to the process broke off: {e}"))),
    }
}

/// A terminal's output comes as it is.
fn pieces<'a>(reader: Reader) -> LocalBoxStream<'a, Result<Piece, RuntimeError>> {
    unfold(reader, async |mut reader| {
        let piece = read(&mut reader).await.map(|bytes| bytes.map(plain)).transpose()?;
        Some((piece, reader))
    })
    .boxed_local()
}

fn framed<'a>(reader: Reader) -> LocalBoxStream<'a, Result<Piece, RuntimeError>> {
    unfold((reader, Frames::default()), async |(mut reader, mut frames)| {
        loop {
            if let Some(piece) = frames.next() {
                return Some((Ok(piece), (reader, frames)));
            }
            match read(&mut reader).await.transpose()? {
                Ok(bytes) => frames.push(&bytes),
                Err(e) => return Some((Err(e), (reader, frames))),
            }
        }
    })
    .boxed_local()
}
