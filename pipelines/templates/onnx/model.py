"""Makes model.onnx, with `pip install onnx`: the negative of the picture, mixed with it."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

IMAGE = [1, "height", "width", 3]

nodes = [
    helper.make_node("Cast", ["image"], ["given"], to=TensorProto.FLOAT),
    helper.make_node("Sub", ["white", "given"], ["negative"]),
    helper.make_node("Sub", ["negative", "given"], ["change"]),
    helper.make_node("Mul", ["change", "strength"], ["part"]),
    helper.make_node("Add", ["given", "part"], ["mixed"]),
    helper.make_node("Round", ["mixed"], ["whole"]),
    helper.make_node("Cast", ["whole"], ["picture"], to=TensorProto.UINT8),
]
inputs = [
    helper.make_tensor_value_info("image", TensorProto.UINT8, IMAGE),
    helper.make_tensor_value_info("strength", TensorProto.FLOAT, []),
]
outputs = [helper.make_tensor_value_info("picture", TensorProto.UINT8, IMAGE)]
white = helper.make_tensor("white", TensorProto.FLOAT, [], [255.0])
graph = helper.make_graph(nodes, "negative", inputs, outputs, [white])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 8  # so that every ONNX Runtime from 1.17 on reads it
onnx.checker.check_model(model, full_check=True)
Path(__file__).with_name("model.onnx").write_bytes(model.SerializeToString())
