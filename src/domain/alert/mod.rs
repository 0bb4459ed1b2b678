//! Alerts: what a rule says, what of a window it judges, and how one alert goes from quiet to firing and back.
//!
//! A rule compares one figure of one window with a threshold, exactly on the fraction. What cannot be judged (an undefined figure, too
//! small a base, input that is not to be relied on) holds the state as it is: it never fires and never resolves.

pub mod fraction;
pub mod metric;
pub mod operational;
pub mod progress;
pub mod record;
pub mod rule;
pub mod shipped;
pub mod suppression;
pub mod template;

pub use fraction::Fraction;
pub use metric::Metric;
pub use operational::{Limits, Trouble, Vitals};
pub use progress::{Observation, Progress, Reason, State, Timing, step};
pub use record::{Record, Resolved, Told};
pub use rule::{Guards, Rule, Scope, Severity, Side, Test};
pub use suppression::Suppression;
pub use template::{Place, Template};
