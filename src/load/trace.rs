//! A run written down, a line of JSON per request, so that it can be read, compared and sent again. The same order gives the same
//! bytes everywhere.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::curve::Mode;
use super::schedule::Order;
use super::shot::Shot;

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Version of the format.
    pub pdex_trace: u32,
    pub mode: Mode,
    pub duration_us: u64,
    pub rate: f64,
    pub users: u32,
    pub seed: u64,
}

const VERSION: u32 = 1;

/// Writes all requests; returns how many there were.
pub fn write(order: &Order, out: &mut impl Write) -> io::Result<u64> {
    let head = Head {
        pdex_trace: VERSION,
        mode: order.mode,
        duration_us: u64::try_from(order.duration.as_micros()).unwrap_or(u64::MAX),
        rate: order.rate,
        users: order.users(),
        seed: order.seed,
    };
    serde_json::to_writer(&mut *out, &head)?;
    out.write_all(b"\n")?;
    let mut count = 0;
    for shot in order.shots() {
        serde_json::to_writer(&mut *out, &shot)?;
        out.write_all(b"\n")?;
        count += 1;
    }
    Ok(count)
}

/// A trace that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub head: Head,
    pub shots: Vec<Shot>,
}

impl Recorded {
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.head.duration_us)
    }
}

/// Reads a trace; an error names its line.
pub fn read(from: impl BufRead) -> Result<Recorded, String> {
    let mut lines = from.lines().enumerate().map(|(index, line)| (index + 1, line));
    let (_, first) = lines.next().ok_or("line 1: the file is empty")?;
    let first = first.map_err(|e| format!("line 1: {e}"))?;
    let head: Head = serde_json::from_str(&first).map_err(|e| format!("line 1: not a trace of pdex: {e}"))?;
    if head.pdex_trace != VERSION {
        return Err(format!("line 1: format {} is not known, only {VERSION}", head.pdex_trace));
    }
    let mut shots: Vec<Shot> = Vec::new();
    for (number, line) in lines {
        let line = line.map_err(|e| format!("line {number}: {e}"))?;
        let shot: Shot = serde_json::from_str(&line).map_err(|e| format!("line {number}: {e}"))?;
        if shots.last().is_some_and(|last| last.at_us > shot.at_us) {
            return Err(format!("line {number}: leaves before the one above it"));
        }
        if !shot.ask.path.starts_with('/') {
            return Err(format!("line {number}: `{}` does not begin with /", shot.ask.path));
        }
        shots.push(shot);
    }
    Ok(Recorded { head, shots })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(mode: Mode) -> Vec<u8> {
        let order = Order {
            mode,
            duration: Duration::from_mins(1),
            rate: 20.0,
            users: None,
            seed: 7,
            asks: Vec::new(),
        };
        let mut bytes = Vec::new();
        write(&order, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        for mode in [Mode::Realistic, Mode::Burst] {
            let bytes = written(mode);
            let recorded = read(bytes.as_slice()).unwrap();
            assert_eq!(recorded.head.mode, mode);
            assert_eq!(recorded.shots.len() + 1, bytes.split(|byte| *byte == b'\n').count() - 1);
            assert_eq!(bytes, written(mode));
        }
    }

    #[test]
    fn the_bytes_are_those_of_every_machine() {
        let digest = |mode| {
            use sha2::Digest as _;
            let hash = sha2::Sha256::digest(written(mode));
            hash[..6].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(
            [digest(Mode::Realistic), digest(Mode::Soak), digest(Mode::Burst)],
            ["e42c3ec88bc2", "425a02d3ac37", "78afbd9c66e0"]
        );
    }

    #[test]
    fn errors_name_their_line() {
        let good = String::from_utf8(written(Mode::Constant)).unwrap();
        let mut lines: Vec<&str> = good.lines().take(3).collect();
        lines.push("{}");
        for (text, line) in [
            (String::new(), "line 1:"),
            ("{}".to_owned(), "line 1:"),
            (good.replacen("\"pdex_trace\":1", "\"pdex_trace\":9", 1), "line 1:"),
            (lines.join("\n"), "line 4:"),
            (format!("{}\n{}\n{}", lines[0], lines[2], lines[1]), "line 3:"),
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(error.starts_with(line), "{error}");
        }
    }
}
