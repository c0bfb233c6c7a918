import { beforeEach } from "vitest";

import type { SourceOptions } from "../types/stream";

/** The sources that a test opened; it mocks `./sources` with this module. */
export const sources = {
  /** The next one fails to start. */
  fails: false,
  opened: [] as FakeSource[],
};

interface FakeSource {
  kind: string;
  options: SourceOptions;
  closed: boolean;
  onEnded: ((sentence: string) => void) | null;
}

beforeEach(() => {
  sources.fails = false;
  sources.opened = [];
});

export function openSource(options: SourceOptions) {
  if (sources.fails) return Promise.reject(new Error("No such camera is connected."));
  const { source: kind, audio, inputSource } = options;
  const video = inputSource ? [] : [{ kind: "video", of: kind }];
  const tracks = audio ? [{ kind: "audio", of: kind, enabled: true }] : [];
  const stream = {
    getTracks: () => [...video, ...tracks],
    getVideoTracks: () => video,
    getAudioTracks: () => tracks,
  };
  const opened: FakeSource = { kind, options, closed: false, onEnded: null };
  sources.opened.push(opened);
  const close = () => void (opened.closed = true);
  return Promise.resolve(Object.assign(opened, { stream, onStamp: null, player: null, close }));
}
