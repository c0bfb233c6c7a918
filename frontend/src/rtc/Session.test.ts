import { expect, it, vi } from "vitest";

import { Session } from "./Session";
import { FakePeer, OPTIONS, accepted, ended, fakeServer, lastOffer, live, offers, server } from "./fakes";
import { sources } from "./fakeSources";

vi.mock("./sources", () => import("./fakeSources"));

fakeServer();

it("ends the session on the server when it is stopped", async () => {
  const session = await live();

  session.stop();

  expect(session.getSnapshot().phase).toBe("idle");
  expect(server.requests.at(-1)).toMatchObject({ method: "DELETE", path: "/api/v1/webrtc/offer/s1" });
  expect(sources.opened).toMatchObject([{ closed: true }]);
});

it("reconnects by itself with the same source when the connection fails", async () => {
  const session = await live();

  FakePeer.newest.become("failed");
  expect(session.getSnapshot()).toMatchObject({ phase: "reconnecting", attempt: 1 });
  await vi.advanceTimersByTimeAsync(0);
  FakePeer.newest.deliver();

  expect(session.getSnapshot()).toMatchObject({ phase: "live" });
  expect(sources.opened).toMatchObject([{ closed: false }]);
});

it("keeps the old connection until the new one, with its token, delivers a frame", async () => {
  const session = await live();
  const [old] = FakePeer.all;
  const frame = session.getSnapshot().outputStream;
  server.answers = [() => accepted("s2", true)];

  old?.become("failed");
  await vi.advanceTimersByTimeAsync(0);
  FakePeer.newest.become("connected");

  expect(lastOffer()).toMatchObject({ resumeToken: "token of s1" });
  expect(session.getSnapshot()).toMatchObject({ phase: "reconnecting", outputStream: frame });
  expect(old?.closed).toBe(false);
  FakePeer.newest.deliver();

  expect(session.getSnapshot()).toMatchObject({ phase: "live", sessionId: "s2" });
  expect(session.getSnapshot().outputStream).not.toBe(frame);
  expect(old?.closed).toBe(true);
  expect(ended()).toEqual([]);
});

it("shows a new connection without a frame when none comes, as while paused", async () => {
  const session = await live();
  server.answers = [() => accepted("s2", true)];
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(0);

  FakePeer.newest.become("connected");
  await vi.advanceTimersByTimeAsync(2000);

  expect(session.getSnapshot().phase).toBe("live");
});

it("sends again to the resumed session what the lost connection swallowed", async () => {
  const session = await live();
  session.parameters.set({ work_ms: 1 });
  await vi.advanceTimersByTimeAsync(20);
  FakePeer.newest.say({ type: "parameters_updated", parameters: { work_ms: 1 }, frame: 1, id: 1 });
  session.parameters.set({ work_ms: 2 });
  await vi.advanceTimersByTimeAsync(20);
  server.answers = [() => accepted("s2", true)];

  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(0);
  FakePeer.newest.channel.onopen?.();

  expect(FakePeer.newest.channel.sent).toEqual(['{"work_ms":2,"id":3}']);
});

it("starts a new session with the last parameters when the server has forgotten the old one", async () => {
  const session = await live();
  session.parameters.set({ work_ms: 7 });
  server.answers = [() => accepted("s2", false)];

  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(0);
  FakePeer.newest.deliver();

  expect(lastOffer()).toMatchObject({ initialParameters: { pipeline_ids: ["echo"], work_ms: 7 } });
  expect(session.getSnapshot()).toMatchObject({ phase: "live", sessionId: "s2" });
  expect(ended()).toEqual(["/api/v1/webrtc/offer/s1"]);
});

it("resumes with the newest token when the new connection fails too", async () => {
  const session = await live();
  server.answers = [() => accepted("s2", true), () => accepted("s3", true)];
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(0);
  const second = FakePeer.newest;

  second.become("failed");
  expect(session.getSnapshot()).toMatchObject({ phase: "reconnecting", attempt: 2 });
  expect(second.closed).toBe(false);
  await vi.advanceTimersByTimeAsync(2000);
  FakePeer.newest.deliver();

  expect(lastOffer()).toMatchObject({ resumeToken: "token of s2" });
  expect(session.getSnapshot()).toMatchObject({ phase: "live", sessionId: "s3" });
  expect(FakePeer.all.map((peer) => peer.closed)).toEqual([true, true, false]);
  expect(ended()).toEqual([]);
});

it("resumes when no frames come although the connection claims to be up", async () => {
  const session = await live();
  FakePeer.newest.deliver();
  await vi.advanceTimersByTimeAsync(1000);
  server.answers = [() => accepted("s2", true)];

  await vi.advanceTimersByTimeAsync(4000);

  expect(session.getSnapshot().phase).toBe("reconnecting");
  expect(lastOffer()).toMatchObject({ resumeToken: "token of s1" });
});

