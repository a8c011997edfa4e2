//! The course of a drill on a clock that is a number.

use super::*;

const TIMEOUT: Duration = Duration::from_mins(15);

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn seen(state: State) -> Event {
    Event::Seen(Seen { state, said: Some("slow".to_owned()), every: seconds(15) })
}

/// A drill to which all this happened, and what it answered to the last.
fn after(events: &[(u64, Event)]) -> (Drill, Vec<Action>) {
    let mut drill = Drill::new(TIMEOUT);
    let mut last = Vec::new();
    for (at, event) in events {
        last = drill.on(seconds(*at), event.clone());
    }
    (drill, last)
}

/// Up to the disturbance, which begins after five seconds.
fn disturbed() -> Vec<(u64, Event)> {
    vec![(0, Event::Begun), (5, Event::Prepared(Ok(()))), (6, Event::Touched(Ok(())))]
}

/// Up to everything being put back.
fn restored() -> Vec<(u64, Event)> {
    let rest = [
        (35, seen(State::Pending)),
        (95, seen(State::Firing)),
        (96, Event::PutBack(Ok(()))),
        (97, Event::Ready(Ok(()))),
    ];
    disturbed().into_iter().chain(rest).collect()
}

fn with(mut events: Vec<(u64, Event)>, more: &[(u64, Event)]) -> (Drill, Vec<Action>) {
    events.extend_from_slice(more);
    after(&events)
}

#[test]
fn an_alert_waits_fires_and_ends() {
    let (_, actions) = after(&disturbed());
    assert_eq!(actions, [Action::Tell(Milestone::Disturbed), Action::Trouble]);
    let (_, actions) = with(disturbed(), &[(35, seen(State::Pending))]);
    assert_eq!(actions, [Action::Tell(Milestone::Pending)]);
    let (_, actions) = with(disturbed(), &[(35, seen(State::Pending)), (95, seen(State::Firing))]);
    let firing = Milestone::Firing { said: Some("slow".to_owned()) };
    assert_eq!(actions, [Action::Tell(firing), Action::PutBack]);
    let (_, actions) = after(&restored());
    assert_eq!(actions, [Action::Tell(Milestone::Restored), Action::Health]);
    let (drill, actions) = with(restored(), &[(100, seen(State::Firing)), (155, seen(State::Inactive))]);
    assert_eq!(actions, [Action::Tell(Milestone::Resolved), Action::End]);
    let course = drill.course();
    let times = [course.pending, course.firing, course.restored, course.resolved];
    assert_eq!(times, [30, 90, 92, 150].map(|s| Some(seconds(s))), "since the disturbance");
    assert_eq!((&course.verdict, &course.left), (&Some(Verdict::Passed), &None));
}

#[test]
fn one_that_was_not_seen_pending_was_so_when_it_fired() {
    let (drill, _) = with(disturbed(), &[(70, seen(State::Firing))]);
    assert_eq!((drill.course().pending, drill.course().firing), (Some(seconds(65)), Some(seconds(65))));
}

#[test]
fn one_whose_condition_does_not_last_begins_anew() {
    let more = [(35, seen(State::Pending)), (50, seen(State::Inactive)), (65, seen(State::Pending))];
    let (drill, _) = with(disturbed(), &more);
    assert_eq!(drill.course().pending, Some(seconds(60)));
}

#[test]
fn one_that_does_not_fire_in_time_is_given_up_and_everything_put_back() {
    let late = 5 + TIMEOUT.as_secs() + 1;
    let (drill, actions) = with(disturbed(), &[(late, seen(State::Pending))]);
    assert_eq!(actions, [Action::Tell(Milestone::GivenUp(Verdict::NotFired)), Action::PutBack]);
    assert!(!drill.has_ended());
    let (drill, actions) =
        with(disturbed(), &[(late, seen(State::Inactive)), (late + 1, Event::PutBack(Ok(())))]);
    assert_eq!((actions, drill.has_ended()), (vec![Action::End], true));
    assert_eq!(drill.course().verdict, Some(Verdict::NotFired));
    // It fires at the last moment: that counts.
    let (drill, _) = with(disturbed(), &[(late, seen(State::Firing))]);
    assert_eq!(drill.course().verdict, None);
}

