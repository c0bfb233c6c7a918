import { expect, it } from "vitest";
import { JitterBufferControl } from "./JitterBufferControl";

it("raises the buffer target while packets are retransmitted, and no longer", () => {
  const receiver: { jitterBufferTarget?: number | null } = { jitterBufferTarget: null };
  const control = new JitterBufferControl();

  control.adapt(receiver, 0, 100, 0);
  expect(receiver.jitterBufferTarget).toBeNull();

  control.adapt(receiver, 3, 100, 1000);
  expect(receiver.jitterBufferTarget).toBe(250);

  control.adapt(receiver, 3, 110, 10_000);
  expect(receiver.jitterBufferTarget).toBe(250);

  control.adapt(receiver, 3, 100, 12_000);
  expect(receiver.jitterBufferTarget).toBeNull();
});

it("leaves a browser without the property alone", () => {
  const receiver = {};

  new JitterBufferControl().adapt(receiver, 5, null, 0);

  expect(receiver).toEqual({});
});

it("caps the target on a long round trip", () => {
  const receiver: { jitterBufferTarget?: number | null } = { jitterBufferTarget: null };

  new JitterBufferControl().adapt(receiver, 1, 900, 0);

  expect(receiver.jitterBufferTarget).toBe(400);
});
