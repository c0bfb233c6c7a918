import { Store } from "../lib/store";

/** A session's graph is some 15,000 pixels wide, and all of it has to fit a phone. */
const LEAST = 0.02;
const MOST = 8;
/** At least this much of the image stays visible. */
const KEPT_PX = 40;

export interface View {
  scale: number;
  /** Position of the image's top left corner, in pixels of the box. */
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

/** Which part of an image a box shows: zoomed and moved by mouse, touch and keys. */
export class Viewport extends Store<View> {
  private image: Size = { width: 0, height: 0 };
  private box: Size = { width: 0, height: 0 };
  /** Nobody has moved it: it follows the sizes. */
  private fitted = true;

  constructor() {
    super({ scale: 1, x: 0, y: 0 });
  }

  /** The image's own size or the box's has changed. */
  resize(image: Size, box: Size): void {
    this.image = image;
    this.box = box;
    if (this.fitted) this.fit();
    else this.set(this.getSnapshot());
  }

  /** Shows the whole image, centred. */
  readonly fit = (): void => {
    const { image, box } = this;
    this.fitted = true;
    if (image.width <= 0 || image.height <= 0) return;
    const scale = within(Math.min(box.width / image.width, box.height / image.height, 1));
    const middle = (outer: number, inner: number) => (outer - inner * scale) / 2;
    this.update({ scale, x: middle(box.width, image.width), y: middle(box.height, image.height) });
  };

  /** Makes it `factor` times as large; the point at (`x`, `y`) of the box stays there. */
  zoom(factor: number, x = this.box.width / 2, y = this.box.height / 2): void {
    const before = this.getSnapshot();
    const scale = within(before.scale * factor);
    const change = scale / before.scale;
    this.fitted = false;
    this.set({ scale, x: x - (x - before.x) * change, y: y - (y - before.y) * change });
  }

  move(dx: number, dy: number): void {
    const { scale, x, y } = this.getSnapshot();
    this.fitted = false;
    this.set({ scale, x: x + dx, y: y + dy });
  }

  private set({ scale, x, y }: View): void {
    const hold = (value: number, outer: number, inner: number) =>
      Math.min(Math.max(value, KEPT_PX - inner * scale), outer - KEPT_PX);
    this.update({
      scale,
      x: hold(x, this.box.width, this.image.width),
      y: hold(y, this.box.height, this.image.height),
    });
  }
}

/** Turns the positions of fingers, or of a pressed mouse, into zoom and movement. */
export class Fingers {
  private readonly at = new Map<number, { x: number; y: number }>();

  constructor(private readonly viewport: Viewport) {}

  down(id: number, x: number, y: number): void {
    this.at.set(id, { x, y });
  }

  move(id: number, x: number, y: number): void {
    const before = this.at.get(id);
    if (!before) return;
    const other = [...this.at].find(([finger]) => finger !== id)?.[1];
    this.at.set(id, { x, y });
    if (!other) return this.viewport.move(x - before.x, y - before.y);
    const apart = (point: { x: number; y: number }) => Math.hypot(point.x - other.x, point.y - other.y);
    if (apart(before) > 0) this.viewport.zoom(apart({ x, y }) / apart(before), other.x, other.y);
  }

  up(id: number): void {
    this.at.delete(id);
  }
}

function within(scale: number): number {
  return Math.min(MOST, Math.max(LEAST, scale));
}
