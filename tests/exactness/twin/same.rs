//! Whether two views are the same; the first figure in which they differ is named, and rates are judged by the twin's arithmetic.

use super::rates::{band, motion_rates, rates};
use upswell::domain::rates::Sums;
use upswell::engine::report::{Report, SegmentReport};

/// An error about the first figure in which two views differ.
pub fn same(expected: &Report, actual: &Report) -> Result<(), String> {
    equal("as_of", &expected.as_of, &actual.as_of)?;
    equal("currency", &expected.currency, &actual.currency)?;
    equal("zone", &expected.time_zone, &actual.time_zone)?;
    equal("mrr", &expected.mrr, &actual.mrr)?;
    equal("usage today", &expected.usage_today, &actual.usage_today)?;
    equal("number of windows", &expected.windows.len(), &actual.windows.len())?;
    for (one, other) in expected.windows.iter().zip(&actual.windows) {
        let name = &one.window;
        equal("window", &(name, one.comparison_opening), &(&other.window, other.comparison_opening))?;
        equal(name, &(one.opening_edge, one.closing_edge), &(other.opening_edge, other.closing_edge))?;
        same_sums(name, &one.total, &other.total, one.has_comparison())?;
        equal(name, &one.dimensions.len(), &other.dimensions.len())?;
        let has_comparison = one.has_comparison();
        for (one, other) in one.dimensions.iter().zip(&other.dimensions) {
            let values =
                |segments: &[SegmentReport]| -> Vec<String> { segments.iter().map(|segment| segment.value.clone()).collect() };
            let at = format!("{name}, {}", one.dimension);
            equal(&at, &one.dimension, &other.dimension)?;
            equal(&at, &values(&one.segments), &values(&other.segments))?;
            for (mine, yours) in one.segments.iter().zip(&other.segments) {
                same_sums(&format!("{at}, {:?}", mine.value), &mine.sums, &yours.sums, has_comparison)?;
            }
            equal(&format!("{at}, folded"), &one.folded, &other.folded)?;
        }
    }
    Ok(())
}

fn same_sums(at: &str, expected: &Sums, actual: &Sums, has_comparison: bool) -> Result<(), String> {
    equal(at, &expected.money, &actual.money)?;
    equal(at, &expected.customers, &actual.customers)?;
    equal(at, &rates(expected, has_comparison), &actual.rates(has_comparison))?;
    equal(at, &motion_rates(expected), &actual.motion_rates())?;
    equal(at, &band(expected), &actual.band())
}

/// An error that shows both, unless they are equal.
pub fn equal<T: PartialEq + std::fmt::Debug>(at: &str, expected: &T, actual: &T) -> Result<(), String> {
    (expected == actual).then_some(()).ok_or_else(|| format!("{at}:\n  twin   {expected:?}\n  engine {actual:?}"))
}
