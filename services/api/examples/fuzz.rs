//! Mutated requests to every endpoint and mutated files to the model loader, for as many seconds as asked:
//! `cargo run --release -p api --example fuzz -- 600 [SEED]`. Stops with what it sent at the first panic, 500, or answer that takes a
//! second; ends with how much it tried.

#![expect(clippy::unwrap_used, reason = "a tool of tests: what goes wrong ends it")]
#![expect(clippy::print_stdout, reason = "its result")]

use std::path::Path;
use std::time::{Duration, Instant};

use api::app::app;
use api::catalogue::Catalogue;
use api::cors::Cors;
use api::gate::Gate;
use api::metrics::Metrics;
use api::state::{Api, Limits};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use dex::battle::Rng;
use dex::features;
use dex::model::Forest;
use tower::ServiceExt as _;

const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "PUT"];
const PATHS: [&str; 14] = [
    "/predict/battle",
    "/predict/battle?method=simulate",
    "/predict/best-move",
    "/predict/batch",
    "/predict/team",
    "/predict/explain?pokemon_a=pikachu&pokemon_b=onix&limit=3",
    "/pokemon?type=feu&sort=-total&fields=id,stats&limit=5&offset=2&form=alola&name=a",
    "/pokemon/search?q=pikachu&limit=3",
    "/pokemon/%C3%89voli",
    "/moves?type=fire&name=a",
    "/moves/85",
    "/types/affinities",
    "/docs/index.html",
    "/version",
];
const BODIES: [&str; 6] = [
    r#"{"pokemon_a":"Pikachu","pokemon_b":95,"moves_a":["Tonnerre",98],"moves_b":null}"#,
    r#"{"battles":[{"pokemon_a":25,"pokemon_b":95},{"pokemon_a":"Évoli","pokemon_b":"Nidoran♀","moves_a":[33]}]}"#,
    r#"{"team_a":[25,"Onix"],"team_b":["Mewtwo",6,9,"3",150.0,132]}"#,
    r#"[[[[[[[[[[[[[[[[{"a":1e308}]]]]]]]]]]]]]]]]"#,
    r#"{"pokemon_a":132,"pokemon_b":132,"moves_a":[],"x":{"y":[true,null,-0.0,"\u0000\ud83d\ude00"]}}"#,
    "",
];
/// Pieces that have broken parsers before.
const PIECES: [&[u8]; 16] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"null",
    b"-1",
    b"65536",
    b"1e999",
    b"\\u0000",
    b"\xff\xfe",
    b"%00",
    b"%ff",
    b"&",
    b"\xc3",
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(10, |text| text.parse().unwrap());
    let seed: u64 = arguments.next().map_or(1, |text| text.parse().unwrap());
    let (api, model) = service();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut rng = Rng::new(seed);
    let start = Instant::now();
    let (mut requests, mut models) = (0_u64, 0_u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        for _ in 0..200 {
            runtime.block_on(request(&api, &mut rng));
            requests += 1;
        }
        for _ in 0..20 {
            load(&mutated(&model, &mut rng));
            models += 1;
        }
    }
    println!("{requests} requests and {models} model files in {seconds} s from seed {seed}: nothing found");
}