it("does not take silence for a loss while paused or while the server sends none", async () => {
  const session = await live();
  FakePeer.newest.deliver();
  session.parameters.setPaused(true);
  await vi.advanceTimersByTimeAsync(20_000);
  session.parameters.setPaused(false);
  for (let second = 0; second < 20; second++) {
    FakePeer.newest.say({ type: "stats", fps_in: 30, fps_out: 0 });
    await vi.advanceTimersByTimeAsync(1000);
  }

  expect(session.getSnapshot().phase).toBe("live");
  expect(offers()).toHaveLength(1);
});

it("resumes a paused session when the server's figures stop coming", async () => {
  const session = await live();
  FakePeer.newest.deliver();
  session.parameters.setPaused(true);
  FakePeer.newest.say({ type: "stats", fps_in: 30, fps_out: 0 });

  await vi.advanceTimersByTimeAsync(7000);

  expect(session.getSnapshot().phase).toBe("reconnecting");
  expect(lastOffer()).toMatchObject({ resumeToken: "token of s1" });
});

it("tries at once when the browser is online again", async () => {
  const session = await live();
  server.answers = [() => Response.error()];
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(0);
  expect(session.getSnapshot()).toMatchObject({ attempt: 2 });

  window.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);

  expect(offers()).toHaveLength(3);
});

it("keeps the old connection when that comes back first", async () => {
  const session = await live();
  const [old] = FakePeer.all;
  server.answers = [() => Response.error()];
  old?.become("failed");
  await vi.advanceTimersByTimeAsync(0);

  old?.become("connected");
  await vi.advanceTimersByTimeAsync(5000);

  expect(session.getSnapshot().phase).toBe("live");
  expect(offers()).toHaveLength(2);
  expect(old?.closed).toBe(false);
});

it("gives up after five minutes and says what to do", async () => {
  const session = await live();
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed")));

  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(6 * 60_000);

  expect(session.getSnapshot().phase).toBe("ended");
  expect(session.getSnapshot().sentence).toContain("press Start");
  expect(sources.opened).toMatchObject([{ closed: true }]);
});

it("ends everything when it is stopped while it resumes", async () => {
  const session = await live();
  let answer: (response: Response) => void = () => undefined;
  const pending = new Promise<Response>((resolve) => (answer = resolve));
  server.answers = [() => pending as unknown as Response];
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(0);
  expect(offers()).toHaveLength(2);

  session.stop();
  answer(accepted("s2", true));
  await vi.advanceTimersByTimeAsync(60_000);

  expect(session.getSnapshot().phase).toBe("idle");
  expect(FakePeer.all.every((peer) => peer.closed)).toBe(true);
  expect(ended()).toEqual(["/api/v1/webrtc/offer/s1", "/api/v1/webrtc/offer/s2"]);
  expect(offers()).toHaveLength(2);
  expect(sources.opened).toMatchObject([{ closed: true }]);
});

it("does not end when the old session reports that it was resumed", async () => {
  const session = await live();

  FakePeer.newest.say({ type: "stream_stopped", reason: "resumed", error_message: "taken over" });

  expect(session.getSnapshot().phase).toBe("live");
});

it("shows that the server changed its encoder", async () => {
  const session = await live();

  FakePeer.newest.say({
    type: "encoder_changed",
    encoder: "vp8enc",
    detail: "encoder nvh264enc failed and was replaced by vp8enc",
  });

  expect(session.getSnapshot().notice).toContain("nvh264enc failed");
});

it("shows that the server changed its decoder", async () => {
  const session = await live();

  FakePeer.newest.say({
    type: "decoder_changed",
    decoder: "avdec_h264",
    detail: "decoder nvh264dec produced no frames and was replaced by avdec_h264",
  });

  expect(session.getSnapshot().notice).toContain("replaced by avdec_h264");
});

it("waits for an interrupted connection before it gives up", async () => {
  const session = await live();
  const peer = FakePeer.newest;

  peer.become("disconnected");
  expect(session.getSnapshot().phase).toBe("reconnecting");
  await vi.advanceTimersByTimeAsync(1900);
  peer.become("connected");
  await vi.advanceTimersByTimeAsync(1900);

  expect(session.getSnapshot().phase).toBe("live");
  expect(peer.closed).toBe(false);
});

it("says why the server stopped and reconnects", async () => {
  const session = await live();

  FakePeer.newest.say({ type: "stream_stopped", reason: "server_shutdown", error_message: "it shuts down" });

  expect(session.getSnapshot()).toMatchObject({ phase: "reconnecting", sentence: "it shuts down" });

  server.answers = [() => Response.json({ detail: "full", code: "server_full" }, { status: 503 })];
  await vi.advanceTimersByTimeAsync(2000);

  expect(session.getSnapshot().sentence).toBe("Full. Before that: it shuts down.");
});

it("tries again when the server is full, no sooner than it asks", async () => {
  server.answers = [
    () =>
      Response.json(
        { detail: "full", code: "server_full" },
        { status: 503, headers: { "retry-after": "4" } },
      ),
  ];
  const session = new Session();
  await session.start(OPTIONS);
  expect(session.getSnapshot()).toMatchObject({ phase: "reconnecting", sentence: "full" });

  await vi.advanceTimersByTimeAsync(3900);
  expect(offers()).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2000);

  expect(offers()).toHaveLength(2);
});

