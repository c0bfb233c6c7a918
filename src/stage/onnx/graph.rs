//! The inputs and outputs of a model, read from its graph's types and shapes. Pure.

use ort::value::{Outlet, TensorElementType, ValueType};
use serde::Deserialize;
use serde_json::Value;

use super::super::Values;

/// Beyond every codec here, in width and height.
const LONGEST: i64 = 16_384;

/// How a graph represents a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Tensor {
    /// Bytes, `[1,H,W,3]`: the graph contains all pre- and postprocessing. No copy is needed.
    #[default]
    #[serde(rename = "uint8")]
    Bytes,
    /// Floats from 0 to 1, `[1,3,H,W]`.
    #[serde(rename = "float")]
    Floats,
}

impl Tensor {
    fn element(self) -> TensorElementType {
        match self {
            Self::Bytes => TensorElementType::Uint8,
            Self::Floats => TensorElementType::Float32,
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Bytes => "uint8 [1,H,W,3]",
            Self::Floats => "float32 [1,3,H,W]",
        }
    }

    /// A tensor's shape for a frame of that size.
    pub fn shape(self, (width, height): (usize, usize)) -> [usize; 4] {
        match self {
            Self::Bytes => [1, height, width, 3],
            Self::Floats => [1, 3, height, width],
        }
    }

    /// Height and width in a shape of this convention.
    fn sides(self, shape: &[i64]) -> Option<[i64; 2]> {
        match (self, shape) {
            (Self::Bytes, &[-1 | 1, height, width, 3]) | (Self::Floats, &[-1 | 1, 3, height, width]) => {
                Some([height, width])
            }
            _ => None,
        }
    }

    /// Width and height of the frame in a result of that shape.
    ///
    /// # Errors
    /// What was expected and what the model gave.
    pub fn size(self, shape: &[i64]) -> Result<(usize, usize), String> {
        let fault = || format!("expected {} from the model, got {shape:?}", self.expected());
        let sides = self.sides(shape).filter(|sides| sides.iter().all(|side| (1..=LONGEST).contains(side)));
        let [height, width] = sides.ok_or_else(fault)?.map(|side| usize::try_from(side).unwrap_or(0));
        Ok((width, height))
    }
}

/// A scalar input: a parameter by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// Name of the graph's input and of the parameter.
    pub name: String,
    /// Its type in the graph.
    pub number: Number,
    /// Without dimensions, or one dimension of one element.
    pub shape: Vec<usize>,
}

/// Types of scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// `float`.
    Float,
    /// `double`.
    Double,
    /// `int32`.
    Int,
    /// `int64`.
    Long,
    /// `bool`.
    Bool,
}

impl Number {
    fn of(element: TensorElementType) -> Option<Self> {
        match element {
            TensorElementType::Float32 => Some(Self::Float),
            TensorElementType::Float64 => Some(Self::Double),
            TensorElementType::Int32 => Some(Self::Int),
            TensorElementType::Int64 => Some(Self::Long),
            TensorElementType::Bool => Some(Self::Bool),
            _ => None,
        }
    }

    /// The JSON Schema types whose values fit.
    fn types(self) -> &'static [&'static str] {
        match self {
            Self::Float | Self::Double => &["number", "integer"],
            Self::Int | Self::Long => &["integer"],
            Self::Bool => &["boolean"],
        }
    }
}

/// A model that the stage can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// How it represents a frame.
    pub tensor: Tensor,
    /// Name of the frame's input.
    pub image: String,
    /// Height and width that the graph requires.
    pub fixed: [Option<usize>; 2],
    /// The other inputs.
    pub scalars: Vec<Scalar>,
    /// Name of the frame's output.
    pub output: String,
}

