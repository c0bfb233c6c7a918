import { expect, it, vi } from "vitest";

import { StatsReader, lossPercent } from "./StatsReader";

function connection(entries: Record<string, unknown>[]): RTCPeerConnection {
  const report = new Map(entries.map((entry) => [String(entry["id"]), entry]));
  return { getStats: () => Promise.resolve(report) } as unknown as RTCPeerConnection;
}

it("computes loss in both directions from one second's counts", async () => {
  vi.spyOn(performance, "now").mockReturnValueOnce(0).mockReturnValueOnce(1000);
  const at = (sent: number, lostUp: number, received: number, lostDown: number) =>
    connection([
      { id: "t", type: "transport", selectedCandidatePairId: "p" },
      { id: "p", type: "candidate-pair", bytesSent: 0, bytesReceived: 0 },
      { id: "o", type: "outbound-rtp", kind: "video", packetsSent: sent },
      { id: "r", type: "remote-inbound-rtp", kind: "video", packetsLost: lostUp },
      { id: "i", type: "inbound-rtp", kind: "video", packetsReceived: received, packetsLost: lostDown },
    ]);
  const reader = new StatsReader();

  const first = await reader.read(at(100, 0, 100, 10));
  const second = await reader.read(at(200, 5, 190, 20));

  expect([first.lossUpPercent, first.lossDownPercent]).toEqual([null, null]);
  expect([second.lossUpPercent, second.lossDownPercent]).toEqual([5, 10]);
});

it("has no loss when nothing was sent or reported", () => {
  expect(lossPercent(0, 0)).toBeNull();
  expect(lossPercent(null, 100)).toBeNull();
  expect(lossPercent(-2, 100)).toBe(0);
  expect(lossPercent(0, 100)).toBe(0);
});
