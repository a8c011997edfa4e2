//! Loopback servers that answer as they are told: `PokéAPI`'s documents with validators, `Poképédia`'s pages, and every fault.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use dex::pokedex::{Form, LearnMethod, Pokedex, Pokemon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Decoded, without query.
    pub(crate) path: String,
    pub(crate) query: String,
    /// How many requests came before, of any path.
    pub(crate) number: usize,
    pub(crate) if_none_match: Option<String>,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    /// The connection ends before the whole body was sent.
    pub(crate) is_cut: bool,
}

impl Reply {
    pub(crate) fn of(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, headers: String::new(), body: body.into(), is_cut: false }
    }

    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::of(200, "application/json; charset=utf-8", body)
    }

    pub(crate) fn html(body: impl Into<Vec<u8>>) -> Self {
        Self::of(200, "text/html; charset=utf-8", body)
    }
}

/// A running server.
pub(crate) struct Web {
    pub(crate) origin: String,
    pub(crate) asked: Arc<Mutex<Vec<Request>>>,
    /// How many requests waited for their answer at once, at most.
    pub(crate) most_at_once: Arc<AtomicUsize>,
}

impl Web {
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// Serves until the runtime ends.
pub(crate) async fn serve(respond: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Web {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let web = Web { origin, asked: Arc::default(), most_at_once: Arc::default() };
    let (respond, asked, most) = (Arc::new(respond), web.asked.clone(), web.most_at_once.clone());
    let now = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (respond, asked, most, now) = (respond.clone(), asked.clone(), most.clone(), now.clone());
            let waits = move || {
                let (most, now) = (most.clone(), now.clone());
                async move {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    // Who asks for more at once has it asked by then.
                    for _ in 0..8 {
                        tokio::task::yield_now().await;
                    }
                    now.fetch_sub(1, Ordering::SeqCst);
                }
            };
            tokio::spawn(async move { drop(talk(stream, respond.as_ref(), &asked, waits).await) });
        }
    });
    web
}

/// Requests of one connection, one after the other.
async fn talk(
    mut stream: TcpStream,
    respond: &(dyn Fn(&Request) -> Reply + Send + Sync),
    asked: &Mutex<Vec<Request>>,
    waits: impl AsyncFn(),
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end);
        let request = {
            let mut asked = asked.lock().unwrap();
            let request = parse(&head, asked.len());
            asked.push(request.clone());
            request
        };
        waits().await;
        let reply = respond(&request);
        let Reply { status, content_type, headers, body, .. } = &reply;
        let head = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: {content_type}\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        if reply.is_cut {
            return stream.write_all(&body[..body.len() / 2]).await;
        }
        stream.write_all(body).await?;
    }
}

fn parse(head: &str, number: usize) -> Request {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let tag = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("if-none-match").then(|| value.to_owned())
    });
    Request { path: decode(path), query: query.to_owned(), number, if_none_match: tag }
}

fn decode(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' && tail.len() >= 2 {
            let code = std::str::from_utf8(&tail[..2]).unwrap();
            bytes.push(u8::from_str_radix(code, 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A body with its `ETag`, or 304 where the client has it.
pub(crate) fn validated(request: &Request, reply: Reply) -> Reply {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(&reply.body);
    let tag = format!("\"{:02x}{:02x}{:02x}{:02x}\"", digest[0], digest[1], digest[2], digest[3]);
    let headers = format!("ETag: {tag}\r\n");
    if request.if_none_match.as_deref() == Some(&tag) {
        return Reply { headers, ..Reply::of(304, reply.content_type, "") };
    }
    Reply { headers, ..reply }
}

/// `PokéAPI` from the documents of a site.
pub(crate) fn pokeapi(site: &super::Site, request: &Request) -> Reply {
    let path = request.path.trim_start_matches("/api/v2/").trim_end_matches('/');
    let full = if request.query.is_empty() { path.to_owned() } else { format!("{path}?{}", request.query) };
    match site.get(&full).or_else(|| site.get(path)) {
        Some(document) => validated(request, Reply::json(document.to_string())),
        None => Reply::of(404, "text/plain", "Not Found"),
    }
}

/// Files as `<root><path>/index.<ending>`, as the shared folders have them.
pub(crate) fn file(root: &Path, ending: &str, request: &Request) -> Reply {
    let path = root.join(request.path.trim_matches('/')).join(format!("index.{ending}"));
    match std::fs::read(path) {
        Ok(body) if ending == "json" => validated(request, Reply::json(body)),
        Ok(body) => validated(request, Reply::html(body)),
        Err(_) => Reply::of(404, "text/plain", "Not Found"),
    }
}

const GAMES: &str = "Pokémon : Let&#x27;s Go, Pikachu et Let&#x27;s Go, Évoli";

/// A page of the skeleton that the reader relies on, in markup of our own, saying what a learnset says.
pub(crate) fn page(pokedex: &Pokedex, pokemon: &Pokemon) -> String {
    let link = |id: u16| {
        let name = &pokedex.move_(id).unwrap().name_fr;
        format!("<a href=\"/x\" title=\"{name}\">{name}</a>")
    };
    let mut levels: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for learn in pokemon.learnset.iter().filter(|learn| learn.method == LearnMethod::LevelUp) {
        levels.entry(learn.move_id).or_default().push(match learn.level {
            0 => "Évolution".to_owned(),
            1 => "Départ".to_owned(),
            level => format!("N.{level}"),
        });
    }
    let mut html = vec![
        format!(
            "<!DOCTYPE html><html><body><h2><span id=\"Capacités_apprises\">x</span></h2>\
             <h3><span id=\"Par_montée_en_niveau\">x</span></h3><table><tr><th>Nom</th>\
             <th><a title=\"Pokémon Ultra-Soleil et Ultra-Lune\">USUL</a></th><th><a title=\"{GAMES}\">LGPE</a></th></tr>"
        ),
        "<tr><td><a title=\"Danse Lames\">Danse Lames</a></td><td>N.3</td><td>—</td></tr>".to_owned(),
    ];
    for (id, levels) in levels {
        html.push(format!("<tr><td>{}</td><td>N.99</td><td>{}</td></tr>", link(id), levels.join("<br>")));
    }
    html.push("</table><h3><span id=\"Par_CT\">x</span></h3>".to_owned());
    html.push(format!("<h4><a title=\"{GAMES}\">x</a></h4><table><tr><th>N°</th><th>Nom</th></tr>"));
    for learn in pokemon.learnset.iter().filter(|learn| learn.method == LearnMethod::Machine) {
        html.push(format!("<tr><td>CT01</td><td>{}</td></tr>", link(learn.move_id)));
    }
    html.push("</table></body></html>".to_owned());
    html.concat()
}

/// `Poképédia` with a page for each base and Alolan form.
pub(crate) fn pokepedia(pokedex: &Pokedex) -> BTreeMap<String, String> {
    let forms = pokedex.pokemon.iter().filter(|p| matches!(p.form, Form::Base | Form::Alola));
    forms
        .map(|p| {
            let name = p.name_fr.replace('’', "'").replace(' ', "_");
            (format!("/{name}/Génération_7"), page(pokedex, p))
        })
        .collect()
}
