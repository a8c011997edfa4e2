//! How many machines a rate of predictions takes, and which bound is reached first. Arithmetic on figures that were measured
//! ([`measured`]) and on assumptions that whoever asks may change; it measures nothing itself.

pub mod measured;
pub mod training;

/// What is reckoned with. The defaults are measured where something was, and assumed where nothing could be.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// Predictions a second.
    pub rps: f64,
    pub requests_per_core: f64,
    pub cores_per_machine: u32,
    /// How much of a processor is used before another pod is wanted, 0 to 1.
    pub utilisation: f64,
    /// Machines that may fail without anyone noticing.
    pub spare_machines: u32,
    /// The limit of one pod, in cores.
    pub cores_per_pod: f64,
    pub least_pods: u32,
    pub most_pods: u32,
    /// Of one pod, MiB.
    pub memory_per_pod: f64,
    /// The larger of request and answer, with their heads.
    pub bytes_per_request: f64,
    pub gbits_per_machine: f64,
    pub series_per_pod: u32,
    pub scrape_seconds: u32,
    pub bytes_per_sample: f64,
    pub retention_days: u32,
    /// What one Prometheus takes in a second.
    pub samples_per_prometheus: f64,
    pub logins_per_pod: u32,
    /// What the database lets in under the API's login.
    pub database_logins: u32,
    /// Of the data set that a model is trained on.
    pub training_rows: u32,
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizing {
    pub pods: u64,
    /// That the load keeps busy, at the utilisation that is asked for.
    pub cores: u64,
    /// With the spare ones.
    pub machines: u64,
    /// Of all pods, MiB.
    pub memory: f64,
    /// Of all requests, or of all answers, Gbit/s.
    pub gbits: f64,
    pub samples_per_second: f64,
    /// Over the retention, GiB.
    pub metrics: f64,
    pub logins: u64,
    /// Of a training without a search, on the two cores of the bench.
    pub training_seconds: f64,
    /// What holds until when, the first to break first.
    pub bounds: Vec<Bound>,
}

/// Something that holds up to a rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    pub what: &'static str,
    /// Predictions a second.
    pub until: f64,
    pub mend: &'static str,
}

impl Inputs {
    /// For a rate, everything else as it is measured or assumed.
    pub fn for_rate(rps: f64) -> Self {
        Self {
            rps,
            requests_per_core: measured::REQUESTS_PER_CORE,
            cores_per_machine: 8,
            utilisation: 0.7,
            spare_machines: 1,
            cores_per_pod: 1.0,
            least_pods: 3,
            most_pods: 12,
            memory_per_pod: measured::API_MIB,
            bytes_per_request: measured::BATTLE_BYTES,
            gbits_per_machine: 10.0,
            series_per_pod: measured::SERIES_PER_POD,
            scrape_seconds: 15,
            bytes_per_sample: 2.0,
            retention_days: 15,
            samples_per_prometheus: 100_000.0,
            logins_per_pod: measured::LOGINS_PER_POD,
            database_logins: 20,
            training_rows: measured::SEARCH.0,
        }
    }

    /// What one pod answers in a second before another one is wanted.
    fn per_pod(&self) -> f64 {
        self.requests_per_core * self.cores_per_pod * self.utilisation
    }
}

/// The whole reckoning. Every input is positive.
pub fn size(inputs: &Inputs) -> Sizing {
    let pods = whole(inputs.rps / inputs.per_pod()).max(u64::from(inputs.least_pods));
    let cores = whole(inputs.rps / (inputs.requests_per_core * inputs.utilisation));
    let needed = pods as f64 * inputs.cores_per_pod / f64::from(inputs.cores_per_machine);
    let samples_per_second =
        pods as f64 * f64::from(inputs.series_per_pod) / f64::from(inputs.scrape_seconds);
    let stored = samples_per_second * 86_400.0 * f64::from(inputs.retention_days) * inputs.bytes_per_sample;
    Sizing {
        pods,
        cores,
        machines: whole(needed) + u64::from(inputs.spare_machines),
        memory: pods as f64 * inputs.memory_per_pod,
        gbits: inputs.rps * inputs.bytes_per_request * 8.0 / 1e9,
        samples_per_second,
        metrics: stored / (1_u64 << 30) as f64,
        logins: pods * u64::from(inputs.logins_per_pod),
        training_seconds: training::seconds(measured::TRAINING, inputs.training_rows),
        bounds: bounds(inputs),
    }
}

