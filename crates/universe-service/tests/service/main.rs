//! What a server does beside answering, on real databases and a real Redis.

mod alerts;
mod encryption;
mod events;
mod harness;
mod loading;
mod reference;
mod relay;
mod scheduler;
mod signals;
mod supervisor;
mod worker;
