//! `pdex size`.

use std::io::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::args::size::Size;
use super::exit::Exit;
use crate::capacity::{self, Inputs};
use crate::report::size as report;
use crate::world::time::Timestamp;

pub(super) fn size(arguments: &Size) -> anyhow::Result<Exit> {
    let inputs = inputs(arguments);
    let sizing = capacity::size(&inputs);
    let mut out = io::stdout();
    if arguments.json {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        writeln!(out, "{:#}", report::json(&inputs, &sizing, Timestamp::default().after(since)))?;
    } else {
        writeln!(out, "{}", report::text(&inputs, &sizing))?;
    }
    Ok(Exit::Ok)
}

fn inputs(arguments: &Size) -> Inputs {
    let usual = Inputs::for_rate(arguments.rps);
    Inputs {
        rps: arguments.rps,
        requests_per_core: arguments.requests_per_core.unwrap_or(usual.requests_per_core),
        cores_per_machine: arguments.cores_per_machine.unwrap_or(usual.cores_per_machine),
        utilisation: arguments.utilisation.map_or(usual.utilisation, |percent| f64::from(percent) / 100.0),
        spare_machines: arguments.spare_machines.unwrap_or(usual.spare_machines),
        cores_per_pod: arguments.cores_per_pod.unwrap_or(usual.cores_per_pod),
        least_pods: arguments.least_pods.unwrap_or(usual.least_pods),
        most_pods: arguments.most_pods.unwrap_or(usual.most_pods),
        memory_per_pod: arguments.memory_per_pod.unwrap_or(usual.memory_per_pod),
        bytes_per_request: arguments.bytes_per_request.unwrap_or(usual.bytes_per_request),
        gbits_per_machine: arguments.gbits_per_machine.unwrap_or(usual.gbits_per_machine),
        series_per_pod: arguments.series_per_pod.unwrap_or(usual.series_per_pod),
        scrape_seconds: arguments.scrape_seconds.unwrap_or(usual.scrape_seconds),
        bytes_per_sample: arguments.bytes_per_sample.unwrap_or(usual.bytes_per_sample),
        retention_days: arguments.retention_days.unwrap_or(usual.retention_days),
        samples_per_prometheus: arguments.samples_per_prometheus.unwrap_or(usual.samples_per_prometheus),
        logins_per_pod: usual.logins_per_pod,
        database_logins: arguments.database_logins.unwrap_or(usual.database_logins),
        training_rows: arguments.training_rows.unwrap_or(usual.training_rows),
    }
}
