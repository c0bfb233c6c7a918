//! The parts of the server's `stage` that reading a message uses; its kinds would pull in ONNX Runtime and more.

#[path = "../../src/stage/cause.rs"]
mod cause;
#[path = "../../src/stage/catalog/description.rs"]
mod description;
#[path = "../../src/stage/error.rs"]
mod error;
#[path = "../../src/stage/catalog/expected.rs"]
mod expected;
#[path = "../../src/stage/info.rs"]
mod info;
#[path = "../../src/stage/io.rs"]
mod io;
#[path = "../../src/stage/catalog/params.rs"]
mod params;
#[path = "../../src/stage/prompts.rs"]
pub mod prompts;
#[path = "../../src/stage/restart.rs"]
mod restart;
#[path = "../../src/stage/values.rs"]
mod values;

pub use cause::Cause;
pub use description::Description;
pub use error::Error;
pub use info::{Info, Input, OnFailure};
pub use io::{State, Status, Update};
pub use params::{FAULTS, Schema};
pub use prompts::Transition;
pub use restart::{Crash, Restart};
pub use values::{Fault, Json, ParameterValues, Parameters, Values, kind};
