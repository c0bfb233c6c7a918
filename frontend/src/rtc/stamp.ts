/**
 * A frame number drawn into the frame: two rows of 24 cells over the whole width. Row 0 is the number, most significant
 * bit first, row 1 its complement, so that a misread is detected.
 * `tests/support/stamp.rs` reads and writes the same.
 */
const BITS = 24;
const ROWS = 2;
/** A row's height is the frame's divided by this. */
const ROW_PART = 30;
export const STAMP_MODULUS = 2 ** BITS;

export function stampHeight(height: number): number {
  return Math.ceil((ROWS * height) / ROW_PART);
}

export function drawStamp(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  number: number,
): void {
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < BITS; column++) {
      const bit = ((number >>> (BITS - 1 - column)) & 1) ^ row;
      context.fillStyle = bit ? "#fff" : "#000";
      const [left, right] = edges(column, width, BITS);
      const [top, bottom] = edges(row, height, ROW_PART);
      context.fillRect(left, top, right - left, bottom - top);
    }
  }
}

/** Reads the stamp at the top of a frame; null if there is none. `height` is that of the whole frame. */
export function readStamp(image: ImageData, width: number, height: number): number | null {
  let number = 0;
  for (let column = 0; column < BITS; column++) {
    const bit = isWhite(image, column, 0, width, height);
    if (bit === isWhite(image, column, 1, width, height)) return null;
    number = number * 2 + (bit ? 1 : 0);
  }
  return number;
}

/** Whether the mean luma of the centre of a cell is above mid-grey. */
function isWhite(image: ImageData, column: number, row: number, width: number, height: number): boolean {
  const [left, right] = middle(edges(column, width, BITS));
  const [top, bottom] = middle(edges(row, height, ROW_PART));
  let sum = 0;
  let count = 0;
  for (let y = top; y < Math.min(bottom, image.height); y++) {
    for (let x = left; x < right; x++) {
      const at = (y * image.width + x) * 4;
      sum +=
        0.299 * (image.data[at] ?? 0) + 0.587 * (image.data[at + 1] ?? 0) + 0.114 * (image.data[at + 2] ?? 0);
      count++;
    }
  }
  return count > 0 && sum / count >= 128;
}

function edges(index: number, size: number, parts: number): [number, number] {
  return [Math.round((index * size) / parts), Math.round(((index + 1) * size) / parts)];
}

function middle([from, to]: [number, number]): [number, number] {
  const quarter = Math.floor((to - from) / 4);
  return [from + quarter, Math.max(to - quarter, from + quarter + 1)];
}