/// At least one: whatever is to answer at all has to run.
fn whole(amount: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive count, saturating"
    )]
    let count = amount.ceil() as u64;
    count.max(1)
}

fn bounds(inputs: &Inputs) -> Vec<Bound> {
    let per_pod = inputs.per_pod();
    let pods = |count: f64| count.floor() * per_pod;
    let logins = f64::from(inputs.database_logins) / f64::from(inputs.logins_per_pod);
    let scraped =
        inputs.samples_per_prometheus * f64::from(inputs.scrape_seconds) / f64::from(inputs.series_per_pod);
    let mut bounds = vec![
        Bound { what: "one pod", until: per_pod, mend: "the autoscaler adds pods" },
        Bound {
            what: "the autoscaler's most pods",
            until: pods(f64::from(inputs.most_pods)),
            mend: "raise maxReplicas in overlays/production/autoscale.yaml",
        },
        Bound {
            what: "logins that the database lets the API have",
            until: pods(logins),
            mend: "raise CONNECTION LIMIT in stack/postgres/production/roles.sql, then max_connections; or a pooler before the database",
        },
        Bound {
            what: "the network of one machine, where one Ingress is the only door",
            until: inputs.gbits_per_machine * 1e9 / 8.0 / inputs.bytes_per_request,
            mend: "an Ingress on several machines behind a balancer, or several addresses in DNS",
        },
        Bound {
            what: "one Prometheus",
            until: pods(scraped),
            mend: "a Prometheus for each part of the pods (sharding), or fewer series",
        },
    ];
    bounds.sort_by(|a, b| a.until.total_cmp(&b.until));
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Round figures, so that every result can be reckoned in the head.
    fn inputs(rps: f64) -> Inputs {
        Inputs {
            requests_per_core: 1_000.0,
            utilisation: 0.5,
            cores_per_machine: 4,
            memory_per_pod: 16.0,
            bytes_per_request: 1_000.0,
            gbits_per_machine: 1.0,
            series_per_pod: 150,
            logins_per_pod: 1,
            ..Inputs::for_rate(rps)
        }
    }

    #[test]
    fn a_rate_becomes_pods_machines_and_what_they_bring() {
        let sizing = size(&inputs(10_000.0));
        assert_eq!((sizing.pods, sizing.cores, sizing.machines, sizing.logins), (20, 20, 6, 20));
        assert!((sizing.memory - 320.0).abs() < 1e-9);
        assert!((sizing.gbits - 0.08).abs() < 1e-12);
        assert!((sizing.samples_per_second - 200.0).abs() < 1e-9);
        // 200 samples × 86,400 s × 15 days × 2 bytes.
        assert!((sizing.metrics - 518_400_000.0 / 1_073_741_824.0).abs() < 1e-9);
    }

    #[test]
    fn whatever_is_asked_for_the_least_that_the_autoscaler_keeps_has_to_run() {
        let sizing = size(&inputs(0.001));
        assert_eq!((sizing.pods, sizing.cores, sizing.machines), (3, 1, 2));
        let one = size(&Inputs { least_pods: 0, ..inputs(0.001) });
        assert_eq!((one.pods, one.cores, one.machines), (1, 1, 2), "something has to run");
    }

    #[test]
    fn the_first_to_break_comes_first() {
        let sizing = size(&inputs(1.0));
        let found: Vec<(&str, f64)> = sizing.bounds.iter().map(|bound| (bound.what, bound.until)).collect();
        assert_eq!(
            found,
            [
                ("one pod", 500.0),
                ("the autoscaler's most pods", 6_000.0),
                ("logins that the database lets the API have", 10_000.0),
                ("the network of one machine, where one Ingress is the only door", 125_000.0),
                ("one Prometheus", 5_000_000.0),
            ]
        );
    }

    #[test]
    fn twice_the_rate_never_takes_less() {
        for rps in [1.0, 999.0, 12_345.0, 1e6] {
            let (one, two) = (size(&inputs(rps)), size(&inputs(2.0 * rps)));
            assert!(two.pods >= one.pods && two.machines >= one.machines && two.gbits > one.gbits, "{rps}");
        }
    }
}
