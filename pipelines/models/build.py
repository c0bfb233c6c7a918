#!/usr/bin/env python3
"""Builds the two ONNX models of the catalog: `cartoon` by hand, `style` by training. Downloads nothing.

    .venv/bin/python pipelines/models/build.py [cartoon] [style] [--steps N] [--out FOLDER]

Each lands in FOLDER/<id>/model.onnx; FOLDER is pipelines/catalog. The training takes two minutes,
starts from a fixed seed and leaves its steps, its seed and its last error in the model's metadata.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import training
from onnx import TensorProto, helper, numpy_helper

# The oldest that ONNX Runtime 1.17 and every newer one take.
OPSET, IR = 17, 8
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
IMAGE = [1, "height", "width", 3]


class Graph:
    """Collects nodes and constants of one graph; every call gives the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def number(self, value: float) -> str:
        return self.constant(f"number_{value}", np.array(value, np.float32))

    def whole(self, *values: int) -> str:
        return self.constant("whole_" + "_".join(map(str, values)), np.array(values, np.int64))

    def add(self, operator: str, *inputs: str, called: str | None = None, **attributes) -> str:
        output = called or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def planes(self, pixels: str) -> str:
        """Bytes as rows of pixels, [1,H,W,3], to floats as planes, [1,3,H,W], 0 to 255."""
        return self.add("Cast", self.add("Transpose", pixels, perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)

    def pixels(self, planes: str, called: str) -> str:
        """The way back: rounded, clipped to 0 to 255."""
        clipped = self.add("Clip", self.add("Round", planes), self.number(0.0), self.number(255.0))
        whole = self.add("Cast", clipped, to=TensorProto.UINT8)
        return self.add("Transpose", whole, called=called, perm=[0, 2, 3, 1])

    def model(self, name: str, scalars: dict[str, int], metadata: dict[str, str]) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info("image", TensorProto.UINT8, IMAGE)]
        inputs += [helper.make_tensor_value_info(scalar, kind, []) for scalar, kind in scalars.items()]
        output = helper.make_tensor_value_info("picture", TensorProto.UINT8, IMAGE)
        graph = helper.make_graph(self.nodes, name, inputs, [output], list(self.constants.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="scope"
        )
        model.ir_version = IR
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model


def cartoon() -> onnx.ModelProto:
    """Few colours and dark outlines: Sobel's edges over a smoothed picture in steps.

    `edges` scales the outlines, `levels` is the number of steps of each colour, `mix` 0 leaves the picture
    alone, `sketch` draws the outlines on white.
    """
    g = Graph()
    image = g.planes("image")
    # One pixel more on each side, so that the border of the picture is no edge.
    framed = g.planes(g.add("Pad", "image", g.whole(0, 1, 1, 0, 0, 1, 1, 0), mode="edge"))

    sobel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32) / 1020
    kernels = np.stack([sobel, sobel.T])[:, None] * LUMA[None, :, None, None]
    slopes = g.add("Conv", framed, g.constant("sobel", kernels))
    slope = g.add("ReduceL2", slopes, axes=[1], keepdims=1)
    # Below 0.05, five parts in a hundred of a step from black to white, it is noise of the camera.
    strong = g.add("Mul", g.add("Sub", slope, g.number(0.05)), g.number(6.0))
    line = g.add("Clip", g.add("Mul", strong, "edges"), g.number(0.0), g.number(1.0))
    light = g.add("Sub", g.number(1.0), line)

    smooth = g.add("AveragePool", framed, kernel_shape=[3, 3])
    steps = g.add("Sub", g.add("Cast", "levels", to=TensorProto.FLOAT), g.number(1.0))
    step = g.add("Div", g.number(255.0), g.add("Max", steps, g.number(1.0)))
    few = g.add("Mul", g.add("Round", g.add("Div", smooth, step)), step)
    colours = g.add("Where", "sketch", g.number(255.0), few)

    drawn = g.add("Mul", colours, light)
    change = g.add("Mul", g.add("Sub", drawn, image), "mix")
    g.pixels(g.add("Add", image, change), called="picture")
    scalars = {"edges": TensorProto.FLOAT, "levels": TensorProto.INT64}
    scalars |= {"mix": TensorProto.FLOAT, "sketch": TensorProto.BOOL}
    return g.model("cartoon", scalars, {})


def style(weights: list[np.ndarray], metadata: dict[str, str]) -> onnx.ModelProto:
    """The trained network around its padding: what `training.forward` does, for a picture of any size.

    It works on blocks of four by four pixels, so that the convolutions run on a sixteenth of the positions.
    `strength` 0 leaves the picture alone.
    """
    g = Graph()
    block, margin = training.BLOCK, training.MARGIN
    size = g.add("Slice", g.add("Shape", "image"), g.whole(1), g.whole(3))
    missing = g.add("Mod", g.add("Neg", size), g.whole(block))
    after = g.add("Add", missing, g.whole(margin))
    nothing = g.whole(0)
    pads = [nothing, g.whole(margin), g.whole(margin), nothing, nothing, after, nothing]
    framed = g.planes(g.add("Pad", "image", g.add("Concat", *pads, axis=0), mode="edge"))
    scaled = g.add("Sub", g.add("Div", framed, g.number(255.0)), g.number(0.5))
    layer = g.add("SpaceToDepth", scaled, blocksize=block)
    for number, (kernel, bias) in enumerate(zip(weights[::2], weights[1::2], strict=True), 1):
        # Rows, columns, in, out there; out, in, rows, columns here.
        kernel = g.constant(f"kernel_{number}", kernel.transpose(3, 2, 0, 1))
        layer = g.add("Conv", layer, kernel, g.constant(f"bias_{number}", bias))
        if number < len(weights) // 2:
            layer = g.add("Relu", layer)
    whole = g.add("DepthToSpace", layer, blocksize=block)
    change = g.add("Slice", whole, g.whole(0, 0), size, g.whole(2, 3))
    strength = g.add("Mul", "strength", g.number(255.0))
    g.pixels(g.add("Add", g.planes("image"), g.add("Mul", change, strength)), called="picture")
    return g.model("style", {"strength": TensorProto.FLOAT}, metadata)


def save(model: onnx.ModelProto, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.onnx"
    file.write_bytes(model.SerializeToString(deterministic=True))
    print(f"{file}: {file.stat().st_size} bytes")


def main() -> None:
    catalog = Path(__file__).resolve().parent.parent / "catalog"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "models", nargs="*", choices=["cartoon", "style", []], help="both where none is named"
    )
    parser.add_argument("--steps", type=int, default=training.STEPS, help="of the training")
    parser.add_argument("--out", type=Path, default=catalog, help="folder of the models' folders")
    arguments = parser.parse_args()
    wanted = arguments.models or ["cartoon", "style"]
    if "cartoon" in wanted:
        save(cartoon(), arguments.out / "cartoon")
    if "style" in wanted:
        weights, error = training.train(arguments.steps)
        metadata = {"seed": str(training.SEED), "steps": str(arguments.steps), "error": f"{error:.6f}"}
        save(style(weights, metadata), arguments.out / "style")


if __name__ == "__main__":
    main()
