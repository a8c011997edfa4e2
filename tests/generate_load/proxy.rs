//! As in production: nothing is published but a proxy that speaks HTTPS. The load finds it, believes the authority of its folder, speaks
//! what the proxy prefers and brings the API's key. The proxy is the test's own; there is no engine.

use std::convert::Infallible;
use std::future::ready;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::text;

const KEY: &str = "the-key-of-the-test";
const AUTHORITY: &str = "secrets/proxy/caddy/pki/authorities/local/root.crt";

/// A request as the proxy saw it.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    version: Version,
    path: String,
    key: String,
}

type Log = Arc<Mutex<Vec<Seen>>>;

fn answer(log: &Log, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let key = request.headers().get("x-api-key").map_or("", |key| key.to_str().unwrap());
    let seen =
        Seen { version: request.version(), path: request.uri().path().to_owned(), key: key.to_owned() };
    log.lock().unwrap().push(seen);
    Response::new(Full::new(Bytes::from_static(b"{}")))
}

/// Serves on a thread that lives as long as the test: its port, and what it sees.
fn proxy(config: ServerConfig) -> (u16, Log) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let log = Log::default();
    let seen = Arc::clone(&log);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    std::thread::spawn(move || {
        let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        threads.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, log) = (acceptor.clone(), Arc::clone(&log));
                // Head and body may leave in two pieces; the second must not wait until the first is acknowledged.
                stream.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let service =
                        service_fn(move |request| ready(Ok::<_, Infallible>(answer(&log, &request))));
                    let stream = TokioIo::new(stream);
                    if is_two {
                        let two = http2::Builder::new(TokioExecutor::new());
                        let _ = two.serve_connection(stream, service).await;
                    } else {
                        let _ = http1::Builder::new().serve_connection(stream, service).await;
                    }
                });
            }
        });
    });
    (port, seen)
}

/// A folder with the definition, the secrets and the authority, and the proxy.
fn stage() -> (tempfile::TempDir, u16, Log) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (port, log) = proxy(config);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    write(AUTHORITY, &made.cert.pem());
    write("secrets/api_key", KEY);
    // Not the platform's own requests: their mistakes on purpose would have to be refused.
    write("page.yaml", "requests: [{ get: /pokemon }]");
    write("stack.yaml", &DEFINITION.replace("PORT", &port.to_string()));
    (folder, port, log)
}

const DEFINITION: &str = r#"
name: shop
services:
  api:
    image: api:1
    environment: { API_KEY_FILE: /run/secrets/api_key }
    secrets: [api_key]
  proxy:
    image: caddy:2
    environment: { PDEX_DOMAIN: localhost }
    ports: ["127.0.0.1:PORT:8443"]
    volumes: ["./secrets/proxy:/data"]
secrets:
  api_key: { file: ./secrets/api_key }
"#;

fn load(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command.args(["--docker-host", "unix:///nowhere/docker.sock", "-f", "stack.yaml", "generate-load"]);
    command.args(["--mode", "constant", "--rate", "50", "--duration", "500ms", "--json"]);
    command.args(["--scenario", "page.yaml"]).args(arguments);
    command.output().unwrap()
}

#[test]
fn the_load_comes_in_by_the_proxy() {
    let (folder, port, log) = stage();
    for (arguments, version, told) in [
        (&[][..], Version::HTTP_2, "HTTP/2"),
        (&["--http", "2", "--connections", "2"], Version::HTTP_2, "HTTP/2"),
        (&["--http", "1"], Version::HTTP_11, "HTTP/1.1"),
    ] {
        log.lock().unwrap().clear();
        let output = load(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["http"], told, "{document:#}");
        assert_eq!(document["target"], format!("https://localhost:{port}/api"), "{document:#}");
        let (right, offered) = (&document["requests"]["right"], &document["requests"]["offered"]);
        assert!(right == offered && offered.as_u64() == Some(25), "{document:#}");
        let seen = log.lock().unwrap().clone();
        // One more asks whether it is ready.
        assert_eq!(seen.len() as u64, offered.as_u64().unwrap() + 1, "{seen:?}");
        let as_meant =
            |seen: &Seen| seen.version == version && seen.path.starts_with("/api/") && seen.key == KEY;
        assert!(seen.iter().all(as_meant), "{seen:?}");
    }
}

#[test]
fn a_proxy_that_nobody_vouches_for_gets_no_request() {
    let (folder, _, log) = stage();
    let aside = folder.path().join("aside.crt");
    std::fs::rename(folder.path().join(AUTHORITY), &aside).unwrap();
    let output = load(folder.path(), &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("certificate") && said.contains("hint: ") && said.contains("--ca FILE"), "{said}");
    assert_eq!(log.lock().unwrap().len(), 0);
    let output = load(folder.path(), &["--ca", aside.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
