"""`serve(YourClass)`: the worker for a server, or one of the commands that need none."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._version import __version__
from .params import to_toml
from .pipeline import LAYOUTS, Pipeline

OK, FAILED, USAGE = 0, 1, 64


def serve(kind: type[Pipeline], arguments: Sequence[str] | None = None) -> None:
    """Runs the class as the command line says; the last line of a pipeline's file. Ends the process."""
    sys.exit(run(kind, sys.argv[1:] if arguments is None else arguments))


def run(kind: type[Pipeline], arguments: Sequence[str]) -> int:
    """What `serve` does, with the exit code as the result."""
    parser = _parser(kind)
    options = parser.parse_args(arguments)
    _log(options.verbose)
    try:
        values = _values(kind, options.param)
        size = _size(options.size)
    except ValueError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return USAGE
    if options.schema:
        print(json.dumps(kind.schema(), indent=2, ensure_ascii=False))
        return OK
    if options.toml:
        print(to_toml(kind.schema()), end="")
        return OK
    if options.selftest or options.bench:
        # With the commands alone: a worker starts faster without what only they use.
        from . import selftest

        if options.bench:
            return selftest.bench(kind, values, options.device, options.seconds)
        return selftest.selftest(
            kind, values, size, options.frames, options.layout, options.device, options.picture
        )
    from . import worker

    if not worker.is_requested(os.environ):
        parser.print_usage(sys.stderr)
        print(
            f"{parser.prog}: expected --selftest, --bench, --schema or --toml; the server starts it without",
            file=sys.stderr,
        )
        return USAGE
    return worker.main(kind, os.environ)


def _parser(kind: type[Pipeline]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(kind.__doc__ or kind.title()).strip().splitlines()[0])
    command = parser.add_mutually_exclusive_group()
    command.add_argument("--selftest", action="store_true", help="run on generated frames, with no server")
    command.add_argument("--bench", action="store_true", help="time it at several sizes, with no server")
    command.add_argument("--schema", action="store_true", help="print the parameters as JSON Schema")
    command.add_argument("--toml", action="store_true", help="print them as [parameters] of pipeline.toml")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="set a parameter")
    parser.add_argument("--size", default="320x240", metavar="WxH", help="of --selftest (%(default)s)")
    parser.add_argument("--frames", type=int, default=30, help="of --selftest (%(default)s)")
    parser.add_argument("--layout", choices=LAYOUTS, default="", help="of --selftest (the class's first)")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE.png", help="where --selftest writes its last frame"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of --bench, each size (%(default)s)")
    parser.add_argument("--device", default="", help="cpu, cuda, cuda:1, ... (the best there is)")
    parser.add_argument("--verbose", action="store_true", help="log debug messages")
    parser.add_argument("--version", action="version", version=f"scope_pipeline {__version__}")
    return parser


def _values(kind: type[Pipeline], given: Sequence[str]) -> dict[str, Any]:
    found = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals or name not in kind.specs:
            names = ", ".join(kind.specs) or "none"
            raise ValueError(f"--param: expected NAME=VALUE with one of the parameters {names}; got {item!r}")
        try:
            # A string needs no quotes; for a string parameter, 7 is a string too.
            found[name] = text if isinstance(kind.specs[name].default, str) else json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError(f"--size: expected WIDTHxHEIGHT in pixels, got {text!r}")
    return int(width), int(height)


def _log(verbose: bool) -> None:
    # The server reads standard error line by line into its own log, which has the time.
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(levelname)s %(message)s",
    )
