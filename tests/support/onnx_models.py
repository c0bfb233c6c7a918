"""The Python side of the tests of kind `onnx`: small models, ONNX Runtime's own results, the models' script.

onnx_models.py fixtures FOLDER                       pipelines that the catalog has no reason to have
onnx_models.py run MODEL W H IN OUT NAME=VALUE...    raw RGB through a model, as Python's ONNX Runtime does it
onnx_models.py rebuilt CATALOG                       whether pipelines/models makes what the catalog has
"""

import io
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "pipelines/models"))
import build  # noqa: E402
import training  # noqa: E402
from onnx_session import scalars, session  # noqa: E402

BYTES, FLOATS = TensorProto.UINT8, TensorProto.FLOAT


def model(nodes: list, image: tuple, picture: tuple, constants: dict[str, np.ndarray]) -> bytes:
    ports = [helper.make_tensor_value_info(*port) for port in (image, picture)]
    values = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(
        [helper.make_node(*node) for node in nodes], "test", ports[:1], ports[1:], values
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", build.OPSET)])
    made.ir_version = build.IR
    onnx.checker.check_model(made)
    return made.SerializeToString()


def fixtures(folder: Path) -> None:
    """`negative` in floats, `fixed` at 32x16, `double` the size, `failing` at run time, `garbage`."""
    any_size, one = [1, "h", "w", 3], {"one": np.float32(1)}
    white = {"white": np.uint8(255)}
    planes = [1, 3, "h", "w"]
    scales = {"scales": np.array([1, 2, 2, 1], np.float32)}
    shape = {"shape": np.array([1, 7, 7, 3], np.int64)}
    resize = [("Resize", ["x", "", "scales"], ["y"])]
    graphs = {
        "negative": model([("Sub", ["one", "x"], ["y"])], ("x", FLOATS, planes), ("y", FLOATS, planes), one),
        "fixed": model(
            [("Sub", ["white", "x"], ["y"])],
            ("x", BYTES, [1, 16, 32, 3]),
            ("y", BYTES, [1, 16, 32, 3]),
            white,
        ),
        "double": model(resize, ("x", BYTES, any_size), ("y", BYTES, [1, "h2", "w2", 3]), scales),
        "failing": model(
            [("Reshape", ["x", "shape"], ["y"])],
            ("x", BYTES, any_size),
            ("y", BYTES, [1, "h2", "w2", 3]),
            shape,
        ),
        "garbage": b"no model",
    }
    for name, graph in graphs.items():
        own = folder / name
        own.mkdir()
        (own / "model.onnx").write_bytes(graph)
        tensor = 'tensor = "float"\n' if name == "negative" else ""
        text = f'id = "{name}"\nname = "{name}"\nkind = "onnx"\nlayouts = ["RGB"]\n[onnx]\n{tensor}'
        (own / "pipeline.toml").write_text(text)


def run(file: str, width: str, height: str, given: str, made: str, *words: str) -> None:
    running = session(Path(file))
    image = np.frombuffer(Path(given).read_bytes(), np.uint8).reshape(1, int(height), int(width), 3)
    [picture] = running.run(None, {"image": image, **scalars(running, list(words))})
    Path(made).write_bytes(picture.tobytes())


def rebuilt(catalog: Path) -> None:
    with tempfile.TemporaryDirectory() as place, redirect_stdout(io.StringIO()):
        sys.argv = ["build.py", "--steps", "3", "--out", place]
        build.main()
        cartoon, style = (Path(place) / name / "model.onnx" for name in ("cartoon", "style"))
        same_structure(cartoon, catalog / "cartoon/model.onnx")
        same_results(cartoon, catalog / "cartoon/model.onnx", ["edges=1", "levels=5", "mix=0.9", "sketch=0"])
        same_structure(style, catalog / "style/model.onnx")
    shipped = onnx.load(catalog / "style/model.onnx")
    noted = {entry.key: entry.value for entry in shipped.metadata_props}
    assert (noted["seed"], noted["steps"]) == (str(training.SEED), str(training.STEPS)), noted
    values = {one.name: numpy_helper.to_array(one) for one in shipped.graph.initializer}
    layers = range(1, len(training.CHANNELS))
    weights = [
        part for n in layers for part in (values[f"kernel_{n}"].transpose(2, 3, 1, 0), values[f"bias_{n}"])
    ]
    error = training.validate(weights)
    assert abs(error - float(noted["error"])) < 1e-5, f"{error} is the error of the weights, {noted} is noted"
    untrained = training.validate(training.start(np.random.default_rng(0)))
    assert error < untrained / 10, f"{error} against {untrained} of a network that learnt nothing"
    same_as_numpy(catalog / "style/model.onnx", weights)


def same_structure(one: Path, other: Path) -> None:
    def structure(file: Path) -> tuple:
        graph = onnx.load(file).graph
        nodes = [(node.op_type, list(node.input), list(node.output)) for node in graph.node]
        constants = sorted((value.name, value.data_type, list(value.dims)) for value in graph.initializer)
        return nodes, constants, [str(port) for port in (*graph.input, *graph.output)]

    assert structure(one) == structure(other), f"{one} is not {other}"


def same_results(one: Path, other: Path, words: list[str]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (1, 30, 50, 3), np.uint8)
    made = []
    for file in (one, other):
        running = session(file)
        made.append(running.run(None, {"image": image, **scalars(running, words)})[0])
    assert np.array_equal(*made)


def same_as_numpy(file: Path, weights: list[np.ndarray]) -> None:
    """The exported graph does what was trained, at a size that is no multiple of a block too."""
    image = (training.draw(np.random.default_rng(2)) * 255).round().astype(np.uint8)
    for height, width in ((160, 160), (101, 98)):
        cut = image[:height, :width]
        rows, columns = (-height % training.BLOCK, -width % training.BLOCK)
        margin = training.MARGIN
        framed = np.pad(cut, ((margin, margin + rows), (margin, margin + columns), (0, 0)), mode="edge")
        change, _ = training.forward(weights, (framed / np.float32(255))[None])
        wanted = np.clip(np.round(cut + 255 * change[0, :height, :width]), 0, 255)
        [made] = session(file).run(None, {"image": cut[None].copy(), "strength": np.array(1, np.float32)})
        assert np.abs(made[0].astype(int) - wanted).max() <= 1


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    if command == "run":
        run(*words)
    else:
        {"fixtures": fixtures, "rebuilt": rebuilt}[command](Path(words[0]))
