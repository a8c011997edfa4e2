//! Users: each comes, looks at the list and at some Pokémon, asks for battles, thinks in between, goes, and comes again. When they
//! do follows from the seed and not from how fast the server answers: a slow server is not spared. Pure.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::curve::Mode;
use super::random::Random;
use super::shot::{self, Ask, Shot};

/// Seconds between two requests of a session, on average.
const THINK: f64 = 2.0;
/// Seconds between two sessions in the busiest hour, on average.
const AWAY: f64 = 6.0;
/// Requests of a session, on average: the list, one to three details, one to four battles.
const REQUESTS: f64 = 5.5;

/// Requests per second of one user in the busiest hour.
pub(super) const PER_USER: f64 = REQUESTS / (REQUESTS * THINK + AWAY);

/// All users of a run, as the stream of their requests in order.
#[derive(Debug)]
pub(super) struct Crowd {
    users: Vec<User>,
    /// Who acts next, and when; of two at the same instant the lower number first.
    next: BinaryHeap<Reverse<(u64, u32)>>,
    duration_us: u64,
}

#[derive(Debug)]
struct User {
    random: Random,
    /// What is left of the session, the next one last.
    plan: Vec<Step>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    List,
    Detail,
    Battle,
    Mistake,
}

impl Crowd {
    pub(super) fn new(users: u32, seed: u64, duration_us: u64) -> Self {
        let users: Vec<User> = (0..users)
            .map(|number| User { random: Random::new(seed, u64::from(number) + 1), plan: Vec::new() })
            .collect();
        let mut crowd = Self { users, next: BinaryHeap::new(), duration_us };
        for number in 0..crowd.users.len() {
            crowd.send_away(number, 0);
        }
        crowd
    }

    /// Until this user's next session: longer in the quiet hours.
    fn send_away(&mut self, number: usize, now: u64) {
        let user = &mut self.users[number];
        let moment = now as f64 / self.duration_us as f64;
        let active = Mode::Realistic.share(moment, 0.0);
        // In the quiet hours the whole cycle gets longer, and only the pause can.
        let pause = (AWAY + REQUESTS * THINK) / active - REQUESTS * THINK;
        let at = now + micros(pause * user.random.wait());
        user.plan = session(&mut user.random);
        self.call(number, at);
    }

    fn call(&mut self, number: usize, at: u64) {
        if let (true, Ok(user)) = (at < self.duration_us, u32::try_from(number)) {
            self.next.push(Reverse((at, user)));
        }
    }
}

impl Iterator for Crowd {
    type Item = Shot;

    fn next(&mut self) -> Option<Shot> {
        let Reverse((at_us, number)) = self.next.pop()?;
        let index = number as usize;
        let user = &mut self.users[index];
        let step = user.plan.pop().unwrap_or(Step::List);
        let ask = ask(step, &mut user.random);
        if user.plan.is_empty() {
            self.send_away(index, at_us);
        } else {
            let think = micros(THINK * user.random.wait());
            self.call(index, at_us + think);
        }
        Some(Shot { at_us, user: Some(number), ask })
    }
}

fn session(random: &mut Random) -> Vec<Step> {
    let mut steps = vec![Step::List];
    steps.extend((0..=random.below(3)).map(|_| Step::Detail));
    steps.extend((0..=random.below(4)).map(|_| Step::Battle));
    if random.chance(0.1) {
        let last = steps.len() - 1;
        steps[last] = Step::Mistake;
    }
    steps.reverse();
    steps
}

fn ask(step: Step, random: &mut Random) -> Ask {
    match step {
        Step::List => shot::list(random),
        Step::Detail => shot::detail(random),
        Step::Battle => shot::battle(random),
        Step::Mistake => shot::mistake(random),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run, not negative")]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_in_order_within_the_run_and_follow_the_day() {
        let shots: Vec<Shot> = Crowd::new(500, 7, 600_000_000).collect();
        assert!(shots.is_sorted_by_key(|shot| shot.at_us));
        assert!(shots.iter().all(|shot| shot.at_us < 600_000_000));
        let of = |hours: std::ops::Range<u64>| {
            shots.iter().filter(|shot| hours.contains(&(shot.at_us / 25_000_000))).count()
        };
        assert!(of(3..5) * 3 < of(20..22), "{} by night, {} in the evening", of(3..5), of(20..22));
        let evening = of(20..22) as f64 / 50.0;
        assert!((evening / (500.0 * PER_USER) - 1.0).abs() < 0.15, "{evening} per second");
    }

    #[test]
    fn users_think_and_begin_with_the_list() {
        let shots: Vec<Shot> = Crowd::new(1, 3, 3_600_000_000).collect();
        assert_eq!(shots[0].ask.name, "GET /pokemon");
        assert!(shots.windows(2).all(|pair| pair[0].at_us < pair[1].at_us));
        assert!(shots.iter().any(|shot| shot.ask.is_mistake()));
    }
}
