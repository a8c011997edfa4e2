//! What runs inside the containers of these tests: one static program that does what it is told. Compiled by `image.rs`.
//!
//! `ACT [ARGUMENT…] [then ACT…]`: acts are done one after the other.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::exit;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SOCKET: &str = "/ready.sock";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for act in arguments.split(|word| word == "then") {
        let number = |at: usize| act.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
        match act.first().map(String::as_str) {
            Some("wait") => std::thread::sleep(Duration::from_millis(number(1))),
            Some("stay") => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            Some("exit") => exit(i32::try_from(number(1)).unwrap_or(1)),
            Some("say") => println!("{}", act[1..].join(" ")),
            Some("lines") => lines(number(1)),
            Some("eat") => eat(number(1)),
            Some("fill") => fill(number(1)),
            Some("serve") => serve(number(1)),
            Some("temporary") => temporary(number(1), number(2)),
            Some("answers") => {
                exit(i32::from(UnixStream::connect(SOCKET).and_then(|mut s| greet(&mut s)).is_err()))
            }
            Some("get") => exit(i32::from(TcpStream::connect(("127.0.0.1", port(number(1)))).is_err())),
            Some("there") => exit(i32::from(std::fs::metadata(&act[1]).is_err())),
            Some("write") => std::fs::write(&act[1], act[2..].join(" ")).expect("it can be written"),
            other => panic!("no such act: {other:?}"),
        }
    }
}

fn port(number: u64) -> u16 {
    u16::try_from(number).expect("a port")
}

fn lines(count: u64) {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for number in 1..=count {
        writeln!(
            out,
            "line {number} of {count}, with some more to make it as long as lines of a log often are"
        )
        .expect("a reader");
    }
    out.flush().expect("a reader");
}

/// Takes memory, and uses it, until it has so many MiB.
fn eat(mebibytes: u64) {
    let mut held: Vec<Vec<u8>> = Vec::new();
    for round in 0..mebibytes {
        held.push(vec![u8::try_from(round % 251 + 1).expect("small"); 1 << 20]);
    }
    println!("ate {} MiB", held.iter().filter(|piece| piece[4096] > 0).count());
}

/// Writes so many MiB into the container's own layer, as far as there is room.
fn fill(mebibytes: u64) {
    let mut file = std::fs::File::create("/filled").expect("it can be made");
    let piece = vec![7; 1 << 20];
    let mut size = piece.len();
    let mut written = 0;
    while written < mebibytes << 20 && size > 0 {
        match file.write(&piece[..size]) {
            Ok(count) => written += count as u64,
            Err(_) => size /= 2,
        }
    }
    println!("wrote {written} bytes");
}

/// Answers on a port and on the socket, and says when it began to.
fn serve(number: u64) {
    let listener = TcpListener::bind(("0.0.0.0", port(number))).expect("the port is free");
    // An earlier start of this container may have left it.
    let _ = std::fs::remove_file(SOCKET);
    let local = UnixListener::bind(SOCKET).expect("the socket is free");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    println!("lasting at {}", now.as_millis());
    std::thread::spawn(move || {
        answer(local.incoming().map(|stream| stream.map(|s| Box::new(s) as Box<dyn Both>)))
    });
    answer(listener.incoming().map(|stream| stream.map(|s| Box::new(s) as Box<dyn Both>)));
}

/// As the postgres image does during its first start: answers on the socket alone for a while, goes away, and is away for a while.
fn temporary(answering_ms: u64, away_ms: u64) {
    {
        let local = UnixListener::bind(SOCKET).expect("the socket is free");
        local.set_nonblocking(true).expect("it can");
        let until = std::time::Instant::now() + Duration::from_millis(answering_ms);
        while std::time::Instant::now() < until {
            if let Ok((mut stream, _)) = local.accept() {
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let _ = std::fs::remove_file(SOCKET);
    std::thread::sleep(Duration::from_millis(away_ms));
}

trait Both: Read + Write {}
impl<T: Read + Write> Both for T {}

fn answer(streams: impl Iterator<Item = std::io::Result<Box<dyn Both>>>) {
    for mut stream in streams.flatten() {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

fn greet(stream: &mut UnixStream) -> std::io::Result<()> {
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)
}
