import { describe, expect, it } from "vitest";

import { STAMP_MODULUS, drawStamp, readStamp, stampHeight } from "./stamp";

/** A canvas context that fills rectangles into pixels. */
function frame(width: number, height: number) {
  const data = new Uint8ClampedArray(width * height * 4).fill(90);
  const context = {
    fillStyle: "",
    fillRect(left: number, top: number, w: number, h: number) {
      const level = context.fillStyle === "#fff" ? 255 : 0;
      for (let y = top; y < top + h; y++)
        data.fill(level, (y * width + left) * 4, (y * width + left + w) * 4);
    },
  };
  return {
    context: context as unknown as CanvasRenderingContext2D,
    image: { data, width, height } as ImageData,
  };
}

describe("stamp", () => {
  it.each([
    [640, 480],
    [320, 240],
    [1280, 720],
    [476, 356],
  ])("is read back at %dx%d", (width, height) => {
    for (const number of [0, 1, 0xabcdef, STAMP_MODULUS - 1]) {
      const { context, image } = frame(width, height);

      drawStamp(context, width, height, number);

      expect(readStamp(image, width, height)).toBe(number);
    }
  });

  it("is not read from a frame without one", () => {
    expect(readStamp(frame(640, 480).image, 640, 480)).toBeNull();
  });

  it("is not read when a cell is wrong", () => {
    const { context, image } = frame(640, 480);
    drawStamp(context, 640, 480, 5);
    image.data.fill(255, 0, 640 * stampHeight(480) * 4);

    expect(readStamp(image, 640, 480)).toBeNull();
  });
});
