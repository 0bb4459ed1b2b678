//! How one alert goes on: a pure function of its rule's times, what is observed, what was, and now.
//!
//! Guarantees: an observation that is suppressed changes no state, so it never fires and never resolves; only time between two judged
//! observations counts, and of a gap between them (a restart, a machine asleep, a clock that jumps) no more than `longest`; a value
//! between the threshold and the clear mark neither fires nor resolves.

use super::Suppression;
use crate::domain::calendar::Instant;

/// How far an alert has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Inactive,
    /// The condition is true, not yet for long enough.
    Pending {
        since: Instant,
        /// Milliseconds for which it was judged true.
        held: i64,
    },
    Firing {
        since: Instant,
        /// Milliseconds for which it has been judged clear without a break; `None` while it is not.
        clear: Option<i64>,
    },
}

/// An alert from one observation to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub state: State,
    /// When it was judged last, if nothing has kept it from being judged since, in this process.
    pub judged: Option<Instant>,
    /// What keeps it from being judged, and since when something has.
    pub suppressed: Option<(Suppression, Instant)>,
}

/// What is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    Suppressed(Suppression),
    /// Whether the value is beyond the threshold, and whether it is at the clear mark or better; never both.
    Value {
        breached: bool,
        clear: bool,
    },
}

/// A rule's times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Before it fires.
    pub pending: i64,
    /// Before it resolves.
    pub keep: i64,
    /// The most that counts of the time between two observations.
    pub longest: i64,
}

/// Why the state is what it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The state is held.
    Suppressed(Suppression),
    /// The condition is not true.
    Quiet,
    /// The condition is true and has to stay so for a while.
    Waiting,
    Fired,
    /// Still beyond the clear mark.
    Firing,
    /// Clear, and has to stay so for a while.
    Clearing,
    Resolved,
}

/// The next step of an alert.
pub fn step(timing: &Timing, observation: Observation, previous: &Progress, now: Instant) -> (Progress, Reason) {
    let (breached, clear) = match observation {
        Observation::Suppressed(suppression) => {
            let since = previous.suppressed.map_or(now, |(_, since)| since);
            let held = Progress { state: previous.state, judged: None, suppressed: Some((suppression, since)) };
            return (held, Reason::Suppressed(suppression));
        }
        Observation::Value { breached, clear } => (breached, clear),
    };
    let passed = previous.judged.map_or(0, |at| now.0.saturating_sub(at.0).clamp(0, timing.longest));
    let (state, reason) = match previous.state {
        State::Inactive if breached => rising(timing, now, now, 0),
        State::Pending { since, held } if breached => rising(timing, now, since, held.saturating_add(passed)),
        State::Inactive | State::Pending { .. } => (State::Inactive, Reason::Quiet),
        State::Firing { since, clear: before } if clear => {
            falling(timing, since, before.map_or(0, |before| before.saturating_add(passed)))
        }
        State::Firing { since, .. } => (State::Firing { since, clear: None }, Reason::Firing),
    };
    (Progress { state, judged: Some(now), suppressed: None }, reason)
}

fn rising(timing: &Timing, now: Instant, since: Instant, held: i64) -> (State, Reason) {
    match held >= timing.pending {
        true => (State::Firing { since: now, clear: None }, Reason::Fired),
        false => (State::Pending { since, held }, Reason::Waiting),
    }
}

