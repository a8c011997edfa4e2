//! Points in time as a person gives them on the command line, and this machine's own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::exit::{Exit, Stop};
use crate::definition;
use crate::world::time::Timestamp;

/// `10m` (ago), `2026-01-31T08:00:00Z`, or seconds since 1970.
pub(crate) fn moment(option: &str, text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, Stop> {
    text.map(|text| {
        let ago = definition::duration(text).filter(|_| text.ends_with(char::is_alphabetic));
        let ago = ago.map(|ago: Duration| now.before(ago));
        ago.or_else(|| Timestamp::parse(text)).ok_or_else(|| {
            Stop::new(
                Exit::Usage,
                format!("--{option}: {text} is no time"),
                Some("say how long ago (10m, 1h30m), a time (2026-01-31T08:00:00Z) or seconds since 1970"),
            )
        })
    })
    .transpose()
}

/// This machine's time of day, where no engine is asked.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
