//! The pulse: once a second it looks at what is published and says so to every stream.
//!
//! One look for all: however many pages are open, views are compared and the document is written once a second. A stream that is
//! slow misses documents in between and gets the newest; nobody waits for it. Streams end when the server does, because the pulse
//! ends.

use super::State;
use crate::wire::now;
use crate::wire::published::View;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often at most a stream says something.
const EVERY: Duration = Duration::from_secs(1);
/// Looks after which a document goes out although only the instant has moved: pages notice that a connection is dead, and
/// proxies that it is not.
const QUIET_LOOKS: u32 = 5;

/// What was said last, for everybody.
#[derive(Clone, Debug)]
pub struct Pulse {
    said: watch::Receiver<Arc<str>>,
}

/// What the last look saw.
#[derive(Default)]
struct Seen {
    view: Option<Arc<View>>,
    /// Number of the figures of `view`.
    figures: u64,
    /// The last document without its instant.
    rest: String,
    quiet: u32,
}

impl Pulse {
    /// Begins to look, until the `JoinSet` or runtime that runs the returned future ends.
    pub fn new(state: State) -> (Pulse, impl Future<Output = ()>) {
        let mut seen = Seen { figures: beginning(), ..Seen::default() };
        let (say, said) = watch::channel(seen.look(&state).unwrap_or_default());
        let beating = async move {
            let mut looks = interval(EVERY);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                looks.tick().await;
                if let Some(document) = seen.look(&state) {
                    say.send_replace(document);
                }
            }
        };
        (Pulse { said }, beating)
    }

    /// The newest document, at most a few seconds old.
    pub fn now(&self) -> Arc<str> {
        self.said.borrow().clone()
    }

    /// The documents as server-sent events, from the present one on.
    pub fn stream(&self) -> Response {
        let mut said = self.said.clone();
        said.mark_changed();
        Sse::new(unfold(said, next)).into_response()
    }
}

/// Where this process begins to count: where no other does, so that whoever is answered by another process in between notices. It
/// is exact as a float, and leaves room to count.
fn beginning() -> u64 {
    RandomState::new().hash_one("figures") >> 16
}

/// The next event, or the end of the stream when the pulse has ended.
async fn next(mut said: watch::Receiver<Arc<str>>) -> Option<(Result<Event, Infallible>, watch::Receiver<Arc<str>>)> {
    said.changed().await.ok()?;
    let document = said.borrow_and_update().clone();
    Some((Ok(Event::default().event("now").retry(EVERY).data(&*document)), said))
}

impl Seen {
    /// The document, if there is something to say.
    fn look(&mut self, state: &State) -> Option<Arc<str>> {
        let view = state.published.view();
        let same = match (&self.view, &view) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now) || now::same_figures(before, now),
            (None, None) => true,
            _ => false,
        };
        self.figures += u64::from(!same);
        let mut document = now::document(view.as_deref(), self.figures, &state.published, &state.telemetry);
        self.view = view;
        let text: Arc<str> = document.to_string().into();
        document["as_of"].take();
        let rest = document.to_string();
        self.quiet += 1;
        if rest == self.rest && self.quiet < QUIET_LOOKS {
            return None;
        }
        (self.rest, self.quiet) = (rest, 0);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Instant;
    use crate::engine::report::Report;
    use crate::wire::published::Published;
    use crate::wire::telemetry::Telemetry;

    fn view(as_of: i64, mrr: i128) -> View {
        let report = Report {
            as_of: Instant(as_of),
            currency: "USD".into(),
            time_zone: "UTC".into(),
            mrr,
            usage_today: None,
            windows: vec![],
        };
        View { report, live_partitions: 1, owns_all: true, segment_windows: Arc::new([]) }
    }

    fn state() -> State {
        let telemetry = Telemetry::new("subs", "usage", "retries");
        State {
            published: Arc::new(Published::new()),
            telemetry: Arc::new(telemetry),
            reload: None,
            inquiries: crossbeam_channel::bounded(1).0,
        }
    }

    /// `figures` of the document of one look, if it says anything.
    fn figures(seen: &mut Seen, state: &State) -> Option<u64> {
        let document = seen.look(state)?;
        serde_json::from_str::<serde_json::Value>(&document).expect("JSON")["figures"].as_u64()
    }

    #[test]
    fn each_process_counts_from_a_number_of_its_own() {
        let numbers: std::collections::BTreeSet<u64> = (0..8).map(|_| beginning()).collect();
        assert_eq!(numbers.len(), 8);
        assert!(numbers.into_iter().all(|number| number < 1 << 48));
    }

    #[test]
    fn figures_have_a_number_and_quiet_has_an_end() {
        let (state, mut seen) = (state(), Seen::default());
        assert_eq!(figures(&mut seen, &state), Some(0), "nothing is known yet, which is worth saying");
        state.published.publish(view(1, 5));
        assert_eq!(figures(&mut seen, &state), Some(1));
        for look in 1..QUIET_LOOKS {
            state.published.publish(view(1 + i64::from(look), 5));
            assert_eq!(figures(&mut seen, &state), None, "only the instant moved");
        }
        assert_eq!(figures(&mut seen, &state), Some(1), "still there");
        state.published.publish(view(9, 6));
        assert_eq!(figures(&mut seen, &state), Some(2));
        state.published.withdraw();
        assert_eq!(figures(&mut seen, &state), Some(3), "no longer known");
    }
}