fn service() -> (Api, Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etl/data/snapshot.json");
    let mut snapshot: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let dex = serde_json::from_value(snapshot["pokedex"].take()).unwrap();
    let evolutions = serde_json::from_value(snapshot["evolutions"].take()).unwrap();
    let api = Api::new(Metrics::new().unwrap(), Limits::default(), Gate::open(), Cors::default());
    api.set_catalogue(Catalogue::new(dex, evolutions));
    let tree = |column: usize| {
        serde_json::json!({"left_children": [1, -1, 3, -1, -1], "right_children": [2, -1, 4, -1, -1],
            "split_indices": [column, 0, column + 1, 0, 0], "split_conditions": [0.5, -1.0, 2.0, 0.25, 1.0],
            "default_left": [1, 0, 0, 0, 0], "sum_hessian": [4.0, 1.0, 3.0, 1.0, 2.0], "split_type": [0, 0, 0, 0, 0]})
    };
    let model = serde_json::json!({"version": [3, 2, 0], "learner": {
        "feature_names": features::NAMES.to_vec(),
        "gradient_booster": {"name": "gbtree", "model": {"trees": [tree(0), tree(7), tree(54)]}},
        "learner_model_param": {"base_score": "[5E-1]", "num_feature": features::COUNT.to_string(), "num_class": "0"},
        "objective": {"name": "binary:logistic"},
    }})
    .to_string()
    .into_bytes();
    load(&model);
    let dir = std::env::temp_dir().join(format!("pdex-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let hash = dex::model::sha256_hex(&model);
    let metadata = serde_json::json!({
        "name": "fuzz", "version": "1", "model_sha256": hash, "features": features::NAMES.to_vec(), "metrics": {},
        "trained_at": "", "code_version": "", "data_hash": "", "scenarios": [], "xgboost_version": "", "parameters": {},
        "split": {"train_matchups": 0, "test_matchups": 0, "train_rows": 0, "test_rows": 0},
    });
    std::fs::write(dir.join(dex::model::MODEL_FILE), &model).unwrap();
    std::fs::write(dir.join(dex::model::METADATA_FILE), metadata.to_string()).unwrap();
    let predictor = dex::predict::Predictor::load(&dir);
    std::fs::remove_dir_all(&dir).unwrap();
    api.set_model(Box::new(predictor.unwrap()));
    (api, model)
}

/// One request; stops the program when it is answered wrongly.
async fn request(api: &Api, rng: &mut Rng) {
    let pick = |rng: &mut Rng, n: usize| rng.below(u32::try_from(n).unwrap_or(1)) as usize;
    let mut path = PATHS[pick(rng, PATHS.len())].as_bytes().to_vec();
    if rng.chance(1, 2) {
        path = mutated(&path, rng);
        path.retain(u8::is_ascii_graphic);
    }
    let body = mutated(BODIES[pick(rng, BODIES.len())].as_bytes(), rng);
    let method = METHODS[pick(rng, METHODS.len())];
    let mut request = Request::builder().method(method).uri(path.as_slice());
    for (name, value) in
        [("content-type", "application/json"), ("if-none-match", "W/\"x\", *"), ("x-request-id", "a b")]
    {
        if rng.chance(3, 4) {
            request = request.header(name, mutated_text(value, rng));
        }
    }
    // What is no request at all never comes this far.
    let Ok(request) = request.body(Body::from(body.clone())) else { return };
    let begun = Instant::now();
    let shown = format!("{method} {} {}", String::from_utf8_lossy(&path), String::from_utf8_lossy(&body));
    let response = app_of(api).oneshot(request).await.unwrap();
    let status = response.status();
    let read = to_bytes(response.into_body(), usize::MAX).await;
    assert!(status != 500 && read.is_ok(), "{status} for {shown}");
    assert!(begun.elapsed() < Duration::from_secs(1), "slow: {shown}");
}

/// The router is made once.
fn app_of(api: &Api) -> axum::Router {
    static ROUTER: std::sync::OnceLock<axum::Router> = std::sync::OnceLock::new();
    ROUTER.get_or_init(|| app(api.clone())).clone()
}

/// The value, now and then with another character.
fn mutated_text(value: &str, rng: &mut Rng) -> Vec<u8> {
    if rng.chance(7, 8) {
        value.into()
    } else {
        mutated(value.as_bytes(), rng).into_iter().filter(|b| (32..127).contains(b)).collect()
    }
}

/// A model that loads has to answer.
fn load(bytes: &[u8]) {
    if let Ok(forest) = Forest::from_json(bytes, &features::NAMES) {
        let rows = [[0.5; features::COUNT], [f32::NAN; features::COUNT], [f32::INFINITY; features::COUNT]];
        let mut margins = [0.0; 3];
        forest.margins(&rows, &mut margins);
        forest.contributions(&rows[0], &mut [0.0; features::COUNT]);
    }
}

/// A few changes: bytes flipped, pieces put in, parts cut out or repeated.
fn mutated(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.below(4) {
        let at = rng.below(u32::try_from(bytes.len()).unwrap_or(0).saturating_add(1)) as usize;
        match rng.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 => bytes.truncate(at),
            2 => {
                let end = (at + rng.below(16) as usize).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let end = (at + rng.below(64) as usize).min(bytes.len());
                let part = bytes[at..end].to_vec();
                let times = 1 + rng.below(40) as usize;
                bytes.splice(at..at, part.repeat(times));
            }
            _ => {
                let piece = PIECES[rng.below(16) as usize];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}
