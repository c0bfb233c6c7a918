//! What the suite's client and the benchmark's load generator share: one address, one way to HTTP, the same codecs and
//! the same stamp. Each compiles it for itself.

pub mod address;
pub mod chain;
pub mod codec;
pub mod http;
pub mod random;
pub mod stamp;
