"""Makes a moving portrait for a fake camera: a person who tilts her head in front of a camera held by hand.

Usage: portrait.py ASTRONAUT.PNG OUT.Y4M. The photograph is NASA's, of Eileen Collins, in the public domain;
PyPI's `scikit-image` ships it as `skimage/data/astronaut.png`. Four seconds that loop without a seam.
"""

import sys
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, FPS, FRAMES = 640, 480, 30, 120
# The part of the photograph that is shown, and how far the camera moves, in its pixels.
VIEW, CORNER, DRIFT = 480, (16, 6), (12, 5)
# Neck and middle of the head; the tilt fades out towards the shoulders.
NECK, HEAD, REACH = (226, 200), (226, 105), (105, 110)
TILT = np.radians(7)
NOD = 3


def sample(photo, x, y):
    """The photograph at places between its pixels, bilinear."""
    x = np.clip(x, 0, photo.shape[1] - 1.001)
    y = np.clip(y, 0, photo.shape[0] - 1.001)
    left, top = x.astype(int), y.astype(int)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = photo[top, left] * (1 - across) + photo[top, left + 1] * across
    lower = photo[top + 1, left] * (1 - across) + photo[top + 1, left + 1] * across
    return upper * (1 - down) + lower * down


def portrait(photo, at):
    """The frame at `at`, a share of the loop."""
    turn = 2 * np.pi * at
    row, column = np.mgrid[0:HEIGHT, 0:WIDTH] * (VIEW / WIDTH)
    x = CORNER[0] + DRIFT[0] * np.cos(turn) + column
    y = CORNER[1] + DRIFT[1] * np.sin(turn) + row
    share = np.exp(-((((x - HEAD[0]) / REACH[0]) ** 2 + ((y - HEAD[1]) / REACH[1]) ** 2) ** 2))
    angle = TILT * np.sin(turn) * share
    right, below = x - NECK[0], y - NECK[1]
    x = NECK[0] + np.cos(angle) * right - np.sin(angle) * below
    y = NECK[1] + np.sin(angle) * right + np.cos(angle) * below + NOD * np.cos(2 * turn) * share
    return sample(photo, x, y).clip(0, 255).astype(np.uint8)


def main(source, target):
    with av.open(source) as opened:
        photo = next(opened.decode(video=0)).to_ndarray(format="rgb24").astype(np.float32)
    with Path(target).open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(portrait(photo, number / FRAMES), format="rgb24")
            file.write(b"FRAME\n" + frame.reformat(format="yuv420p").to_ndarray().tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
