//! What a server does beside answering, on real databases and a real Redis.

mod alerts;
mod events;
mod harness;
mod reference;
mod relay;
mod scheduler;
mod signals;
mod supervisor;
mod worker;
