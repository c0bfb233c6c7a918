"""Runs pipeline classes that were written for Daydream Scope, unchanged.

```python
from scope_pipeline.daydream import serve

serve("my_plugin.pipelines.invert:InvertPipeline")
```
Importing this module makes `from scope.core.pipelines.interface import Pipeline, Requirements` and the like
work where Daydream Scope itself is not installed; give the class as text, so that its imports come later.
"""

from . import modules
from .adapter import adapt, serve

modules.install()

__all__ = ["adapt", "serve"]
