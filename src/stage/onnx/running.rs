//! The stage: runs the graph on a frame. All shapes are checked before and after a run.

use std::{borrow::Cow, sync::Arc, time::Instant};

use ort::{
    session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue},
    value::{DynValue, PrimitiveTensorElementType, Tensor as Values, TensorRef},
};
use serde_json::Value;

use super::{
    Plan, Provider,
    graph::{Graph, Number, Scalar, Tensor},
    library::Library,
    output::Made,
    pixels, providers,
};
use crate::{
    frame::{Frame, Layout, Packed, Pixels},
    stage::{Error, Parameters, Stage},
};

/// Pixels, and their width and height.
type Shown = (Arc<dyn Pixels>, (usize, usize));

/// A loaded model.
pub struct Running {
    session: Session,
    options: RunOptions<HasSelectedOutputs>,
    provider: Provider,
    graph: Graph,
    /// Values of the graph's scalars, in their order.
    scalars: Vec<DynValue>,
    /// Rows without gaps, the frame at the graph's size, and as floats, where one of these is needed.
    rows: Vec<u8>,
    scaled: Vec<u8>,
    floats: Vec<f32>,
}

impl Running {
    /// Loads the model with the first provider that accepts it.
    ///
    /// # Errors
    /// [`Error::Description`] if none does, or if the file was changed to a model that does not fit; a
    /// [`Cause`](crate::stage::Cause) if the file is gone.
    pub fn open(library: &Library, plan: &Plan) -> Result<Self, Error> {
        let started = Instant::now();
        if !plan.file.is_file() {
            return Err(plan.no_model().into());
        }
        let (session, provider) = providers::open(library, plan)?;
        let fault = |text: String| Error::Description(format!("{}: {text}", plan.file.display()));
        let graph = Graph::read(session.inputs(), session.outputs(), plan.tensor, &plan.about.parameters)
            .map_err(fault)?;
        let outputs = OutputSelector::no_default().with(&graph.output);
        let options = RunOptions::new().map_err(|error| fault(error.to_string()))?.with_outputs(outputs);
        let milliseconds = started.elapsed().as_millis();
        tracing::info!(pipeline = plan.about.id, provider = provider.name(), milliseconds, "model loaded");
        let (scalars, rows, scaled, floats) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut running = Self { session, options, provider, graph, scalars, rows, scaled, floats };
        let default =
            |(name, schema): (&String, &Value)| Some((name.clone(), schema.get("default")?.clone()));
        let values = plan.about.parameters.iter().filter_map(default).collect();
        running.set(&Parameters { values, ..Parameters::default() })?;
        Ok(running)
    }

    /// The graph's output for the frame, and its width and height.
    fn run(&mut self, frame: &Frame) -> Result<Shown, String> {
        let text = |error: ort::Error| error.to_string();
        let (tensor, from) = (self.graph.tensor, (frame.width as usize, frame.height as usize));
        let to = self.graph.size_for(from);
        let mut given = pixels::tight(frame, &mut self.rows)?;
        if to != from {
            pixels::scale(given, from, to, &mut self.scaled);
            given = &self.scaled;
        }
        let shape = tensor.shape(to);
        let image: SessionInputValue = match tensor {
            Tensor::Bytes => TensorRef::from_array_view((shape, given)).map_err(text)?.into(),
            Tensor::Floats => {
                pixels::to_planes(given, &mut self.floats);
                TensorRef::from_array_view((shape, &*self.floats)).map_err(text)?.into()
            }
        };
        let mut inputs: Vec<(Cow<str>, SessionInputValue)> = vec![(self.graph.image.as_str().into(), image)];
        let named = self.graph.scalars.iter().zip(&self.scalars);
        inputs.extend(named.map(|(scalar, value)| (scalar.name.as_str().into(), value.into())));
        let mut outputs = self.session.run_with_options(inputs, &self.options).map_err(text)?;
        let made = outputs.remove(&self.graph.output).ok_or("the model returned no frame")?;
        let (data, size): Shown = match tensor {
            Tensor::Bytes => {
                let size = tensor.size(made.try_extract_tensor::<u8>().map_err(text)?.0)?;
                (Arc::new(Made(made)), size)
            }
            Tensor::Floats => {
                let (shape, planes) = made.try_extract_tensor::<f32>().map_err(text)?;
                (packed(pixels::from_planes(planes)), tensor.size(shape)?)
            }
        };
        if to == from {
            return Ok((data, size));
        }
        // A graph of a fixed size: the result is scaled back to the frame's own size and proportions.
        let mut bytes = Vec::new();
        pixels::scale(data.plane(0), size, from, &mut bytes);
        Ok((packed(bytes), from))
    }
}

impl Stage for Running {
    fn set(&mut self, parameters: &Parameters) -> Result<(), Error> {
        let value = |scalar: &Scalar| {
            let given = parameters.values.get(&scalar.name).unwrap_or(&Value::Null);
            tensor(scalar, given)
                .map_err(|fault| Error::Process(format!("parameter {:?}: {fault}", scalar.name)))
        };
        self.scalars = self.graph.scalars.iter().map(value).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
        if frame.layout != Layout::Rgb {
            return Err(Error::Process(format!("expected a frame in RGB, got {:?}", frame.layout)));
        }
        let (data, (width, height)) = self.run(frame).map_err(Error::Process)?;
        let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        Ok(Some(Frame {
            width: side(width),
            height: side(height),
            strides: vec![width * 3],
            data,
            ..frame.clone()
        }))
    }

    fn detail(&self) -> Option<String> {
        Some(format!("on {}", self.provider.name()))
    }
}

fn packed(bytes: Vec<u8>) -> Arc<dyn Pixels> {
    Arc::new(Packed::new(bytes, vec![0]))
}

fn tensor(scalar: &Scalar, given: &Value) -> Result<DynValue, String> {
    let fault = || format!("expected a {:?}, got {given}", scalar.number);
    match scalar.number {
        #[expect(clippy::cast_possible_truncation, reason = "the graph computes in this precision")]
        Number::Float => value(scalar, given.as_f64().ok_or_else(fault)? as f32),
        Number::Double => value(scalar, given.as_f64().ok_or_else(fault)?),
        Number::Int => value(scalar, whole(given).and_then(|n| i32::try_from(n).ok()).ok_or_else(fault)?),
        Number::Long => value(scalar, whole(given).ok_or_else(fault)?),
        Number::Bool => value(scalar, given.as_bool().ok_or_else(fault)?),
    }
}

/// JSON Schema accepts 3.0 as an integer.
#[expect(clippy::cast_possible_truncation, reason = "it has no fraction, and `as` saturates")]
fn whole(given: &Value) -> Option<i64> {
    given
        .as_i64()
        .or_else(|| given.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64))
}

fn value<T>(scalar: &Scalar, number: T) -> Result<DynValue, String>
where
    T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
{
    Values::from_array((scalar.shape.clone(), vec![number]))
        .map(Values::into_dyn)
        .map_err(|error| error.to_string())
}
