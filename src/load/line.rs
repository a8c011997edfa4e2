//! One connection to a server: opened in the clear or by TLS, in HTTP/1.1 or HTTP/2; what is asked on it, and what came of it. It
//! knows no schedule.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;

use super::shot::{Ask, Method};
use super::target::{self, Target};
use super::tls::Trust;
use super::together::Together;

static KEY: HeaderName = HeaderName::from_static("x-api-key");
/// More of an answer is not kept.
const MOST_KEPT: usize = 8 << 20;

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Http {
    /// HTTP/1.1: a request at a time
    #[value(name = "1")]
    One,
    /// HTTP/2: several at once
    #[value(name = "2")]
    Two,
}

impl fmt::Display for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "HTTP/1.1",
            Self::Two => "HTTP/2",
        })
    }
}

impl Http {
    /// Its name where TLS agrees on it.
    pub(super) fn alpn(self) -> &'static [u8] {
        match self {
            Self::One => b"http/1.1",
            Self::Two => b"h2",
        }
    }
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error("the server does not speak {0} here")]
    NotSpoken(Http),
    #[error("`{0}` cannot be asked")]
    Request(String),
    #[error("its name has no address")]
    NoAddress,
    #[error("the key has characters that no header can have")]
    Key,
    #[error("no answer within {} s", .0.as_secs_f64())]
    Late(Duration),
}

impl Fault {
    /// The word it is counted by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Io(error) => io_kind(error),
            Self::Http(error) => http_kind(error),
            Self::NotSpoken(_) => "not spoken",
            Self::Request(_) | Self::Key => "no request",
            Self::NoAddress => "no address",
            Self::Late(_) => "timeout",
        }
    }

    /// Whether the server had ended the connection, or said that it would, before it took the request: it can be asked again.
    pub(super) fn is_stale(&self) -> bool {
        let Self::Http(error) = self else { return false };
        error.is_canceled() || error.is_closed() || http2_cause(error).is_some_and(is_untaken)
    }
}

fn http2_cause(error: &hyper::Error) -> Option<&h2::Error> {
    error.source()?.downcast_ref()
}

fn is_untaken(error: &h2::Error) -> bool {
    let reason = error.reason();
    let refused = error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (refused || (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR)))
}

fn http_kind(error: &hyper::Error) -> &'static str {
    if let Some(cause) = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
        return io_kind(cause);
    }
    match http2_cause(error) {
        Some(cause) if cause.is_library() => "no HTTP",
        Some(cause) if cause.is_reset() => "reset",
        Some(_) => "closed",
        None if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => "closed",
        None if error.is_timeout() => "timeout",
        None if error.is_parse() => "no HTTP",
        None => "broken",
    }
}

fn io_kind(error: &io::Error) -> &'static str {
    if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>) {
        return "TLS";
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            "reset"
        }
        io::ErrorKind::UnexpectedEof => "closed",
        io::ErrorKind::TimedOut => "timeout",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "unreachable",
        io::ErrorKind::AddrNotAvailable => "no free port",
        _ => "broken",
    }
}

/// A server, and how one comes in.
#[derive(Debug, Clone)]
pub struct Door {
    pub target: Target,
    /// One of those that the target's host resolved to: what was checked is what is asked.
    pub address: SocketAddr,
    /// None where nothing is encrypted.
    pub trust: Option<Trust>,
    /// Value of `x-api-key`.
    key: Option<HeaderValue>,
}

/// An answer that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// What it came by.
    pub http: Http,
}

impl Door {
    /// `trust` is for HTTPS alone, and has to be there then.
    pub fn new(
        target: Target,
        address: SocketAddr,
        trust: Option<Trust>,
        key: Option<&str>,
    ) -> Result<Self, Fault> {
        let key = key.filter(|key| !key.is_empty()).map(HeaderValue::from_str).transpose();
        let mut key = key.map_err(|_| Fault::Key)?;
        if let Some(key) = &mut key {
            key.set_sensitive(true);
        }
        Ok(Self { target, address, trust, key })
    }

