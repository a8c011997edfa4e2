//! Has Streamlit run its page as a browser would: over its web socket, from the request to run to the end of the run, with a look at
//! what it shows. A page that shows a traceback answers every other question well.
//!
//! The messages are protocol buffers, of which the few fields that matter are read here; the numbers are those of the version that the
//! image is locked to.

use reqwest::Upgraded;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Facts, PATIENCE, root};
use crate::runtime::Runtime;

/// 16 bytes in base 64. They keep caches from answering in the server's place; there is none between.
const KEY: &str = "cGRleCBhc2tzIGEgcGFnZQ==";
/// A final binary frame, masked with zeros, of two bytes: `BackMsg { rerun_script {} }`.
const RUN: [u8; 8] = [0x82, 0x82, 0, 0, 0, 0, 0x5a, 0x00];
/// Longer messages are no page's.
const LONGEST: u64 = 64 << 20;

/// `ForwardMsg`
const DELTA: u64 = 5;
const FINISHED: u64 = 6;
/// `Delta`
const NEW_ELEMENT: u64 = 3;
/// `Element`
const EXCEPTION: u64 = 8;
const ALERT: u64 = 30;
/// `Alert`, where format 1 is an error.
const FORMAT: u64 = 2;
const ERROR: u64 = 1;

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// How many things it shows.
    pub(super) elements: usize,
    /// Exceptions and error boxes among them.
    pub(super) errors: Vec<String>,
}

/// Runs the page once.
pub(super) async fn run<R: Runtime>(facts: &Facts<'_, R>, base: &str) -> Result<Shown, String> {
    let running = async {
        let request = facts.http.get(format!("{base}/_stcore/stream")).header("connection", "Upgrade");
        let request = request.header("upgrade", "websocket").header("sec-websocket-version", "13");
        let request = request.header("sec-websocket-key", KEY).header("sec-websocket-protocol", "streamlit");
        let answer = request.send().await.map_err(|e| root(&e))?;
        if answer.status() != reqwest::StatusCode::SWITCHING_PROTOCOLS {
            return Err(format!("it opens no web socket: HTTP {}", answer.status()));
        }
        let mut socket = answer.upgrade().await.map_err(|e| root(&e))?;
        socket.write_all(&RUN).await.map_err(|e| e.to_string())?;
        watch(&mut socket).await
    };
    let limit = PATIENCE.as_secs();
    tokio::time::timeout(PATIENCE, running)
        .await
        .map_err(|_| format!("its script did not end within {limit} s"))?
}

/// Reads messages until the run has ended.
async fn watch(socket: &mut Upgraded) -> Result<Shown, String> {
    let mut shown = Shown::default();
    let mut message = Vec::new();
    loop {
        let (last, code, payload) =
            frame(socket).await.map_err(|e| format!("its web socket broke off: {e}"))?;
        match code {
            // A text, a binary, or what goes on from the frame before.
            0..=2 => message.extend(payload),
            8 => return Err("it closed its web socket before its script had ended".to_owned()),
            _ => continue,
        }
        if !last {
            continue;
        }
        if let Some(end) = take_in(&message, &mut shown) {
            return if end == 0 {
                Ok(shown)
            } else {
                Err(format!("its script does not compile (status {end})"))
            };
        }
        message.clear();
    }
}

/// One frame of a server: whether it ends a message, its kind, its content.
async fn frame(socket: &mut Upgraded) -> std::io::Result<(bool, u8, Vec<u8>)> {
    let head = socket.read_u16().await?;
    let length = match head & 0x7f {
        126 => u64::from(socket.read_u16().await?),
        127 => socket.read_u64().await?,
        short => u64::from(short),
    };
    if length > LONGEST {
        return Err(std::io::Error::other(format!("a message of {length} bytes")));
    }
    let mut payload = vec![0; usize::try_from(length).unwrap_or_default()];
    socket.read_exact(&mut payload).await?;
    Ok((head & 0x8000 != 0, ((head >> 8) & 0x0f).to_be_bytes()[1], payload))
}

/// Notes what a message shows; the status when it says that the run has ended.
fn take_in(message: &[u8], shown: &mut Shown) -> Option<u64> {
    let mut end = None;
    for (number, value) in fields(message) {
        match (number, value) {
            (DELTA, Value::Bytes(delta)) => {
                let elements = fields(delta).filter_map(|(number, value)| match value {
                    Value::Bytes(element) if number == NEW_ELEMENT => Some(element),
                    _ => None,
                });
                for element in elements {
                    shown.elements += 1;
                    shown.errors.extend(error(element));
                }
            }
            (FINISHED, Value::Number(status)) => end = Some(status),
            _ => {}
        }
    }
    end
}

/// What an element says, when it is an exception or an error box.
fn error(element: &[u8]) -> Option<String> {
    fields(element).find_map(|(number, value)| {
        let Value::Bytes(inner) = value else { return None };
        let text = |wanted: u64| {
            let found = fields(inner).find(|(number, _)| *number == wanted);
            found.and_then(|(_, value)| match value {
                Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).trim().to_owned()),
                Value::Number(_) => None,
            })
        };
        match number {
            EXCEPTION => Some(format!("{}: {}", text(1).unwrap_or_default(), text(2).unwrap_or_default())),
            ALERT if fields(inner).any(|field| field == (FORMAT, Value::Number(ERROR))) => text(1),
            _ => None,
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a protocol buffer, up to where it makes no sense any more.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    std::iter::from_fn(move || {
        let key = number(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(number(&mut bytes)?),
            1 => Value::Bytes(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(number(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => Value::Bytes(take(&mut bytes, 4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    })
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// Seven bits a byte, the lowest first.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with bytes in it, shorter than 128.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        // Keys above 15 take two bytes.
        let key = (u16::from(number) << 3) | 2;
        let mut bytes = if key < 0x80 {
            vec![key.to_be_bytes()[1]]
        } else {
            vec![((key & 0x7f) | 0x80).to_be_bytes()[1], (key >> 7).to_be_bytes()[1]]
        };
        bytes.push(length);
        bytes.extend(content);
        bytes
    }

    fn delta(element: &[u8]) -> Vec<u8> {
        field(5, &field(3, element))
    }

    #[test]
    fn what_a_page_shows_is_read() {
        let mut shown = Shown::default();
        assert_eq!(take_in(&delta(&field(29, b"text")), &mut shown), None);
        let exception = field(8, &[field(1, b"ValueError"), field(2, b"boom")].concat());
        assert_eq!(take_in(&delta(&exception), &mut shown), None);
        let alert = |format: u8| field(30, &[field(1, b"no API"), vec![2 << 3, format]].concat());
        assert_eq!(take_in(&delta(&alert(1)), &mut shown), None);
        assert_eq!(take_in(&delta(&alert(3)), &mut shown), None);
        assert_eq!(take_in(&[6 << 3, 0], &mut shown), Some(0));
        assert_eq!(take_in(&[6 << 3, 1], &mut shown), Some(1));
        assert_eq!(
            shown,
            Shown { elements: 4, errors: vec!["ValueError: boom".to_owned(), "no API".to_owned()] }
        );
    }

    #[test]
    fn what_makes_no_sense_ends_the_reading() {
        for bytes in [&[0x2a_u8, 0xff, 0xff][..], &[0xff; 20], &[0x2a, 5, 1], &[0x2f], &[]] {
            assert_eq!(fields(bytes).count(), 0, "{bytes:?}");
        }
    }
}