it("waits for its turn when the server has a waiting line, and says where it stands", async () => {
  const place = { ticket: "t1", events: "/api/v1/waiting/t1/events" };
  server.answers = [() => Response.json({ ...place, position: 2 }, { status: 202 }), () => accepted()];
  server.places = [
    { ...place, position: 1 },
    { ...place, position: 0, token: "turn", expires_in_s: 30 },
  ];
  const session = new Session();
  void session.start(OPTIONS);
  await vi.advanceTimersByTimeAsync(0);
  const sentence = () => session.getSnapshot().sentence;
  expect(sentence()).toBe("The server is full. You are number 2 in the waiting line.");
  expect(lastOffer()).toMatchObject({ waitingToken: null });

  await vi.advanceTimersByTimeAsync(2000);
  expect(sentence()).toBe("The server is full. You are number 1 in the waiting line.");
  await vi.advanceTimersByTimeAsync(2000);
  FakePeer.newest.become("connected");

  expect(lastOffer()).toMatchObject({ waitingToken: "turn" });
  expect(session.getSnapshot()).toMatchObject({ phase: "live", sessionId: "s1" });
});

it("leaves the waiting line when it is stopped", async () => {
  server.answers = [() => Response.json({ ticket: "t1", position: 1, events: "" }, { status: 202 })];
  const session = new Session();
  void session.start(OPTIONS);
  await vi.advanceTimersByTimeAsync(0);

  session.stop();
  await vi.advanceTimersByTimeAsync(2000);

  expect(ended()).toEqual(["/api/v1/waiting/t1"]);
  expect(offers()).toHaveLength(1);
});

it("ends with the server's sentence when the offer is refused", async () => {
  server.answers = [
    () => Response.json({ detail: "no common video codec", code: "no_common_codec" }, { status: 400 }),
  ];
  const session = new Session();

  await session.start(OPTIONS);

  expect(session.getSnapshot()).toMatchObject({ phase: "ended", sentence: "no common video codec" });
  expect(sources.opened).toMatchObject([{ closed: true }]);
});

it("waits longer each time for a server whose sessions die at once", async () => {
  const session = await live();
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);
  FakePeer.newest.deliver();

  FakePeer.newest.become("failed");

  expect(session.getSnapshot().attempt).toBe(2);
});

it("survives a message that it cannot read", async () => {
  const session = await live();

  FakePeer.newest.channel.onmessage?.({ data: "{" });
  FakePeer.newest.say({ type: "of_the_future" });

  expect(session.getSnapshot().phase).toBe("live");
});

const REFUSED = () => Response.json({ detail: "sign in first", code: "unauthorized" }, { status: 401 });

it("waits for a sign-in with the old connection on screen, then resumes", async () => {
  const session = await live();
  const [old] = FakePeer.all;
  server.answers = [REFUSED, () => accepted("s2", true)];

  old?.become("failed");
  await vi.advanceTimersByTimeAsync(60_000);

  expect(session.getSnapshot()).toMatchObject({ phase: "reconnecting", signedOut: true, retryAt: null });
  expect(old?.closed).toBe(false);
  expect(offers()).toHaveLength(2);
  session.onSignedIn();
  await vi.advanceTimersByTimeAsync(0);
  FakePeer.newest.deliver();

  expect(lastOffer()).toMatchObject({ resumeToken: "token of s1" });
  expect(session.getSnapshot()).toMatchObject({ phase: "live", signedOut: false, sessionId: "s2" });
});

it("goes on with a start that had to wait for a sign-in", async () => {
  const session = new Session();
  server.answers = [REFUSED];
  await session.start(OPTIONS);
  expect(session.getSnapshot().signedOut).toBe(true);

  session.onSignedIn();
  await vi.advanceTimersByTimeAsync(0);
  FakePeer.newest.become("connected");

  expect(session.getSnapshot()).toMatchObject({ phase: "live", sessionId: "s1" });
  expect(sources.opened).toMatchObject([{ closed: false }]);
});

it("gives up when nobody signs in, and releases the source", async () => {
  const session = new Session();
  server.answers = [REFUSED];
  await session.start(OPTIONS);

  await vi.advanceTimersByTimeAsync(5 * 60_000);

  expect(session.getSnapshot()).toMatchObject({ phase: "ended", signedOut: false });
  expect(session.getSnapshot().sentence).toContain("Nobody signed in");
  expect(sources.opened).toMatchObject([{ closed: true }]);
});

it("is over at once when it is stopped, and says when the server has ended it too", async () => {
  const session = await live();
  let answer: (response: Response) => void = () => undefined;
  vi.stubGlobal("fetch", () => new Promise<Response>((done) => (answer = done)));
  const ended = vi.fn();

  void session.stop().then(ended);
  await vi.advanceTimersByTimeAsync(0);

  expect(session.getSnapshot().phase).toBe("idle");
  expect(ended).not.toHaveBeenCalled();
  answer(new Response(null, { status: 204 }));
  await vi.advanceTimersByTimeAsync(0);
  expect(ended).toHaveBeenCalled();
});