impl Graph {
    /// Finds the frame and the parameters among the inputs, and the frame among the outputs.
    ///
    /// # Errors
    /// The first mismatch: what was expected, what the graph has, the next step.
    pub fn read(
        inputs: &[Outlet],
        outputs: &[Outlet],
        tensor: Tensor,
        parameters: &Values,
    ) -> Result<Self, String> {
        let images: Vec<_> = inputs.iter().filter(|input| shape(input).len() > 1).collect();
        let [image] = images[..] else {
            return Err(format!("expected one input {}, got {}", tensor.expected(), list(inputs)));
        };
        let sides = frame_sides(image, tensor).ok_or_else(|| unfit("input", image, tensor))?;
        let fixed = sides.map(|side| usize::try_from(side).ok());
        if sides.iter().any(|side| !(-1..=LONGEST).contains(side) || *side == 0) {
            return Err(format!("input {} is larger than {LONGEST} pixels", described(image)));
        }
        let scalars = inputs
            .iter()
            .filter(|input| input.name() != image.name())
            .map(|input| scalar(input, parameters))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(name) = parameters.keys().find(|name| scalars.iter().all(|one| one.name != **name)) {
            return Err(format!("parameter {name:?} is no input of the graph; it has {}", list(inputs)));
        }
        let output = frame_output(outputs, tensor)?;
        Ok(Self { tensor, image: image.name().to_owned(), fixed, scalars, output })
    }

    /// Width and height that the graph requires for a frame of that size.
    pub fn size_for(&self, (width, height): (usize, usize)) -> (usize, usize) {
        (self.fixed[1].unwrap_or(width), self.fixed[0].unwrap_or(height))
    }
}

fn scalar(input: &Outlet, parameters: &Values) -> Result<Scalar, String> {
    let fault = || format!("input {}: expected float, double, int32, int64 or bool", described(input));
    let number = input.dtype().tensor_type().and_then(Number::of).ok_or_else(fault)?;
    if !matches!(shape(input), [] | [1 | -1]) {
        return Err(format!("input {}: expected a single value besides the frame", described(input)));
    }
    let name = input.name();
    let types = number.types();
    let Some(schema) = parameters.get(name) else {
        return Err(format!("input {name:?} has no parameter; add [parameters.{name}] with type {types:?}"));
    };
    let declared = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    if !types.contains(&declared) {
        return Err(format!("parameter {name:?}: expected type {types:?} as in the graph, got {declared:?}"));
    }
    if schema.get("default").is_none() {
        return Err(format!("parameter {name:?}: expected a default, because the graph needs a value"));
    }
    Ok(Scalar { name: name.to_owned(), number, shape: vec![1; shape(input).len()] })
}

/// The one output that is a frame; a sole output may have an unknown shape.
fn frame_output(outputs: &[Outlet], tensor: Tensor) -> Result<String, String> {
    let fits: Vec<_> = outputs.iter().filter(|output| frame_sides(output, tensor).is_some()).collect();
    match (&fits[..], outputs) {
        ([one], _) => Ok(one.name().to_owned()),
        ([], [sole]) if shape(sole).is_empty() && sole.dtype().tensor_type() == Some(tensor.element()) => {
            Ok(sole.name().to_owned())
        }
        ([], [sole]) => Err(unfit("output", sole, tensor)),
        _ => Err(format!("expected one output {}, got {}", tensor.expected(), list(outputs))),
    }
}

fn frame_sides(outlet: &Outlet, tensor: Tensor) -> Option<[i64; 2]> {
    let fits = outlet.dtype().tensor_type() == Some(tensor.element());
    tensor.sides(shape(outlet)).filter(|_| fits)
}

fn shape(outlet: &Outlet) -> &[i64] {
    match outlet.dtype() {
        ValueType::Tensor { shape, .. } => shape,
        _ => &[],
    }
}

/// The sentence for a frame that does not fit, with the line of `pipeline.toml` that would make it fit.
fn unfit(what: &str, outlet: &Outlet, tensor: Tensor) -> String {
    let (other, line) = match tensor {
        Tensor::Bytes => (Tensor::Floats, "if its values are 0 to 1, write tensor = \"float\" under [onnx]"),
        Tensor::Floats => (Tensor::Bytes, "write tensor = \"uint8\" under [onnx]"),
    };
    let advice = if frame_sides(outlet, other).is_some() { line } else { "export the model in this form" };
    format!("{what} {}: expected {}; {advice}", described(outlet), tensor.expected())
}

fn list(outlets: &[Outlet]) -> String {
    if outlets.is_empty() {
        return "none".into();
    }
    outlets.iter().map(described).collect::<Vec<_>>().join(", ")
}

fn described(outlet: &Outlet) -> String {
    format!("{:?} {}", outlet.name(), outlet.dtype())
}
