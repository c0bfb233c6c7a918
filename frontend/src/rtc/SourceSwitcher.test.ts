import { expect, it, vi } from "vitest";

import type { InputSource } from "../types/stream";
import type { Session } from "./Session";
import { FakePeer, accepted, fakeServer, lastOffer, live, offers, server } from "./fakes";
import { sources } from "./fakeSources";

vi.mock("./sources", () => import("./fakeSources"));

fakeServer();

it("sends another source on the same session", async () => {
  const session = await live();

  await session.source.change({ source: "screen" });

  expect(FakePeer.newest.senders).toMatchObject([
    { track: { of: "screen" } },
    { kind: "audio", track: null },
  ]);
  expect(sources.opened).toMatchObject([{ closed: true }, { kind: "screen", closed: false }]);
  expect(offers()).toHaveLength(1);
});

it("offers the newest source when it connects again", async () => {
  const session = await live();
  await session.source.change({ source: "file" });
  server.answers = [() => accepted("s2", true)];

  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(0);
  FakePeer.newest.deliver();

  expect(session.getSnapshot()).toMatchObject({ phase: "live", sessionId: "s2" });
  expect(lastOffer()).toMatchObject({ resumeToken: "token of s1" });
  expect(sources.opened.at(-1)).toMatchObject({ kind: "file", closed: false });
});

it("keeps the old source when another one does not start, and says why", async () => {
  const session = await live();
  sources.fails = true;

  await session.source.change({ source: "camera" });

  expect(session.getSnapshot()).toMatchObject({
    phase: "live",
    sourceNotice: "No such camera is connected.",
  });
  expect(sources.opened).toMatchObject([{ closed: false }]);
});

it("says that a source ended by itself", async () => {
  const session = await live();

  sources.opened[0]?.onEnded?.("The camera stopped.");

  expect(session.getSnapshot()).toMatchObject({ phase: "live", sourceNotice: "The camera stopped." });
});

const CLIP: InputSource = { source_type: "video_file", source_name: "clip.mp4" };
const OTHER: InputSource = { source_type: "recording", source_name: "r/output-000.mp4" };
const sent = () => JSON.parse(FakePeer.newest.channel.sent.at(-1) ?? "{}") as Record<string, unknown>;

async function choose(session: Session, inputSource: InputSource | null) {
  await session.source.change({ source: inputSource?.source_type ?? "camera", inputSource });
  await vi.advanceTimersByTimeAsync(20);
}

/** The server reports that it plays the file, then answers the update with this id. */
async function play(source: InputSource | null, id: number) {
  FakePeer.newest.say({ type: "input_source", source: source && { ...source, loop: true } });
  FakePeer.newest.say({ type: "parameters_updated", parameters: {}, frame: 1, id });
  await vi.advanceTimersByTimeAsync(0);
}

it("lets the server play a file on the same session, and lets the camera go once it does", async () => {
  const session = await live();

  await choose(session, CLIP);
  expect(sent()).toEqual({ input_source: CLIP, id: 1 });
  expect(sources.opened).toMatchObject([{ closed: false }]);
  await play(CLIP, 1);

  expect(sources.opened).toMatchObject([{ closed: true }, { kind: "video_file" }]);
  expect(FakePeer.newest.senders).toMatchObject([{ kind: "video", track: null }, { kind: "audio" }]);
  expect(session.getSnapshot().inputSource).toEqual(CLIP);
  await choose(session, null);

  expect(sent()).toEqual({ input_source: null, id: 2 });
  expect(FakePeer.newest.senders).toMatchObject([{ track: { of: "camera" } }, { kind: "audio" }]);
  expect(offers()).toHaveLength(1);
});

it("starts with the server's file, and names it again in the offer of a new session", async () => {
  await live({ source: "video_file", inputSource: CLIP });
  expect(lastOffer()).toMatchObject({ initialParameters: { input_source: CLIP } });

  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);

  expect(offers()).toHaveLength(2);
  expect(lastOffer()).toMatchObject({ initialParameters: { input_source: CLIP } });
});

it("keeps the playing file when another one is rejected, and says why", async () => {
  const session = await live({ source: "video_file", inputSource: CLIP });
  await choose(session, OTHER);
  expect(session.getSnapshot().inputSource).toEqual(OTHER);

  const errors = [{ path: "/input_source/source_name", message: "there is none" }];
  FakePeer.newest.say({ type: "parameters_rejected", errors, id: 1 });
  expect(session.getSnapshot()).toMatchObject({
    inputSource: CLIP,
    rejected: { input_source: "there is none" },
  });
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);

  expect(lastOffer()).toMatchObject({ initialParameters: { input_source: CLIP } });
});

it("shows the server file that another client chose, and keeps its own source for later", async () => {
  const session = await live();

  FakePeer.newest.say({ type: "input_source", source: { ...CLIP, loop: true } });

  expect(session.getSnapshot().inputSource).toEqual(CLIP);
  expect(sources.opened).toMatchObject([{ closed: false }]);
});

it("says that the server stopped playing the file", async () => {
  const session = await live({ source: "video_file", inputSource: CLIP });

  FakePeer.newest.say({ type: "input_source", source: null, error: "no frame in it" });

  const { inputSource, sourceNotice } = session.getSnapshot();
  expect(inputSource).toBeNull();
  expect(sourceNotice).toContain("no frame in it");
});

it("keeps the server's file when the camera does not start", async () => {
  const session = await live({ source: "video_file", inputSource: CLIP });
  sources.fails = true;

  await choose(session, null);

  expect(session.getSnapshot()).toMatchObject({
    inputSource: CLIP,
    sourceNotice: "No such camera is connected.",
  });
  expect(FakePeer.newest.channel.sent).toEqual([]);
});

it("reopens a source without audio when audio is turned on", async () => {
  const session = await live();
  expect(session.getSnapshot().audioOn).toBe(false);

  session.source.setAudio(true);
  await vi.waitFor(() => expect(session.getSnapshot().audioOn).toBe(true));

  expect(FakePeer.newest.senders).toMatchObject([
    { kind: "video" },
    { track: { kind: "audio", enabled: true } },
  ]);
  expect(sources.opened).toMatchObject([{ closed: true }, { closed: false }]);
  expect(offers()).toHaveLength(1);
});

it("turns the audio of a source off, and keeps it", async () => {
  const session = await live({ audio: true });
  const [track] = session.getSnapshot().inputStream?.getAudioTracks() ?? [];
  session.source.setAudio(false);

  expect(session.getSnapshot().audioOn).toBe(false);
  expect(track?.enabled).toBe(false);
});

it("closes a source that opens after the session has ended", async () => {
  const session = await live();

  const change = session.source.change({ source: "screen" });
  session.stop();
  await change;

  expect(sources.opened).toMatchObject([{ closed: true }, { kind: "screen", closed: true }]);
  expect(session.getSnapshot()).toMatchObject({ phase: "idle", inputStream: null });
});
