pub mod frame;
pub mod stage;
