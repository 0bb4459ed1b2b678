//! The exposition as a scraper sees it: golden files of both formats, their grammar, promtool's lint, and the documentation.
//!
//! `BLESS=1 cargo test --test exposition` writes the golden files anew; read the difference before keeping it.

mod documentation;
mod fixture;
mod golden;
mod grammar;
mod presence;
mod series;
