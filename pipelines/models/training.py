"""Teaches a small network a painter's look, with numpy alone, on pictures that it draws itself.

The target is Kuwahara's filter, which smooths inside shapes and keeps their edges, in the colours of a late
sun: indigo shadows, rose, warm light. Pictures are float32, [N,H,W,C], 0 to 1; kernels [rows, columns, in,
out].
"""

from __future__ import annotations

import itertools

import numpy as np

SEED = 20261124
STEPS = 4000
# Pixels of a block's side, and what the network sees beyond the picture: three 3x3 kernels, a block each.
BLOCK = 4
MARGIN = 3 * BLOCK
CHANNELS = (3 * BLOCK * BLOCK, 32, 32, 3 * BLOCK * BLOCK)
# Pictures drawn, their side, and what one step sees of how many.
PICTURES, SIDE, CROP, BATCH = 192, 160, 96, 4
RADIUS = 4
RATE = 2e-3
# The colours of dark, middle and bright parts.
PALETTE = np.array([[0.08, 0.05, 0.26], [0.83, 0.36, 0.36], [1.0, 0.95, 0.74]], np.float32)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)

Weights = list[np.ndarray]


def train(steps: int, report: int = 500) -> tuple[Weights, float]:
    """Weights after so many steps of Adam, and their mean squared error on pictures not trained on."""
    random = np.random.default_rng(SEED)
    pictures = np.stack([draw(random) for _ in range(PICTURES)])
    targets = np.stack([paint(picture) for picture in pictures])
    weights = start(random)
    means, squares = ([np.zeros_like(one) for one in weights] for _ in range(2))
    for step in range(1, steps + 1):
        given, wanted = batch(random, pictures, targets)
        error, gradients = learn(weights, given, wanted)
        # Down to a tenth along a cosine, so that the last steps settle.
        rate = RATE * (0.55 + 0.45 * np.cos(np.pi * step / steps))
        for weight, gradient, mean, square in zip(weights, gradients, means, squares, strict=True):
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient * gradient - square)
            estimate = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
            weight -= (rate * estimate).astype(np.float32)
        if step % report == 0 or step == steps:
            print(f"step {step}: error {error:.6f}", flush=True)
    return weights, validate(weights)


def validate(weights: Weights) -> float:
    """Mean squared error on pictures that the training never saw."""
    random = np.random.default_rng(SEED + 1)
    errors = []
    for _ in range(16):
        picture = draw(random)
        target = paint(picture)[MARGIN:-MARGIN, MARGIN:-MARGIN]
        change, _ = forward(weights, picture[None])
        made = picture[MARGIN:-MARGIN, MARGIN:-MARGIN] + change[0]
        errors.append(np.mean((made - target) ** 2))
    return float(np.mean(errors))


def start(random: np.random.Generator) -> Weights:
    weights = []
    for number, (given, made) in enumerate(itertools.pairwise(CHANNELS)):
        # The last layer starts near nothing: the picture itself is the first guess.
        spread = np.sqrt(2 / (9 * given)) * (0.1 if number == len(CHANNELS) - 2 else 1)
        weights.append((random.standard_normal((3, 3, given, made)) * spread).astype(np.float32))
        weights.append(np.zeros(made, np.float32))
    return weights


def forward(weights: Weights, pictures: np.ndarray) -> tuple[np.ndarray, list]:
    """The change that the network wants for all but the margin, and what `learn` needs to go back."""
    layer, trace = to_blocks(pictures - np.float32(0.5)), []
    last = len(weights) // 2 - 1
    for number, (kernel, bias) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        columns = unfold(layer)
        made = columns.reshape(-1, columns.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1]) + bias
        made = made.reshape(*columns.shape[:3], -1)
        trace.append((layer.shape, columns, made))
        layer = made if number == last else np.maximum(made, 0)
    return from_blocks(layer), trace


def learn(weights: Weights, given: np.ndarray, wanted: np.ndarray) -> tuple[float, Weights]:
    """Mean squared error of a batch and its gradient for each weight."""
    change, trace = forward(weights, given)
    miss = given[:, MARGIN:-MARGIN, MARGIN:-MARGIN] + change - wanted
    slope = to_blocks(miss * np.float32(2 / miss.size))
    gradients: Weights = []
    for number in reversed(range(len(trace))):
        shape, columns, made = trace[number]
        if number < len(trace) - 1:
            slope = slope * (made > 0)
        kernel = weights[2 * number]
        flat = slope.reshape(-1, slope.shape[-1])
        gradients.insert(0, flat.sum(0))
        gradients.insert(0, (columns.reshape(-1, columns.shape[-1]).T @ flat).reshape(kernel.shape))
        if number > 0:
            slope = fold((flat @ kernel.reshape(-1, kernel.shape[-1]).T).reshape(columns.shape), shape)
    return float(np.mean(miss * miss)), gradients


