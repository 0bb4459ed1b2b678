//! The live page in a real Chromium: its figures, how they arrive, what it says while there are none, and whether everybody can use it.
//!
//! Each test starts a server and a *walk*, a script in this directory that drives the browser (Playwright) and judges what it sees
//! (axe). `make setup` installs Chromium and the two libraries.

mod live;
mod replay;
mod stage;
mod walk;

use stage::Stage;
use walk::walk;

#[test]
fn who_may_not_see_customers_is_told_why() {
    let stage = Stage::open_to_anybody();
    walk("withheld", &stage.base(), |_| unreachable!("nothing is asked for"));
}

#[test]
fn what_is_not_known_is_not_shown() {
    let stage = Stage::waiting();
    walk("waiting", &stage.base(), |wish| stage.act(wish));
}
