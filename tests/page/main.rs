//! The live page in a real Chromium: its figures, how they arrive, what it says while there are none, and whether everybody can use it.
//!
//! Each test starts a server and a *walk*, a script in this directory that drives the browser (Playwright) and judges what it sees
//! (axe). `make setup` installs Chromium and the two libraries.

mod live;
mod stage;
mod walk;

use stage::Stage;
use walk::walk;

#[test]
fn every_figure_on_the_page_is_the_report_s() {
    let stage = Stage::of_a_history();
    walk("figures", &stage.base(), |_| unreachable!("nothing is asked for"));
}

#[test]
fn everybody_can_use_it() {
    let stage = Stage::of_a_history();
    walk("access", &stage.base(), |_| unreachable!("nothing is asked for"));
}

#[test]
fn what_is_not_known_is_not_shown() {
    let stage = Stage::waiting();
    walk("waiting", &stage.base(), |wish| stage.act(wish));
}
