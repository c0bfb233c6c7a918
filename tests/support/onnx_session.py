"""Python's own ONNX Runtime, as the tests and the benchmark of kind `onnx` compare with it."""

from pathlib import Path

import numpy as np
import onnxruntime


def session(file: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])


def scalars(running: onnxruntime.InferenceSession, words: list[str]) -> dict[str, np.ndarray]:
    kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}
    kind = {port.name: kinds[port.type] for port in running.get_inputs() if port.type in kinds}
    pairs = (word.split("=", 1) for word in words)
    return {name: np.asarray(kind[name](float(value))) for name, value in pairs}
