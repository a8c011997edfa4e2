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
            Some("serve") => serve(number(1), &act[2.min(act.len())..].join(" ")),
            Some("door") => door(number(1), &act[2], port(number(3))),
            Some("load") => load(port(number(1)), number(2)),
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

/// Answers on a port and on the socket with some words, and says when it began to.
fn serve(number: u64, words: &str) {
    let words = if words.is_empty() { "ok" } else { words };
    let listener = TcpListener::bind(("0.0.0.0", port(number))).expect("the port is free");
    // An earlier start of this container may have left it.
    let _ = std::fs::remove_file(SOCKET);
    let local = UnixListener::bind(SOCKET).expect("the socket is free");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    println!("lasting at {}", now.as_millis());
    let said = words.to_owned();
    std::thread::spawn(move || {
        answer(local.incoming().map(|stream| stream.map(|s| Box::new(s) as Box<dyn Both>)), &said);
    });
    answer(listener.incoming().map(|stream| stream.map(|s| Box::new(s) as Box<dyn Both>)), words);
}

/// Passes what comes to a port on to whoever a name leads to, each time asking anew, and to the next when one does not answer.
fn door(number: u64, name: &str, port: u16) {
    let listener = TcpListener::bind(("0.0.0.0", self::port(number))).expect("the port is free");
    let _ = std::fs::remove_file(SOCKET);
    let local = UnixListener::bind(SOCKET).expect("the socket is free");
    std::thread::spawn(move || {
        answer(local.incoming().map(|stream| stream.map(|s| Box::new(s) as Box<dyn Both>)), "ok");
    });
    for (turn, stream) in listener.incoming().flatten().enumerate() {
        let name = name.to_owned();
        std::thread::spawn(move || pass_on(stream, turn, (&name, port)));
    }
}

fn pass_on(mut stream: TcpStream, turn: usize, to: (&str, u16)) {
    let mut request = [0; 1024];
    let Ok(length) = stream.read(&mut request) else { return };
    let mut all: Vec<_> = std::net::ToSocketAddrs::to_socket_addrs(&to).map(Iterator::collect).unwrap_or_default();
    let count = all.len().max(1);
    all.rotate_left(turn % count);
    for address in all {
        let asked = TcpStream::connect_timeout(&address, Duration::from_millis(300)).and_then(|mut behind| {
            behind.set_read_timeout(Some(Duration::from_millis(700)))?;
            behind.write_all(&request[..length])?;
            let mut answer = Vec::new();
            behind.read_to_end(&mut answer)?;
            Ok(answer)
        });
        if let Ok(answer) = asked
            && !answer.is_empty()
        {
            let _ = stream.write_all(&answer);
            return;
        }
    }
}

/// Asks a port of this machine every so many milliseconds until its input ends, and prints what came: `MS ok WORDS`, `MS failed WHY`.
fn load(port: u16, period_ms: u64) {
    let begin = std::time::Instant::now();
    std::thread::spawn(move || {
        for number in 0.. {
            std::thread::sleep((begin + Duration::from_millis(number * period_ms)).saturating_duration_since(std::time::Instant::now()));
            std::thread::spawn(move || {
                let at = begin.elapsed().as_millis();
                match ask(port) {
                    Ok(words) => println!("{at} ok {words}"),
                    Err(why) => println!("{at} failed {why}"),
                }
            });
        }
    });
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    // What is on its way gets its answer.
    std::thread::sleep(Duration::from_secs(2));
}

fn ask(port: u16) -> std::io::Result<String> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => Err(std::io::Error::other(format!("answered {answer:?}"))),
    }
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

fn answer(streams: impl Iterator<Item = std::io::Result<Box<dyn Both>>>, words: &str) {
    for mut stream in streams.flatten() {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request);
        let answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{words}", words.len());
        let _ = stream.write_all(answer.as_bytes());
    }
}

fn greet(stream: &mut UnixStream) -> std::io::Result<()> {
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)
}
