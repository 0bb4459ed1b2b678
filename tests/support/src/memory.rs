//! An allocator that counts, for tests of how much memory hostile input can take. A test crate makes it its global allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what each thread holds and the most it held.
pub struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn count(change: isize) {
    let held = HELD.get() + change;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
    CALLS.set(CALLS.get() + usize::from(change > 0));
}

// SAFETY: every call is handed to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

/// The most bytes that `work` held at once, and the number of its allocations. Counts nothing unless [`Counting`] is the global
/// allocator.
pub fn measured<T>(work: impl FnOnce() -> T) -> (usize, usize) {
    let (before, calls) = (HELD.get(), CALLS.get());
    MOST.set(before);
    drop(work());
    ((MOST.get() - before) as usize, CALLS.get() - calls)
}
