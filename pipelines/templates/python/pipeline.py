"""__ID__: replace `process` by what you want to see.

python pipeline.py --selftest --picture out.png    runs it here, with no server
python pipeline.py --toml                          prints the [parameters] for pipeline.toml
"""

import numpy as np

from scope_pipeline import Param, Pipeline, serve


class UserPipeline(Pipeline):
    """__ID__"""

    layouts = ("RGB",)
    name = "__ID__"

    strength: float = Param(
        0.7, min=0, max=1, step=0.05, label="Strength", description="0 leaves the picture as it is."
    )

    def setup(self, device):
        """Load your model here: once a process. `device` is "cpu", "cuda", ..."""
        self.progress("loading", 0.5)
        self.weights = np.array([0.299, 0.587, 0.114], np.float32)

    def process(self, frame, out, p):
        """`frame` and `out` are HxWx3 arrays of uint8: read one, write all of the other."""
        grey = (frame @ self.weights)[..., np.newaxis]
        out[:] = frame + (grey - frame) * np.float32(p.strength)


if __name__ == "__main__":
    serve(UserPipeline)
