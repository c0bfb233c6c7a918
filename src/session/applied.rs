//! An update between its checks and the first frame that has it.

use serde_json::Value;
use tokio::sync::oneshot;

use crate::stage::{Fault, Values};

/// An update by HTTP that the stage is to have: the values that it asks for, and what becomes of it.
pub struct Accepted {
    pub parameters: Values,
    pub outcome: oneshot::Receiver<Outcome>,
}

/// What became of an update by HTTP.
pub type Outcome = Result<Applied, Vec<Fault>>;

/// An update that passed its checks.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The effective values.
    pub parameters: Values,
    /// Number of the first frame that has them; `None` where no stage has taken them yet.
    pub frame: Option<u64>,
}

/// An update that is not in force yet.
pub struct Pending {
    pub version: u64,
    pub ignored: Vec<String>,
    pub asker: Asker,
}

/// Who asked for an update.
pub enum Asker {
    /// The client, with its own `id`.
    Channel(Option<Value>),
    /// A request, which may have given up.
    Http(oneshot::Sender<Outcome>),
}
