//! The engine's streams of output: frames of two outputs in one stream, and lines made of pieces. Pure.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::runtime::operate::{Line, Piece};
use crate::world::time::Timestamp;

/// Type, three zeros, length.
const HEADER: usize = 8;
/// A line that does not end is told in pieces of this size, so that nothing grows without bound.
const LONGEST_LINE: usize = 1024 * 1024;

/// Takes the frames apart that the engine wraps around the outputs of a process without a terminal.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: BytesMut,
}

impl Frames {
    /// Some of the stream, cut anywhere.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame.
    pub(super) fn next(&mut self) -> Option<Piece> {
        let [kind, _, _, _, a, b, c, d] = *self.buffer.first_chunk::<HEADER>()?;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if self.buffer.len() < HEADER + length {
            return None;
        }
        self.buffer.advance(HEADER);
        Some(Piece { error: kind == 2, bytes: self.buffer.split_to(length).freeze() })
    }
}

/// Joins pieces into lines, for each output of its own.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Output and error output.
    open: [Open; 2],
}

#[derive(Debug, Default)]
struct Open {
    at: Option<Timestamp>,
    text: Vec<u8>,
}

impl Lines {
    /// Adds a piece that belongs to one message of the engine's log; `timed` when each begins with its time. Tells the lines that it
    /// completes.
    pub(super) fn message(&mut self, piece: &Piece, timed: bool, tell: &mut dyn FnMut(Line)) {
        let (at, text) = if timed { time(&piece.bytes) } else { (None, &piece.bytes[..]) };
        self.text(piece.error, at, text, tell);
    }

    /// Adds text of a stream without frames; `timed` when each line begins with its time.
    pub(super) fn stream(&mut self, bytes: &[u8], timed: bool, tell: &mut dyn FnMut(Line)) {
        self.text(false, None, bytes, &mut |mut line| {
            if timed {
                let (at, text) = time(&line.text);
                (line.at, line.text) = (at, text.to_vec());
            }
            tell(line);
        });
    }

    fn text(&mut self, error: bool, at: Option<Timestamp>, mut text: &[u8], tell: &mut dyn FnMut(Line)) {
        let open = &mut self.open[usize::from(error)];
        while !text.is_empty() {
            open.at = open.at.or(at);
            let end = text.iter().position(|byte| *byte == b'\n');
            let room = LONGEST_LINE - open.text.len();
            let taken = end.unwrap_or(text.len()).min(room);
            open.text.extend_from_slice(&text[..taken]);
            let whole = end == Some(taken);
            text = &text[taken + usize::from(whole)..];
            if whole || open.text.len() == LONGEST_LINE {
                tell(open.take(error));
            }
        }
    }

    /// What is left at the end of the stream: last lines that were not ended.
    pub(super) fn rest(&mut self, tell: &mut dyn FnMut(Line)) {
        for error in [false, true] {
            let open = &mut self.open[usize::from(error)];
            if !open.text.is_empty() {
                tell(open.take(error));
            }
        }
    }
}

impl Open {
    fn take(&mut self, error: bool) -> Line {
        let mut text = std::mem::take(&mut self.text);
        if text.last() == Some(&b'\r') {
            text.pop();
        }
        Line { at: self.at.take(), error, text }
    }
}

/// The time before a message, and the message.
fn time(bytes: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let space = bytes.iter().take(40).position(|byte| *byte == b' ');
    let time = space.and_then(|at| Timestamp::parse(std::str::from_utf8(&bytes[..at]).ok()?));
    match (space, time) {
        (Some(space), Some(time)) => (Some(time), &bytes[space + 1..]),
        _ => (None, bytes),
    }
}

/// A frame, for tests.
#[cfg(test)]
fn frame(kind: u8, text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[kind, 0, 0, 0][..], &length, text.as_bytes()].concat()
}

/// The whole of a stream without frames as one piece.
pub(super) fn plain(bytes: Bytes) -> Piece {
    Piece { error: false, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stream: &[u8], chunk: usize, timed: bool) -> Vec<(bool, String)> {
        let (mut frames, mut lines, mut read) = (Frames::default(), Lines::default(), Vec::new());
        let mut tell = |line: Line| read.push((line.error, String::from_utf8(line.text).unwrap()));
        for chunk in stream.chunks(chunk) {
            frames.push(chunk);
            while let Some(piece) = frames.next() {
                lines.message(&piece, timed, &mut tell);
            }
        }
        lines.rest(&mut tell);
        read
    }

    #[test]
    fn lines_are_whole_however_the_stream_is_cut() {
        let stream = [
            frame(1, "one\ntw"),
            frame(2, "bad"),
            frame(1, "o\n\n"),
            frame(2, " news\r\n"),
            frame(1, ""),
            frame(1, "end"),
        ]
        .concat();
        let expected = [(false, "one"), (false, "two"), (false, ""), (true, "bad news"), (false, "end")];
        let expected: Vec<_> = expected.map(|(error, text)| (error, text.to_owned())).into();
        for chunk in 1..stream.len() {
            assert_eq!(read(&stream, chunk, false), expected, "chunks of {chunk} bytes");
        }
    }

    #[test]
    fn a_long_line_in_several_messages_has_one_time() {
        let stream = [
            frame(1, "2026-01-01T00:00:00.000000001Z aaaa"),
            frame(1, "2026-01-01T00:00:00.000000002Z bbbb\n"),
            frame(1, "2026-01-01T00:00:00.000000003Z \n"),
        ]
        .concat();
        assert_eq!(read(&stream, 7, true), [(false, "aaaabbbb".to_owned()), (false, String::new())]);
    }

    #[test]
    fn a_terminal_has_no_frames_and_may_print_any_byte() {
        let mut lines = Lines::default();
        let mut read = Vec::new();
        for chunk in b"\x01\x02 a\r\n2026-01-01T00:00:00Z b\nc".chunks(3) {
            lines.stream(chunk, true, &mut |line| read.push((line.at.is_some(), line.text)));
        }
        lines.rest(&mut |line| read.push((line.at.is_some(), line.text)));
        assert_eq!(read, [(false, b"\x01\x02 a".to_vec()), (true, b"b".to_vec()), (false, b"c".to_vec())]);
    }

    #[test]
    fn a_line_without_an_end_does_not_grow_without_bound() {
        let mut lines = Lines::default();
        let mut sizes = Vec::new();
        for _ in 0..5 {
            lines.stream(&vec![b'x'; LONGEST_LINE / 2], false, &mut |line| sizes.push(line.text.len()));
        }
        assert_eq!(sizes, [LONGEST_LINE, LONGEST_LINE]);
    }
}
