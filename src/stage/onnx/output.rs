//! A model's result as the bytes of a frame, where ONNX Runtime left them.

use std::any::Any;

use ort::value::DynValue;

use crate::frame::Pixels;

/// A uint8 tensor `[1,H,W,3]`; freed with the last frame that refers to it, on any thread.
pub struct Made(pub DynValue);

impl Pixels for Made {
    fn plane(&self, index: usize) -> &[u8] {
        if index > 0 {
            return &[];
        }
        self.0.try_extract_tensor::<u8>().map(|(_, bytes)| bytes).unwrap_or_default()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
