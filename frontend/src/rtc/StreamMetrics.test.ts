import { expect, it, vi } from "vitest";

import { FakePeer, fakeServer, live } from "./fakes";

vi.mock("./sources", () => import("./fakeSources"));

fakeServer();

it("sends an estimated delay back once all its parts are known", async () => {
  await live();
  const peer = FakePeer.newest;
  const buffered = (frames: number) => [
    { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.02 },
    {
      type: "inbound-rtp",
      kind: "video",
      jitterBufferDelay: frames * 0.03,
      jitterBufferEmittedCount: frames,
      totalDecodeTime: frames * 0.005,
      framesDecoded: frames,
    },
  ];
  peer.figures = buffered(10);
  await vi.advanceTimersByTimeAsync(1000);
  peer.figures = buffered(20);
  await vi.advanceTimersByTimeAsync(1000);
  expect(peer.channel.sent).toEqual([]);

  peer.say({ type: "stats", fps_in: 30, fps_out: 30, latency_ms: 40 });
  peer.figures = buffered(30);
  await vi.advanceTimersByTimeAsync(1000);

  expect(peer.channel.sent).toEqual(['{"client_delay_ms":95}']);
});
