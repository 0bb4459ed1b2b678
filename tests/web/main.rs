//! Who is let in: TLS, client certificates, passwords, customer data and other sites' pages, asked by curl over real sockets.
//!
//! The files of `http.web_config` are read by the configuration as `upswell run` reads them, and `promtool` finds each of them valid.

mod commands;
mod customers;
mod kept;
mod limits;
mod passwords;
mod prometheus;
mod rereading;
mod site;
mod tls;
