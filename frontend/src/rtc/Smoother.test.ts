import { expect, test } from "vitest";
import { Smoother } from "./Smoother";

test("pictures wait while packets are asked for again, and no longer", () => {
  const receiver: { jitterBufferTarget?: number | null } = { jitterBufferTarget: null };
  const smoother = new Smoother();

  smoother.adapt(receiver, 0, 0);
  expect(receiver.jitterBufferTarget).toBeNull();

  smoother.adapt(receiver, 3, 1000);
  expect(receiver.jitterBufferTarget).toBe(150);

  smoother.adapt(receiver, 3, 10_000);
  expect(receiver.jitterBufferTarget).toBe(150);

  smoother.adapt(receiver, 3, 12_000);
  expect(receiver.jitterBufferTarget).toBeNull();
});

test("a browser without the property is left alone", () => {
  const receiver = {};

  new Smoother().adapt(receiver, 5, 0);

  expect(receiver).toEqual({});
});
