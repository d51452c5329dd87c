//! What tests share: private servers, builders and the store conformance suite; never shipped.

mod ambient;
pub mod builders;
pub mod conformance;
mod massive_stand_in;
pub mod older_database;
mod servers;

pub use ambient::ManualAmbient;
pub use massive_stand_in::{Asked, Fault, MassiveStandIn, RetryAfter, StandInListing, StandInSettings};
pub use servers::{
    Authority, Certificate, POSTGRES_VARIABLE, PostgresServer, REDIS_VARIABLE, RedisServer, ServerError, TestDatabase,
    servers_required, test_database, test_redis,
};
