//! `pdex audit`.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::args::Engine as Asked;
use super::args::audit::Audit as Arguments;
use super::context::{Engine, on_engine};
use super::exit::{Exit, Stop};
use super::{Session, context, signal};
use crate::checks::audit::baseline::Baseline;
use crate::checks::audit::packages::{self, Inventories};
use crate::checks::audit::scan::Scanner;
use crate::checks::audit::{self, Facts, Issue, Observed, Scan, observed, overlay};
use crate::definition::{Loaded, load};
use crate::images::host;
use crate::report::audit::{self as report, sarif, sbom};
use crate::report::failures;
use crate::runtime::operate::Operate;
use crate::world::time::Timestamp;

/// For a scanner to look at one image. The first time it fetches what is known.
const PATIENCE: Duration = Duration::from_mins(10);
/// To say whether it is there.
const PROBE: Duration = Duration::from_secs(20);
/// A longer answer of a scanner, and a larger baseline, is not read.
const MOST: u64 = 256 << 20;

pub(super) async fn audit(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.rules {
        write!(io::stdout(), "{}", report::list())?;
        return Ok(Exit::Ok);
    }
    let files = context::files(&session.global, &session.environment)?;
    let loaded = context::loaded(&session.global, &session.environment, files, &[])?;
    let baseline =
        arguments.baseline.as_deref().filter(|_| !arguments.write_baseline).map(baseline).transpose()?;
    let signals = signal::listen();
    let stop = Arc::new(AtomicBool::new(false));
    let run = run(session, arguments, &loaded, baseline.as_ref(), &stop);
    tokio::pin!(run);
    let exit = tokio::select! {
        exit = &mut run => return exit,
        exit = signals.nth(1) => exit,
    };
    // There may be a container for the packages, which an interrupted audit removes. Who asks twice does not wait for it.
    stop.store(true, Ordering::Relaxed);
    if arguments.sbom.is_some() {
        tokio::select! {
            _ = run => {}
            _ = signals.nth(2) => {}
        }
    }
    Ok(exit)
}

