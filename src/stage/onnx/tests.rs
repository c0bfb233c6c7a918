use ort::value::{Outlet, Shape, SymbolicDimensions, TensorElementType, ValueType};
use serde_json::{Value, json};

use super::{
    graph::{Graph, Number, Tensor},
    pixels,
};
use crate::{
    frame::{Frame, Layout},
    stage::Values,
};

fn outlet(name: &str, ty: TensorElementType, shape: &[i64]) -> Outlet {
    let dimension_symbols = SymbolicDimensions::empty(shape.len());
    Outlet::new(name, ValueType::Tensor { ty, shape: Shape::new(shape.iter().copied()), dimension_symbols })
}

fn bytes(name: &str, shape: &[i64]) -> Outlet {
    outlet(name, TensorElementType::Uint8, shape)
}

fn floats(name: &str, shape: &[i64]) -> Outlet {
    outlet(name, TensorElementType::Float32, shape)
}

fn values(value: Value) -> Values {
    let Value::Object(values) = value else { panic!("expected an object, got {value}") };
    values
}

fn refusal(inputs: &[Outlet], outputs: &[Outlet], parameters: Value) -> String {
    Graph::read(inputs, outputs, Tensor::Bytes, &values(parameters)).unwrap_err()
}

#[test]
fn frames_and_parameters_are_distinguished_by_type_and_shape() {
    let inputs = [
        floats("strength", &[]),
        bytes("image", &[1, -1, -1, 3]),
        outlet("steps", TensorElementType::Int64, &[1]),
        outlet("on", TensorElementType::Bool, &[]),
    ];
    let parameters = json!({
        "strength": {"type": "integer", "default": 1}, "steps": {"type": "integer", "default": 4},
        "on": {"type": "boolean", "default": false},
    });

    let graph = Graph::read(
        &inputs,
        &[bytes("result", &[-1, -1, -1, 3]), floats("score", &[1])],
        Tensor::Bytes,
        &values(parameters),
    )
    .unwrap();

    assert_eq!((graph.image.as_str(), graph.output.as_str()), ("image", "result"));
    assert_eq!(graph.fixed, [None, None]);
    assert_eq!(graph.size_for((640, 480)), (640, 480));
    let scalars: Vec<_> =
        graph.scalars.iter().map(|one| (one.name.as_str(), one.number, one.shape.len())).collect();
    assert_eq!(
        scalars,
        [("strength", Number::Float, 0), ("steps", Number::Long, 1), ("on", Number::Bool, 0)]
    );
}

#[test]
fn a_float_graph_and_a_fixed_size_are_found() {
    let (inputs, outputs) = ([floats("x", &[1, 3, 224, 320])], [floats("y", &[])]);

    let graph = Graph::read(&inputs, &outputs, Tensor::Floats, &Values::new()).unwrap();

    assert_eq!(graph.size_for((640, 480)), (320, 224));
    assert_eq!(graph.output, "y", "a sole output of unknown shape");
}

#[test]
fn what_does_not_fit_is_refused_with_the_way_out() {
    let (image, result) = (|| bytes("image", &[1, -1, -1, 3]), || [bytes("result", &[1, -1, -1, 3])]);
    let number = json!({"k": {"type": "number", "default": 1}});
    for (inputs, outputs, parameters, words) in [
        (vec![floats("x", &[1, 3, -1, -1])], result().into(), json!({}), "tensor = \"float\""),
        (vec![bytes("x", &[1, 3, -1, -1])], result().into(), json!({}), "expected uint8 [1,H,W,3]"),
        (vec![bytes("x", &[4, -1, -1, 3])], result().into(), json!({}), "export the model"),
        (vec![bytes("x", &[1, -1, -1, 4])], result().into(), json!({}), "uint8"),
        (vec![], result().into(), json!({}), "got none"),
        (vec![image(), bytes("mask", &[1, -1, -1, 3])], result().into(), json!({}), "one input"),
        (vec![image()], vec![floats("y", &[1, -1, -1, 3])], json!({}), "output \"y\""),
        (vec![image()], vec![], json!({}), "one output"),
        (vec![image(), floats("k", &[])], result().into(), json!({}), "[parameters.k]"),
        (vec![image(), floats("k", &[2])], result().into(), number.clone(), "single value"),
        (vec![image()], result().into(), number.clone(), "\"k\" is no input"),
        (vec![image(), outlet("k", TensorElementType::Int64, &[])], result().into(), number, "integer"),
        (vec![image(), floats("k", &[])], result().into(), json!({"k": {"type": "number"}}), "default"),
        (
            vec![image(), outlet("k", TensorElementType::String, &[])],
            result().into(),
            json!({"k": {"type": "string", "default": ""}}),
            "int64 or bool",
        ),
    ] {
        let fault = refusal(&inputs, &outputs, parameters);

        assert!(fault.contains(words), "{words:?} is missing in {fault:?}");
    }
}

#[test]
fn results_of_other_shapes_are_refused() {
    assert_eq!(Tensor::Bytes.size(&[1, 480, 640, 3]), Ok((640, 480)));
    for shape in [&[1, 0, 640, 3][..], &[1, 480, 640, 4], &[480, 640, 3], &[1, 480, 99_999, 3], &[]] {
        assert!(Tensor::Bytes.size(shape).is_err(), "{shape:?}");
    }
}

fn frame(width: u32, height: u32, stride: usize, bytes: Vec<u8>) -> Frame {
    Frame { strides: vec![stride], ..Frame::packed(Layout::Rgb, (width, height), bytes) }
}

#[test]
fn pixels_are_copied_only_where_the_stride_forces_it() {
    let mut buffer = Vec::new();
    let even = frame(2, 2, 6, (0..12).collect());
    let padded = frame(1, 2, 4, (0..7).collect());

    assert_eq!(pixels::tight(&even, &mut buffer).unwrap().as_ptr(), even.data.plane(0).as_ptr());
    assert_eq!(pixels::tight(&padded, &mut buffer).unwrap(), [0, 1, 2, 4, 5, 6]);
}

#[test]
fn a_frame_with_fewer_bytes_than_it_promises_is_refused() {
    let mut buffer = Vec::new();

    for frame in [frame(2, 2, 6, vec![0; 11]), frame(2, 2, 5, vec![0; 12]), frame(0, 2, 6, vec![0; 12])] {
        assert!(pixels::tight(&frame, &mut buffer).is_err());
    }
}

#[test]
fn a_scaled_frame_keeps_its_colours_and_its_slopes() {
    let ramp: Vec<u8> = (0..4).flat_map(|_| (0..8).flat_map(|x| [x * 30, 7, 255])).collect();
    let mut scaled = Vec::new();

    pixels::scale(&ramp, (8, 4), (16, 2), &mut scaled);

    assert_eq!(scaled.len(), 16 * 2 * 3);
    assert!(scaled.chunks(3).all(|pixel| pixel[1..] == [7, 255]));
    assert!(scaled[..48].chunks(3).is_sorted_by_key(|pixel| pixel[0]));
    let mut same = Vec::new();
    pixels::scale(&ramp, (8, 4), (8, 4), &mut same);
    assert_eq!(same, ramp);
}

#[test]
fn planes_of_floats_are_the_same_pixels() {
    let given: Vec<u8> = (0..=255).chain(0..=127).collect();
    let mut planes = Vec::new();

    pixels::to_planes(&given, &mut planes);

    assert_eq!(pixels::from_planes(&planes), given);
    assert_eq!(pixels::from_planes(&[f32::NAN, 2.0, -1.0]), [0, 255, 0]);
}