#[test]
fn one_that_does_not_end_in_time_is_called_so() {
    let (drill, actions) = with(restored(), &[(97 + TIMEOUT.as_secs() + 1, seen(State::Firing))]);
    assert_eq!((actions, drill.has_ended()), (vec![Action::End], true));
    assert_eq!(drill.course().verdict, Some(Verdict::NotResolved));
}

#[test]
fn an_interruption_puts_back_what_was_touched_and_nothing_else() {
    let (_, actions) = after(&[(0, Event::Begun), (1, Event::Interrupted)]);
    assert_eq!(actions, [Action::End], "nothing was touched");
    for more in [&[][..], &[(35, seen(State::Pending))]] {
        let (drill, _) = with(disturbed(), more);
        assert!(drill.watches());
        let (_, actions) = with(disturbed(), &[more, &[(40, Event::Interrupted)]].concat());
        assert_eq!(actions.last(), Some(&Action::PutBack));
    }
    let (drill, actions) = with(restored(), &[(100, Event::Interrupted)]);
    assert_eq!((actions, &drill.course().verdict), (vec![Action::End], &Some(Verdict::Interrupted)));
}

#[test]
fn a_touch_that_fails_half_way_is_undone() {
    let events = [(0, Event::Begun), (5, Event::Prepared(Ok(()))), (6, Event::Touched(Err("no".to_owned())))];
    let (_, actions) = after(&events);
    assert_eq!(actions.last(), Some(&Action::PutBack));
    let (drill, actions) =
        after(&[(0, Event::Begun), (1, Event::Prepared(Err("it fires already".to_owned())))]);
    assert_eq!(actions, [Action::End]);
    assert_eq!(drill.course().verdict, Some(Verdict::Failed("it fires already".to_owned())));
}

#[test]
fn what_cannot_be_put_back_is_told() {
    let wrong = || Event::PutBack(Err("the engine is gone".to_owned()));
    for more in [&[(40, Event::Interrupted), (41, wrong())][..], &[(95, seen(State::Firing)), (96, wrong())]]
    {
        let (drill, actions) = with(disturbed(), more);
        assert_eq!((actions, drill.has_ended()), (vec![Action::End], true));
        assert_eq!(drill.course().left.as_deref(), Some("the engine is gone"));
    }
    let (drill, _) = with(
        disturbed(),
        &[
            (95, seen(State::Firing)),
            (96, Event::PutBack(Ok(()))),
            (160, Event::Ready(Err("not ready".to_owned()))),
        ],
    );
    assert_eq!(drill.course().verdict, Some(Verdict::Failed("not ready".to_owned())));
    assert_eq!(drill.course().left, None);
}

#[test]
fn a_prometheus_that_is_silent_for_a_moment_is_waited_for() {
    let blind = |at| (at, Event::Blind("refused".to_owned()));
    let (drill, actions) = with(disturbed(), &[blind(10), blind(69)]);
    assert!(actions.is_empty() && drill.watches());
    let (_, actions) = with(disturbed(), &[blind(10), blind(71)]);
    assert_eq!(actions.last(), Some(&Action::PutBack));
    let (_, actions) = with(disturbed(), &[blind(10), (60, seen(State::Inactive)), blind(71), blind(120)]);
    assert!(actions.is_empty(), "it answered meanwhile");
    let (_, actions) = with(restored(), &[blind(100), blind(161)]);
    assert_eq!(actions, [Action::End]);
}

#[test]
fn events_that_come_late_change_nothing() {
    let (mut drill, _) = with(restored(), &[(155, seen(State::Inactive))]);
    let course = drill.course().clone();
    for event in [seen(State::Firing), Event::Interrupted, Event::PutBack(Err("x".to_owned())), Event::Begun]
    {
        assert!(drill.on(seconds(200), event).is_empty());
    }
    assert_eq!(drill.course(), &course);
}
