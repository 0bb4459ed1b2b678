//! The runner finds what it is there to find.

use crate::pool::Pool;
use crate::random::Random;
use crate::runner::{Finding, Target, judged};
use crate::trail::Trail;
use std::panic::catch_unwind;
use std::time::Duration;

/// What one input leads to in a target that reads like this.
fn found(read: impl FnMut(&[u8], &mut Trail)) -> Result<(), Finding> {
    Target { name: "none", words: &[], read: Box::new(read) }.check(b"input", &mut Trail::default())
}

#[test]
fn costs_are_judged() {
    let (little, long) = (Duration::from_millis(1), Duration::from_secs(6));
    assert_eq!(judged(false, little, 64 << 20), Ok(()));
    assert_eq!(judged(false, little, (64 << 20) + 1), Err(Finding::Memory((64 << 20) + 1)));
    assert_eq!(judged(false, long, 0), Err(Finding::Time(long)));
    assert_eq!(judged(true, little, 0), Err(Finding::Panic));
}

#[test]
fn panics_are_found_even_if_somebody_catches_them() {
    assert_eq!(found(|_, _| ()), Ok(()));
    assert_eq!(found(|input, _| assert!(input.is_empty())), Err(Finding::Panic));
    assert_eq!(found(|_, _| drop(catch_unwind(|| panic!("planted")))), Err(Finding::Panic));
}

#[test]
fn memory_is_measured() {
    assert_eq!(found(|_, _| drop(vec![1u8; 1 << 20])), Ok(()));
    assert!(matches!(found(|_, _| drop(vec![1u8; 65 << 20])), Err(Finding::Memory(_))));
}

/// A fault five right bytes deep: each leaves a trail, so that the next builds on it.
#[test]
fn mutations_build_on_what_led_somewhere() {
    let read = |input: &[u8], trail: &mut Trail| {
        let depth = b"fault".iter().zip(input).take_while(|(wanted, byte)| wanted == byte).count();
        trail.count("depth", 1 << depth);
        assert!(depth < 5, "planted");
    };
    let mut planted = Target { name: "planted", words: &["f", "a", "u", "l", "t"], read: Box::new(read) };
    let (mut pool, mut left) = (Pool::default(), 100_000);
    pool.seed(b"start".to_vec(), &Trail::default());
    let hunted = planted.hunt(&mut pool, &mut Random::new(1), |_| {
        left -= 1;
        left > 0
    });
    let (finding, input) = hunted.expect_err("it is found");
    assert_eq!((finding, input.starts_with(b"fault")), (Finding::Panic, true));
}
