//! Pipelines and the kinds of stages: in the catalog, in a session and over files.

mod floods;
mod hostile;
mod launch;
mod looks;
mod offline;
mod onnx;
mod pipelines;
mod python;
mod python_shipped;