fn falling(timing: &Timing, since: Instant, clear: i64) -> (State, Reason) {
    match clear >= timing.keep {
        true => (State::Inactive, Reason::Resolved),
        false => (State::Firing { since, clear: Some(clear) }, Reason::Clearing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000;
    const TIMING: Timing = Timing { pending: 3 * MINUTE, keep: 2 * MINUTE, longest: MINUTE };

    fn observation(letter: char) -> Observation {
        match letter {
            'b' => Observation::Value { breached: true, clear: false },
            'm' => Observation::Value { breached: false, clear: false },
            'c' => Observation::Value { breached: false, clear: true },
            'u' => Observation::Suppressed(Suppression::Undefined),
            's' => Observation::Suppressed(Suppression::SmallBase),
            _ => panic!("{letter}"),
        }
    }

    fn shown(progress: &Progress) -> char {
        match progress.state {
            State::Inactive => '.',
            State::Pending { .. } => 'p',
            State::Firing { clear: None, .. } => 'F',
            State::Firing { .. } => 'k',
        }
    }

    /// One letter a minute in, the states out.
    fn run(timing: &Timing, letters: &str) -> String {
        let mut progress = Progress::default();
        let mut states = String::new();
        for (minute, letter) in letters.chars().enumerate() {
            let now = Instant(minute as i64 * MINUTE);
            match letter {
                // A restart: what is kept is the state, not when it was judged.
                'R' => progress.judged = None,
                _ => progress = step(timing, observation(letter), &progress, now).0,
            }
            states.push(shown(&progress));
        }
        states
    }

    #[test]
    fn courses() {
        for (what, letters, states) in [
            ("quiet stays quiet", "ccmcm", "....."),
            ("it fires after the time", "cbbbbb", ".pppFF"),
            ("a value that is no longer beyond starts anew", "bbbmbbbb", "ppp.pppF"),
            ("between the marks a firing one stays", "bbbbmmmm", "pppFFFFF"),
            ("it resolves after the time", "bbbbccc", "pppFkk."),
            ("a relapse starts the clearing anew", "bbbbcbccc", "pppFkFkk."),
            ("between the marks the clearing starts anew too", "bbbbcmccc", "pppFkFkk."),
            ("what cannot be judged holds", "bbuuuuubbb", "pppppppppF"),
            ("a firing one is held", "bbbbuuuuu", "pppFFFFFF"),
            ("and so is a clearing one", "bbbbcuuuuucc", "pppFkkkkkkkk"),
            ("a restart fires nothing", "bbRRRRRRbb", "pppppppppp"),
            ("and resolves nothing", "bbbbRRRRc", "pppFFFFFk"),
        ] {
            assert_eq!(run(&TIMING, letters), states, "{what}");
        }
    }

    #[test]
    fn without_times_it_is_at_once() {
        let timing = Timing { pending: 0, keep: 0, longest: MINUTE };
        assert_eq!(run(&timing, "cbmcb"), ".FF.F");
    }

    #[test]
    fn a_gap_counts_as_one_step_at_most() {
        let pending =
            Progress { state: State::Pending { since: Instant(0), held: 0 }, judged: Some(Instant(0)), suppressed: None };
        let year = Instant(365 * 24 * 60 * MINUTE);
        let (after, reason) = step(&TIMING, observation('b'), &pending, year);
        assert_eq!((after.state, reason), (State::Pending { since: Instant(0), held: MINUTE }, Reason::Waiting));
        let (back, _) = step(&TIMING, observation('b'), &after, Instant(0));
        assert_eq!(back.state, after.state, "a clock that goes back counts nothing");
    }

    #[test]
    fn suppression_remembers_since_when() {
        let (one, _) = step(&TIMING, observation('u'), &Progress::default(), Instant(5));
        let (two, reason) = step(&TIMING, observation('s'), &one, Instant(9));
        assert_eq!(two.suppressed, Some((Suppression::SmallBase, Instant(5))));
        assert_eq!(reason, Reason::Suppressed(Suppression::SmallBase));
        assert_eq!(step(&TIMING, observation('m'), &two, Instant(10)).0.suppressed, None);
    }

    fn letters(of: &'static str) -> impl Strategy<Value = String> {
        let chars: Vec<char> = of.chars().collect();
        proptest::collection::vec(proptest::sample::select(chars), 0..60).prop_map(|letters| letters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_that_cannot_be_judged_ever_fires(letters in letters("usR")) {
            let at_once = Timing { pending: 0, keep: 0, longest: MINUTE };
            prop_assert!(run(&at_once, &letters).chars().all(|state| state == '.'));
        }

        #[test]
        fn suppression_never_changes_a_state(before in letters("bmcuR"), held in letters("us")) {
            let states = run(&TIMING, &format!("{before}{held}"));
            let (was, then) = states.split_at(before.len());
            let last = was.chars().last().unwrap_or('.');
            prop_assert!(then.chars().all(|state| state == last));
        }

        #[test]
        fn between_the_marks_nothing_flaps(before in letters("bmcuR"), between in letters("mu")) {
            let states = run(&TIMING, &format!("{before}{between}"));
            let firing = |state: char| matches!(state, 'F' | 'k');
            let (was, then) = states.split_at(before.len());
            let last = firing(was.chars().last().unwrap_or('.'));
            prop_assert!(then.chars().all(|state| firing(state) == last));
        }

        #[test]
        fn firing_takes_its_time(letters in letters("bbbbmcuR")) {
            // Whenever it fires, so many observations before were beyond the threshold, with none that was not among them.
            let states: Vec<char> = run(&TIMING, &letters).chars().collect();
            let letters: Vec<char> = letters.chars().collect();
            for at in 1..states.len() {
                if states[at] == 'F' && !matches!(states[at - 1], 'F' | 'k') {
                    let judged: Vec<char> = letters[..=at].iter().rev().filter(|letter| !matches!(letter, 'u' | 'R')).copied().collect();
                    prop_assert!(judged.iter().take(4).all(|letter| *letter == 'b') && judged.len() >= 4);
                }
            }
        }
    }
}