def to_blocks(pictures: np.ndarray) -> np.ndarray:
    """ONNX's SpaceToDepth, channels last."""
    n, h, w, c = pictures.shape
    blocks = pictures.reshape(n, h // BLOCK, BLOCK, w // BLOCK, BLOCK, c).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, h // BLOCK, w // BLOCK, -1)


def from_blocks(blocks: np.ndarray) -> np.ndarray:
    """ONNX's DepthToSpace in its mode DCR, channels last."""
    n, h, w, _ = blocks.shape
    return (
        blocks.reshape(n, h, w, BLOCK, BLOCK, 3)
        .transpose(0, 1, 3, 2, 4, 5)
        .reshape(n, h * BLOCK, w * BLOCK, 3)
    )


def unfold(layer: np.ndarray) -> np.ndarray:
    """Every position's 3x3 neighbourhood, in the order of a kernel."""
    _, h, w, _ = layer.shape
    return np.concatenate([layer[:, y : y + h - 2, x : x + w - 2] for y in range(3) for x in range(3)], -1)


def fold(columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    layer = np.zeros(shape, np.float32)
    _, h, w, c = shape
    for index in range(9):
        y, x = divmod(index, 3)
        layer[:, y : y + h - 2, x : x + w - 2] += columns[..., index * c : (index + 1) * c]
    return layer


def batch(
    random: np.random.Generator, pictures: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    whole = CROP + 2 * MARGIN
    given, wanted = [], []
    for _ in range(BATCH):
        which = random.integers(PICTURES)
        y, x = random.integers(0, SIDE - whole + 1, 2)
        cut = np.s_[y : y + whole, x : x + whole]
        picture, target = pictures[which][cut], targets[which][cut]
        if random.integers(2):
            picture, target = picture[:, ::-1], target[:, ::-1]
        given.append(picture)
        wanted.append(target[MARGIN:-MARGIN, MARGIN:-MARGIN])
    return np.stack(given), np.stack(wanted)


def draw(random: np.random.Generator) -> np.ndarray:
    """A picture with what photographs have: soft gradients, hard edges, thin lines, grain, texture."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    shade = ramp(random, x, y)[..., None]
    picture = random.random(3) * shade + random.random(3) * (1 - shade)
    for _ in range(random.integers(6, 16)):
        shape = outline(random, x, y)[..., None]
        light = 0.6 + 0.8 * ramp(random, x, y)[..., None]
        picture = picture * (1 - shape) + np.clip(random.random(3) * light, 0, 1) * shape
    texture = sum(noise(random, cells) / cells**0.5 for cells in (5, 10, 20, 40, 80))
    picture = picture * (1 + random.random() * 0.6 * texture[..., None])
    grain = random.standard_normal((SIDE, SIDE, 3)) * 0.03 * random.random()
    return np.clip(picture + grain, 0, 1).astype(np.float32)


def ramp(random: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    angle = random.random() * 2 * np.pi
    return np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)


def outline(random: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """An ellipse, a bar or a thin line, its edge between sharp and soft."""
    (cx, cy), angle = random.random(2), random.random() * np.pi
    u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
    v = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
    kind, (a, b) = random.integers(3), 0.04 + 0.3 * random.random(2)
    if kind == 0:
        distance = (1 - np.hypot(u / a, v / b)) * min(a, b)
    elif kind == 1:
        distance = np.minimum(a - np.abs(u), b - np.abs(v))
    else:
        distance = np.minimum(0.5 - np.abs(u), 0.003 + 0.012 * random.random() - np.abs(v))
    return np.clip(0.5 + distance * SIDE / (1 + 3 * random.random() ** 2), 0, 1)


def noise(random: np.random.Generator, cells: int) -> np.ndarray:
    """Values between -1 and 1 that change smoothly, so many cells on a side."""
    grid = random.random((cells + 1, cells + 1)) * 2 - 1
    at = np.linspace(0, cells, SIDE, endpoint=False)
    low = at.astype(int)
    part = at - low
    rows = grid[low] * (1 - part)[:, None] + grid[low + 1] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, low + 1] * part


def paint(picture: np.ndarray) -> np.ndarray:
    """What the network is to make of a picture."""
    smooth = kuwahara(kuwahara(picture))
    luma = (smooth @ LUMA)[..., None]
    contrast = luma * luma * (3 - 2 * luma)
    dark, bright = np.clip(1 - 2 * contrast, 0, 1), np.clip(2 * contrast - 1, 0, 1)
    tone = PALETTE[0] * dark + PALETTE[1] * (1 - dark - bright) + PALETTE[2] * bright
    return np.clip(tone + 0.55 * (smooth - luma), 0, 1).astype(np.float32)


def kuwahara(picture: np.ndarray) -> np.ndarray:
    """Each pixel the mean of that one of its four corners' squares whose brightness varies least."""
    side = RADIUS + 1
    luma = picture @ LUMA
    mean = boxes(picture, side)
    spread = boxes((luma * luma)[..., None], side)[..., 0] - boxes(luma[..., None], side)[..., 0] ** 2
    h, w = luma.shape
    corners = [(y, x) for y in (0, RADIUS) for x in (0, RADIUS)]
    which = np.argmin([spread[y : y + h, x : x + w] for y, x in corners], 0)
    means = np.stack([mean[y : y + h, x : x + w] for y, x in corners])
    return np.take_along_axis(means, which[None, ..., None], 0)[0]


def boxes(values: np.ndarray, side: int) -> np.ndarray:
    """Mean of every square of that side around the picture, its border repeated."""
    wide = np.pad(values.astype(np.float64), ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
    total = np.pad(wide.cumsum(0).cumsum(1), ((1, 0), (1, 0), (0, 0)))
    square = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    return (square / (side * side)).astype(np.float32)
