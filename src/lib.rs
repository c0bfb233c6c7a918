pub mod frame;
pub mod media;
pub mod session;
pub mod shutdown;
pub mod signalling;
pub mod stage;
pub mod turn;
