//! Whether a request may come in: its address, its key, and what both have left.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::keys::{Key, Keys};
use crate::problem::{Kind, Problem};
use crate::rate::{Addresses, Rate};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What a service asks of its callers.
#[derive(Debug, Default)]
pub struct Rules {
    pub keys: Keys,
    /// Where some of them come from, and newer ones will.
    pub keys_file: Option<PathBuf>,
    /// Whether a request without a valid key is refused.
    pub key_required: bool,
    /// Requests per second of one address; none is no limit.
    pub per_address: Option<u32>,
    /// Whether the last address in `X-Forwarded-For` is the caller's: only behind a proxy that sets it.
    pub behind_proxy: bool,
}

/// The rules at work.
pub struct Gate {
    keys: RwLock<Keys>,
    /// Whether there are any or ever will be; if not, nobody waits for the lock.
    keyed: bool,
    key_required: bool,
    addresses: Option<Addresses>,
    behind_proxy: bool,
    start: Instant,
}

impl Gate {
    pub fn new(rules: Rules) -> Self {
        let addresses = rules.per_address.map(|per_second| Addresses::new(Rate::per_second(per_second)));
        let Rules { keys, keys_file, key_required, behind_proxy, .. } = rules;
        let keyed = keys_file.is_some() || !keys.is_empty();
        Self { keys: RwLock::new(keys), keyed, key_required, addresses, behind_proxy, start: Instant::now() }
    }

    /// No limits, no key.
    pub fn open() -> Self {
        Self::new(Rules::default())
    }

    /// Asks for this one key.
    pub fn with_key(key: &str) -> Self {
        let keys = Keys::new(vec![Key::unlimited("default", key)]);
        Self::new(Rules { keys, key_required: true, ..Rules::default() })
    }

    pub fn key_required(&self) -> bool {
        self.key_required
    }

    /// From now on the keys of the file are these.
    pub fn renew_keys(&self, of_file: Keys) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).renew(of_file);
    }

    /// 429 for an address that calls too often, 401 for a key that is missing or wrong, 429 for one that has nothing left. An
    /// address is counted before its key is looked at, so guessing keys is limited too.
    pub fn admit(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<(), Problem> {
        let now = self.start.elapsed();
        if let Some(addresses) = &self.addresses
            && let Some(address) = self.address(headers, peer)
        {
            addresses.take(address, now).map_err(|wait| too_many("This address", wait))?;
        }
        match self.take(headers, now) {
            Some(taken) => taken.map_err(|wait| too_many("This key", wait)),
            None if self.key_required => {
                Err(Problem::new(Kind::Unauthorized, "Send the key in the `X-API-Key` header."))
            }
            None => Ok(()),
        }
    }

    /// Takes one request from the key given; none when it is nobody's.
    fn take(&self, headers: &HeaderMap, now: Duration) -> Option<Result<(), Duration>> {
        if !self.keyed {
            return None;
        }
        let given = headers.get(API_KEY).map_or(&b""[..], HeaderValue::as_bytes);
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.find(given).map(|key| key.take(now))
    }

    fn address(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
        let forwarded = || {
            let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
            last.rsplit(',').next()?.trim().parse().ok()
        };
        if self.behind_proxy { forwarded().or(peer) } else { peer }
    }
}

fn too_many(who: &str, wait: Duration) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Problem::new(Kind::TooManyRequests, format!("{who} has used what it may for now.")).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_address_comes_from_the_proxy_only_when_there_is_one() {
        let forwarded = headers(&[(FORWARDED_FOR, "1.1.1.1, 2.2.2.2")]);
        let peer = Some("9.9.9.9".parse().unwrap());
        for (behind_proxy, expected) in [(false, "9.9.9.9"), (true, "2.2.2.2")] {
            let gate = Gate::new(Rules { behind_proxy, ..Rules::default() });
            assert_eq!(gate.address(&forwarded, peer), expected.parse().ok());
        }
        let gate = Gate::new(Rules { behind_proxy: true, ..Rules::default() });
        assert_eq!(gate.address(&headers(&[(FORWARDED_FOR, "nobody")]), peer), peer);
    }

    #[test]
    fn a_key_that_is_not_required_may_be_left_out_and_counts_when_given() {
        let keys = || Keys::new(vec![Key::unlimited("a", "k")]);
        for (key_required, given, kind) in
            [(true, "k", None), (true, "x", Some(Kind::Unauthorized)), (false, "x", None), (false, "k", None)]
        {
            let gate = Gate::new(Rules { keys: keys(), key_required, ..Rules::default() });
            let answer = gate.admit(&headers(&[(API_KEY, given)]), None);
            assert_eq!(answer.err().map(|problem| problem.kind()), kind, "{given}");
        }
    }

    #[test]
    fn guessing_keys_is_limited() {
        let gate = Gate::new(Rules {
            keys: Keys::new(vec![Key::unlimited("a", "k")]),
            key_required: true,
            per_address: Some(2),
            ..Rules::default()
        });
        let peer = Some("9.9.9.9".parse().unwrap());
        let kinds: Vec<Kind> =
            (0..3).filter_map(|_| gate.admit(&HeaderMap::new(), peer).err()).map(|p| p.kind()).collect();
        assert_eq!(kinds, [Kind::Unauthorized, Kind::Unauthorized, Kind::TooManyRequests]);
    }
}
