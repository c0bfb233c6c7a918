import { expect, it } from "vitest";

import { Fingers, Viewport } from "./Viewport";

function viewport() {
  const view = new Viewport();
  view.resize({ width: 1000, height: 500 }, { width: 500, height: 500 });
  return view;
}

it("fits the image at first, centred, and again when the box changes", () => {
  const view = viewport();

  expect(view.getSnapshot()).toEqual({ scale: 0.5, x: 0, y: 125 });
  view.resize({ width: 1000, height: 500 }, { width: 250, height: 125 });
  expect(view.getSnapshot()).toEqual({ scale: 0.25, x: 0, y: 0 });
});

it("does not enlarge a small image by itself", () => {
  const view = new Viewport();

  view.resize({ width: 100, height: 100 }, { width: 500, height: 500 });

  expect(view.getSnapshot()).toEqual({ scale: 1, x: 200, y: 200 });
});

it("zooms around the pointer", () => {
  const view = viewport();
  const under = (x: number) => (x - view.getSnapshot().x) / view.getSnapshot().scale;
  const before = under(100);

  view.zoom(2, 100, 200);

  expect(view.getSnapshot().scale).toBe(1);
  expect(under(100)).toBeCloseTo(before);
});

it("has limits, and never loses the image", () => {
  const view = viewport();

  view.zoom(1000);
  expect(view.getSnapshot().scale).toBe(8);
  view.zoom(1e-6);
  expect(view.getSnapshot().scale).toBe(0.02);
  view.move(1e6, -1e6);
  expect(view.getSnapshot()).toMatchObject({ x: 460, y: 30 });
  view.fit();
  expect(view.getSnapshot().scale).toBe(0.5);
});

it("moves with one finger and zooms with two", () => {
  const view = viewport();
  const fingers = new Fingers(view);

  fingers.down(1, 100, 100);
  fingers.move(1, 110, 90);
  expect(view.getSnapshot()).toEqual({ scale: 0.5, x: 10, y: 115 });
  fingers.down(2, 210, 90);
  fingers.move(2, 310, 90);
  expect(view.getSnapshot().scale).toBe(1);
  fingers.up(1);
  fingers.up(2);
  fingers.move(2, 0, 0);

  expect(view.getSnapshot().scale).toBe(1);
});
