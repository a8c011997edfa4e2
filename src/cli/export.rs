//! `pdex export`.

use std::io::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::args::export::{Export as Arguments, Kubernetes};
use super::exit::{Exit, Stop};
use super::{Session, context};
use crate::definition::model::ServiceName;
use crate::export::folder::{self, FolderError};
use crate::export::kubernetes::{self, Facts, Options};
use crate::export::sources;
use crate::report::export as report;
use crate::world::time::Timestamp;

pub(super) fn export(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    match arguments {
        Arguments::Kubernetes(arguments) => kubernetes(session, arguments),
    }
}

fn kubernetes(session: &Session, arguments: &Kubernetes) -> anyhow::Result<Exit> {
    let files = context::files(&session.global, &session.environment)?;
    let loaded = context::loaded(&session.global, &session.environment, files, &[])?;
    let without = context::named(&loaded.definition, &arguments.without)?;
    if without.len() == loaded.definition.services.len() {
        return Err(Stop::new(Exit::Usage, "no service is left to export", None).into());
    }
    let options = options(arguments, without);
    let sources = sources::read(&loaded.definition);
    let facts = Facts { loaded: &loaded, sources: &sources, options: &options };
    let mut export = kubernetes::export(&facts).map_err(|exposed| {
        let hint = "write a variable there instead of the value, or name the service in --without";
        Stop::new(Exit::Failed, exposed, Some(hint))
    })?;
    export.files.insert("REPORT.md".to_owned(), report::markdown(&export).into_bytes());
    folder::write(&arguments.out, &export.files).map_err(|error| refused(&error))?;
    let shown = arguments.out.display().to_string();
    let mut out = io::stdout();
    if arguments.json {
        writeln!(out, "{:#}", report::json(&export, &shown, now()))?;
    } else {
        write!(out, "{}", report::summary(&export, &shown))?;
    }
    Ok(Exit::Ok)
}

fn options(arguments: &Kubernetes, without: Vec<ServiceName>) -> Options {
    Options {
        registry: arguments.image_registry.clone(),
        host: arguments.host.clone(),
        ingress_class: arguments.ingress_class.clone(),
        ingress_namespace: arguments.ingress_namespace.clone(),
        monitoring_namespace: arguments.monitoring_namespace.clone(),
        storage_class: arguments.storage_class.clone(),
        volume_size: arguments.volume_size.clone(),
        without: without.into_iter().collect(),
    }
}

fn refused(error: &FolderError) -> Stop {
    let hint = match error {
        FolderError::Foreign(_) | FolderError::NoFolder(_) => {
            Some("nothing was written; name an empty folder, or an earlier export, with --out")
        }
        FolderError::Busy(_) => Some("run it again when that one has ended"),
        FolderError::Io { .. } => None,
    };
    Stop::new(Exit::Failed, error, hint)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::default().after(since)
}