    /// Opens a connection on which this is spoken. With none, what the server prefers where TLS lets it choose, else HTTP/1.1.
    /// `patience` is how long one of HTTP/2 may be silent while something is asked on it, before it is looked at.
    pub(super) async fn open(&self, http: Option<Http>, patience: Duration) -> Result<Line, Fault> {
        let stream = TcpStream::connect(self.address).await?;
        // Requests are small and complete: nothing to gather.
        let _ = stream.set_nodelay(true);
        let Some(trust) = &self.trust else {
            return Line::begin(stream, http.unwrap_or(Http::One), patience).await;
        };
        let host = self.target.host.clone();
        let name = ServerName::try_from(host).map_err(|e| io::Error::other(e.to_string()))?;
        let stream = trust.connector(http).connect(name, stream).await?;
        let agreed = match stream.get_ref().1.alpn_protocol() {
            Some(name) if name == Http::Two.alpn() => Http::Two,
            _ => Http::One,
        };
        match http {
            Some(wanted) if wanted != agreed => Err(Fault::NotSpoken(wanted)),
            _ => Line::begin(stream, agreed, patience).await,
        }
    }

    /// Asks once, on a connection of its own.
    pub async fn get(&self, http: Option<Http>, path: &str, patience: Duration) -> Result<Answer, Fault> {
        let asked = async {
            let mut line = self.open(http, patience).await?;
            let request = self.stamp(line.http())?.request(&Ask::get(path))?;
            let mut body = Vec::new();
            let keep = |data: &Bytes| body.extend_from_slice(&data[..data.len().min(MOST_KEPT - body.len())]);
            let status = line.exchange(request, keep).await?;
            Ok::<_, Fault>(Answer { status, body, http: line.http() })
        };
        tokio::time::timeout(patience, asked).await.unwrap_or(Err(Fault::Late(patience)))
    }

    /// What all requests have in common.
    pub(super) fn stamp(&self, http: Http) -> Result<Stamp, Fault> {
        let authority = self.target.authority();
        let wrong = || Fault::Request(authority.clone());
        Ok(Stamp {
            http,
            scheme: match self.target.scheme {
                target::Scheme::Http => Scheme::HTTP,
                target::Scheme::Https => Scheme::HTTPS,
            },
            host: HeaderValue::from_str(&authority).map_err(|_| wrong())?,
            authority: authority.parse().map_err(|_| wrong())?,
            prefix: self.target.prefix.clone(),
            key: self.key.clone(),
        })
    }
}

/// See [`Door::stamp`].
#[derive(Debug)]
pub(super) struct Stamp {
    http: Http,
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    prefix: String,
    key: Option<HeaderValue>,
}

impl Stamp {
    pub(super) fn request(&self, ask: &Ask) -> Result<Request<Full<Bytes>>, Fault> {
        let path = [self.prefix.as_str(), &ask.path].concat();
        let wrong = || Fault::Request(ask.path.clone());
        let path = PathAndQuery::from_maybe_shared(Bytes::from(path)).map_err(|_| wrong())?;
        let body = Bytes::from(ask.body.clone().unwrap_or_default());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = match ask.method {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
        };
        let headers = request.headers_mut();
        if self.http == Http::One {
            headers.insert(header::HOST, self.host.clone());
        }
        if let Some(key) = &self.key {
            headers.insert(KEY.clone(), key.clone());
        }
        if ask.body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        *request.uri_mut() = match self.http {
            Http::One => Uri::from(path),
            // HTTP/2 has no `Host`: the address as a whole says whom it is for.
            Http::Two => {
                let mut parts = hyper::http::uri::Parts::default();
                parts.scheme = Some(self.scheme.clone());
                parts.authority = Some(self.authority.clone());
                parts.path_and_query = Some(path);
                Uri::from_parts(parts).map_err(|_| wrong())?
            }
        };
        Ok(request)
    }
}