async fn run(
    session: &Session,
    arguments: &Arguments,
    loaded: &Loaded,
    baseline: Option<&Baseline>,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Exit> {
    let engine = engine(session, arguments).await?;
    let (observed, now) = match &engine {
        Some(engine) => on_engine!(engine, runtime => (
            observed::look(runtime, &loaded.definition).await.map_err(|e| context::engine_error(&e))?,
            runtime.now(),
        )),
        None => (Observed::default(), wall_clock()),
    };
    let scan = if arguments.no_scan { Scan::default() } else { scan(&observed).await };
    let exposed = audit::exposed_files(&loaded.definition);
    let facts = Facts {
        definition: &loaded.definition,
        attributes: &loaded.attributes,
        observed: &observed,
        scan: &scan,
        exposed: &exposed,
    };
    let mut issues = audit::check(&facts);
    for issue in &mut issues {
        context::near(&mut issue.finding);
    }
    if let Some(path) = &arguments.fix {
        fix(session, &facts, path)?;
    }
    if let (Some(path), Some(engine)) = (&arguments.sbom, &engine) {
        let inventories = on_engine!(engine, runtime => inventories(runtime, &observed, stop).await?);
        write(path, &format!("{:#}\n", sbom::document(&loaded.definition.project, &inventories, now)))?;
        write!(io::stderr(), "wrote {}:\n{}", path.display(), sbom::summary(&inventories))?;
    }
    tell(arguments, issues, &scan, baseline, now)
}

/// The engine, if one is asked and answers. The packages of images cannot be had without.
async fn engine(session: &Session, arguments: &Arguments) -> anyhow::Result<Option<Engine>> {
    if arguments.offline {
        return Ok(None);
    }
    if session.global.engine == Asked::Swarm {
        writeln!(io::stderr(), "note: what runs on a swarm is not looked at, only the definition")?;
        return Ok(None);
    }
    match context::connect(&session.global, &session.environment).await {
        Ok(engine) => Ok(Some(engine)),
        Err(stop) if arguments.sbom.is_some() => Err(stop.into()),
        Err(stop) => {
            let why = stop.text.lines().next().unwrap_or_default();
            let why = why.strip_prefix("error: ").unwrap_or(why);
            writeln!(io::stderr(), "note: containers and images are not looked at: {why}")?;
            Ok(None)
        }
    }
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::default().after(since)
}

/// Has every scanner that is installed look at every image that the engine has.
async fn scan(observed: &Observed) -> Scan {
    let mut scan = Scan::default();
    if observed.images.is_empty() {
        return scan;
    }
    for scanner in Scanner::ALL {
        let (program, arguments) = scanner.probe();
        if host::answer(program, arguments, PROBE, MOST).await.is_err() {
            continue;
        }
        scan.scanners.push(scanner.name());
        for image in observed.images.keys() {
            let (program, arguments) = scanner.order(image);
            let answer = host::answer(program, &arguments, PATIENCE, MOST).await;
            scan.add(image, scanner, answer.map_err(|error| words(&error)));
        }
    }
    scan
}

/// An error with the last thing the program said.
fn words(error: &host::HostError) -> String {
    match error {
        host::HostError::Failed { lines, .. } => match lines.last() {
            Some(last) => format!("{error}: {last}"),
            None => error.to_string(),
        },
        host::HostError::Missing { .. } => error.to_string(),
    }
}

async fn inventories<R: Operate>(
    runtime: &R,
    observed: &Observed,
    stop: &Arc<AtomicBool>,
) -> Result<Inventories, Stop> {
    let mut inventories = Inventories::new();
    for (reference, image) in &observed.images {
        let found = packages::of(runtime, reference, stop).await.map_err(|e| context::engine_error(&e))?;
        inventories.insert(reference.clone(), (image.id.clone(), found));
    }
    Ok(inventories)
}

fn baseline(path: &Path) -> Result<Baseline, Stop> {
    let hint = "`--write-baseline` writes it anew";
    let failed = |why: &dyn std::fmt::Display| {
        Stop::new(Exit::Failed, format!("{}: {why}", path.display()), Some(hint))
    };
    let size = path.metadata().map_err(|e| failed(&e))?.len();
    if size > MOST {
        return Err(failed(&format!("{size} bytes are too many")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| failed(&e))?;
    Baseline::read(&text).map_err(|e| failed(&e))
}

/// Writes the overlay, once it has been loaded over the definition without a problem.
fn fix(session: &Session, facts: &Facts<'_>, path: &Path) -> Result<(), Stop> {
    let failed = |what: String, hint| Stop::new(Exit::Failed, what, hint);
    let ours = match std::fs::read_to_string(path) {
        Ok(text) => text.starts_with(overlay::HEADER),
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    };
    if !ours {
        let hint = Some("name another file: only what an audit wrote is written anew");
        return Err(failed(format!("{}: there is another file", path.display()), hint));
    }
    let mut files = context::files(&session.global, &session.environment)?;
    let named = files
        .iter()
        .map(std::path::PathBuf::as_path)
        .chain([path])
        .map(|file| format!("-f {}", file.display()));
    let named = named.collect::<Vec<_>>().join(" ");
    let Some((text, mends)) = overlay::write(facts, &named) else {
        let _ = writeln!(io::stderr(), "nothing to mend: {} is not written", path.display());
        return Ok(());
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritable = |e: io::Error| failed(format!("{}: {e}", path.display()), None);
    // Its own words would name the file that stands aside.
    let aside = tempfile::NamedTempFile::new_in(folder);
    let mut aside = aside.map_err(|e| failed(format!("{}: {}", path.display(), e.kind()), None))?;
    aside.write_all(text.as_bytes()).map_err(unwritable)?;
    files.push(aside.path().to_owned());
    let request = context::request(&session.global, &session.environment, files, &[]);
    load(&request).map_err(|findings| {
        let problems = failures::findings(&findings);
        let problems = problems.replace(&*aside.path().to_string_lossy(), &path.to_string_lossy());
        failed(format!("the overlay does not fit the definition, it is not written\n{problems}"), None)
    })?;
    readable(&aside).map_err(unwritable)?;
    aside.persist(path).map_err(|e| unwritable(e.error))?;
    let _ = write!(io::stderr(), "wrote {}:\n{}", path.display(), report::mends(&mends));
    Ok(())
}

/// A temporary file is for its owner alone; a definition is not.
fn readable(file: &tempfile::NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

fn write(path: &Path, text: &str) -> Result<(), Stop> {
    std::fs::write(path, text).map_err(|e| Stop::new(Exit::Failed, format!("{}: {e}", path.display()), None))
}

fn tell(
    arguments: &Arguments,
    mut issues: Vec<Issue>,
    scan: &Scan,
    baseline: Option<&Baseline>,
    now: Timestamp,
) -> anyhow::Result<Exit> {
    if let Some(path) = arguments.baseline.as_deref().filter(|_| arguments.write_baseline) {
        let baseline = Baseline::of(&issues);
        write(path, &baseline.written())?;
        writeln!(io::stderr(), "wrote {}: {} findings are accepted", path.display(), baseline.len())?;
        baseline.apply(&mut issues);
    }
    let unused = baseline.map_or(0, |baseline| baseline.apply(&mut issues));
    if unused > 0 {
        writeln!(io::stderr(), "note: the baseline accepts what is not found any more: {unused}")?;
    }
    if let Some(path) = &arguments.sarif {
        // Places below the working directory are relative already.
        write(
            path,
            &format!("{:#}\n", sarif::document(&issues, &std::env::current_dir().unwrap_or_default())),
        )?;
    }
    for (image, scanner) in scan.failures.iter().map(|(i, s, _)| (i, s)).collect::<BTreeSet<_>>() {
        writeln!(io::stderr(), "warning: {scanner} could not look at {image}")?;
    }
    let threshold = arguments.severity.into();
    let mut out = io::stdout();
    if arguments.json {
        writeln!(out, "{:#}", report::json(&issues, scan, threshold, now))?;
    } else {
        write!(out, "{}", report::text(&issues))?;
    }
    Ok(if report::passes(&issues, threshold) { Exit::Ok } else { Exit::AuditFindings })
}
