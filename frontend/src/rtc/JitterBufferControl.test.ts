import { expect, test } from "vitest";
import { JitterBufferControl } from "./JitterBufferControl";

test("frames wait while packets are asked for again, and no longer", () => {
  const receiver: { jitterBufferTarget?: number | null } = { jitterBufferTarget: null };
  const smoother = new JitterBufferControl();

  smoother.adapt(receiver, 0, 100, 0);
  expect(receiver.jitterBufferTarget).toBeNull();

  smoother.adapt(receiver, 3, 100, 1000);
  expect(receiver.jitterBufferTarget).toBe(250);

  smoother.adapt(receiver, 3, 110, 10_000);
  expect(receiver.jitterBufferTarget).toBe(250);

  smoother.adapt(receiver, 3, 100, 12_000);
  expect(receiver.jitterBufferTarget).toBeNull();
});

test("a browser without the property is left alone", () => {
  const receiver = {};

  new JitterBufferControl().adapt(receiver, 5, null, 0);

  expect(receiver).toEqual({});
});

test("a long round trip does not make the wait longer than a person bears", () => {
  const receiver: { jitterBufferTarget?: number | null } = { jitterBufferTarget: null };

  new JitterBufferControl().adapt(receiver, 1, 900, 0);

  expect(receiver.jitterBufferTarget).toBe(400);
});
