//! How often somebody may call. Buckets that leak evenly (the generic cell rate algorithm): one number each, no timer, no lock.
//! The clock is the caller's.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Requests per second in the long run; as many at once as one second allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval_ns: u64,
    burst_ns: u64,
}

const SECOND_NS: u64 = 1_000_000_000;

impl Rate {
    /// `per_second` is at least 1.
    pub fn per_second(per_second: u32) -> Self {
        let interval_ns = SECOND_NS / u64::from(per_second.max(1));
        Self { interval_ns, burst_ns: SECOND_NS - interval_ns.min(SECOND_NS) }
    }
}

/// One caller's bucket: when it will be empty, in nanoseconds of the caller's clock.
#[derive(Debug, Default)]
pub struct Bucket(AtomicU64);

impl Bucket {
    /// Takes one request's worth at `now`; how long to wait when there is none.
    pub fn take(&self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut wait = 0;
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty_at| {
            let empty_at = empty_at.max(now);
            wait = (empty_at - now).saturating_sub(rate.burst_ns);
            (wait == 0).then(|| empty_at.saturating_add(rate.interval_ns))
        });
        taken.map(|_| ()).map_err(|_| Duration::from_nanos(wait))
    }
}

/// Buckets of addresses. Their number is fixed, so that no flood of addresses makes it grow: addresses are spread over them by
/// a hash that nobody outside can compute, and two that meet share one.
pub struct Addresses {
    rate: Rate,
    buckets: Vec<Bucket>,
    hasher: RandomState,
}

/// 128 KiB; with a thousand addresses at once, one in sixteen shares its bucket.
const BUCKETS: usize = 16 * 1024;

impl Addresses {
    pub fn new(rate: Rate) -> Self {
        let buckets = (0..BUCKETS).map(|_| Bucket::default()).collect();
        Self { rate, buckets, hasher: RandomState::new() }
    }

    /// Takes one request's worth from the bucket of an address.
    pub fn take(&self, address: IpAddr, now: Duration) -> Result<(), Duration> {
        let hash = usize::try_from(self.hasher.hash_one(network(address))).unwrap_or(0);
        self.buckets[hash % BUCKETS].take(self.rate, now)
    }
}

/// What one customer has: an address of version 4, or the first half of one of version 6.
fn network(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u64::from(u32::from(v4)),
        IpAddr::V6(v6) => (u128::from(v6) >> 64) as u64,
    }
}

/// Requests of one day, by the calendar in UTC. One word: the day, and how many.
#[derive(Debug, Default)]
pub struct Day(AtomicU64);

const COUNT_BITS: u32 = 40;

impl Day {
    /// Counts one request at `now` (since 1970); how long until tomorrow when there are `quota` already.
    pub fn take(&self, quota: u64, now: Duration) -> Result<(), Duration> {
        const DAY_S: u64 = 24 * 60 * 60;
        let today = now.as_secs() / DAY_S;
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let (day, count) = (word >> COUNT_BITS, word & ((1 << COUNT_BITS) - 1));
            let count = if day == today { count } else { 0 };
            (count < quota).then(|| (today << COUNT_BITS) | (count + 1))
        });
        taken.map(|_| ()).map_err(|_| Duration::from_secs(DAY_S - now.as_secs() % DAY_S))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_second_may_come_at_once_and_then_evenly() {
        let (bucket, rate) = (Bucket::default(), Rate::per_second(10));
        let at = MS(5000);
        assert_eq!((0..20).filter(|_| bucket.take(rate, at).is_ok()).count(), 10);
        assert_eq!(bucket.take(rate, at), Err(MS(100)));
        assert_eq!(bucket.take(rate, at + MS(99)), Err(MS(1)));
        assert_eq!(bucket.take(rate, at + MS(100)), Ok(()));
        assert_eq!(bucket.take(rate, at + MS(100)), Err(MS(100)));
        assert_eq!((0..20).filter(|_| bucket.take(rate, at + MS(60_000)).is_ok()).count(), 10);
    }

    #[test]
    fn one_per_second_is_one() {
        let (bucket, rate) = (Bucket::default(), Rate::per_second(1));
        assert_eq!(bucket.take(rate, MS(0)), Ok(()));
        assert_eq!(bucket.take(rate, MS(1)), Err(MS(999)));
    }

    #[test]
    fn addresses_are_apart_and_a_network_of_version_6_is_one() {
        let addresses = Addresses::new(Rate::per_second(1));
        let take = |address: &str| addresses.take(address.parse().unwrap(), MS(1)).is_ok();
        assert!(take("10.0.0.1") && !take("10.0.0.1") && !take("::ffff:10.0.0.1"));
        assert!(take("2001:db8::1") && !take("2001:db8::2"));
        // Of a hundred more, at most a few meet one another.
        assert!((0..100).filter(|i| take(&format!("10.1.0.{i}"))).count() > 90);
    }

    #[test]
    fn a_day_has_its_quota_and_the_next_one_too() {
        let (day, noon) = (Day::default(), Duration::from_hours(12));
        assert_eq!((day.take(2, noon), day.take(2, noon)), (Ok(()), Ok(())));
        assert_eq!(day.take(2, noon), Err(Duration::from_hours(12)));
        assert_eq!(day.take(2, Duration::from_hours(24)), Ok(()));
        // A clock that was set back starts that day anew.
        assert_eq!(day.take(2, noon), Ok(()));
    }
}
