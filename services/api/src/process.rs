//! The `process_*` metrics, read from `/proc/self` when scraped and at no other time.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use dex::metrics::{
    Metric, PROCESS_CPU, PROCESS_OPEN_FDS, PROCESS_RESIDENT_MEMORY, PROCESS_START_TIME, PROCESS_THREADS,
};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};

/// Ticks per second of the times in `/proc`: `USER_HZ`, fixed at 100 on every architecture this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Process {
    cpu: Desc,
    gauges: [(Metric, Gauge); 4],
}

impl Process {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let metrics = [PROCESS_RESIDENT_MEMORY, PROCESS_OPEN_FDS, PROCESS_THREADS, PROCESS_START_TIME];
        let gauges = metrics.map(|metric| Gauge::new(metric.name, metric.help).map(|gauge| (metric, gauge)));
        let [memory, fds, threads, start] = gauges;
        let (start, now) = (start?, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        start.1.set(now.as_secs_f64());
        let cpu = Desc::new(PROCESS_CPU.name.to_owned(), PROCESS_CPU.help.to_owned(), vec![], [].into())?;
        Ok(Self { cpu, gauges: [memory?, fds?, threads?, start] })
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        let mut all = vec![&self.cpu];
        all.extend(self.gauges.iter().flat_map(|(_, gauge)| gauge.desc()));
        all
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        for (metric, gauge) in &self.gauges {
            let value = match metric.name {
                name if name == PROCESS_RESIDENT_MEMORY.name => {
                    field(&status, "VmRSS:").map(|kib| kib * 1024.0)
                }
                name if name == PROCESS_THREADS.name => field(&status, "Threads:"),
                name if name == PROCESS_OPEN_FDS.name => open_fds(),
                _ => None,
            };
            if let Some(value) = value {
                gauge.set(value);
            }
            families.extend(gauge.collect());
        }
        // A fresh counter per scrape: the kernel keeps the total.
        if let (Some(seconds), Ok(cpu)) = (cpu_seconds(), Counter::new(PROCESS_CPU.name, PROCESS_CPU.help)) {
            cpu.inc_by(seconds);
            families.extend(cpu.collect());
        }
        families
    }
}

/// The first number after `name` in `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn open_fds() -> Option<f64> {
    // One of the entries is the listing itself.
    fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1) as f64)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The command's name, in parentheses, may hold anything; fields are counted after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_threads_and_time() {
        let families = Process::new().unwrap().collect();
        let value = |name: &str| {
            let family = families.iter().find(|f| f.name() == name).unwrap();
            let metric = &family.get_metric()[0];
            metric.get_gauge().get_value().max(metric.get_counter().get_value())
        };
        assert!(value("process_resident_memory_bytes") > 1e5);
        assert!(value("process_threads") >= 1.0);
        assert!(value("process_open_fds") >= 1.0);
        assert!(value("process_start_time_seconds") > 1e9);
        assert!(value("process_cpu_seconds_total") >= 0.0);
    }
}