/// An open connection.
pub(super) enum Line {
    /// With what moves it: it is asked by one alone.
    One(http1::SendRequest<Full<Bytes>>, Together),
    /// A task of its own moves it, for all who have a share.
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Line {
    async fn begin<S>(stream: S, http: Http, patience: Duration) -> Result<Self, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(stream);
        // An error of the connection is told to whoever waits for an answer on it.
        match http {
            Http::One => {
                // A request is one small piece once it is put together, which costs less than to send its pieces.
                let (line, connection) = http1::Builder::new().writev(false).handshake(stream).await?;
                let connection = async move {
                    let _ = connection.await;
                };
                Ok(Self::One(line, Together::new(connection)))
            }
            Http::Two => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.timer(TokioTimer::new()).keep_alive_interval(patience).keep_alive_timeout(patience);
                let (line, connection) = builder.handshake(stream).await?;
                tokio::spawn(async move { connection.await.ok() });
                Ok(Self::Two(line))
            }
        }
    }

    pub(super) fn http(&self) -> Http {
        match self {
            Self::One(..) => Http::One,
            Self::Two(_) => Http::Two,
        }
    }

    /// The same connection for someone else, where it carries several requests at once and is open.
    pub(super) fn share(&self) -> Option<Self> {
        match self {
            Self::Two(line) if !line.is_closed() => Some(Self::Two(line.clone())),
            _ => None,
        }
    }

    /// Status of the answer and length of its body.
    pub(super) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<(u16, u64), Fault> {
        let mut bytes = 0;
        let status = self.exchange(request, |data| bytes += data.len() as u64).await?;
        Ok((status, bytes))
    }

    /// Status of the answer; `take` gets its body piece by piece.
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        take: impl FnMut(&Bytes),
    ) -> Result<u16, hyper::Error> {
        match self {
            Self::One(line, together) => {
                let asked = async {
                    line.ready().await?;
                    received(line.send_request(request).await?, take).await
                };
                together.with(asked).await
            }
            Self::Two(line) => {
                line.ready().await?;
                received(line.send_request(request).await?, take).await
            }
        }
    }
}

async fn received(answer: Response<Incoming>, mut take: impl FnMut(&Bytes)) -> Result<u16, hyper::Error> {
    let (head, mut body) = answer.into_parts();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            take(data);
        }
    }
    Ok(head.status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::stub::Stub;

    fn door(target: &str) -> Door {
        let address = "127.0.0.1:1".parse().unwrap();
        Door::new(Target::parse(target).unwrap(), address, None, Some("secret")).unwrap()
    }

    #[test]
    fn a_request_says_whom_it_is_for_in_the_way_of_its_protocol() {
        let ask = Ask { body: Some("{}".to_owned()), method: Method::Post, ..Ask::get("/a?b=c") };
        let made = |http| door("http://[::1]:8000/api").stamp(http).unwrap().request(&ask).unwrap();
        let one = made(Http::One);
        assert_eq!(one.uri(), "/api/a?b=c");
        assert_eq!(one.headers()["host"], "[::1]:8000");
        let two = made(Http::Two);
        assert_eq!(two.uri(), "http://[::1]:8000/api/a?b=c");
        assert!(!two.headers().contains_key("host"));
        for request in [one, two] {
            assert_eq!(request.headers()["x-api-key"], "secret");
            assert_eq!(request.headers()["content-type"], "application/json");
        }
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn tls_agrees_on_what_is_spoken() {
        let folder = tempfile::tempdir().unwrap();
        for (offered, wanted, spoken) in [
            (&[Http::Two, Http::One][..], None, Some(Http::Two)),
            (&[Http::One, Http::Two], None, Some(Http::One)),
            (&[Http::One, Http::Two], Some(Http::One), Some(Http::One)),
            (&[Http::One, Http::Two], Some(Http::Two), Some(Http::Two)),
            (&[Http::One], None, Some(Http::One)),
            (&[Http::One], Some(Http::Two), None),
            (&[], None, Some(Http::One)),
            (&[], Some(Http::Two), None),
        ] {
            let (stub, authority) = Stub::tls(offered, &folder).await;
            let door = Door {
                address: stub.address,
                trust: Some(Trust::new(&[authority]).unwrap()),
                ..door(&format!("https://{}", stub.address))
            };
            let answer = door.get(wanted, "/", PATIENCE).await;
            let seen = answer.ok().map(|answer| (answer.http, answer.status, answer.body));
            assert_eq!(seen, spoken.map(|http| (http, 200, b"ok".to_vec())), "{offered:?} {wanted:?}");
            let stranger = Door { trust: Some(Trust::new(&[]).unwrap()), ..door };
            assert_eq!(stranger.get(wanted, "/", PATIENCE).await.unwrap_err().kind(), "TLS", "{offered:?}");
        }
    }

    #[test]
    fn what_is_no_path_is_a_fault_of_its_own() {
        let ask = Ask::get("/a b");
        let fault = door("http://a").stamp(Http::One).unwrap().request(&ask).unwrap_err();
        assert_eq!((fault.kind(), fault.is_stale()), ("no request", false));
    }
}
