//! Notifications on their way: to a server that answers as told, to a real Alertmanager, and from the command line.

mod answers;
mod client;
mod commands;
mod courier;
mod fixture;
mod network;
mod proxy;
mod real;
