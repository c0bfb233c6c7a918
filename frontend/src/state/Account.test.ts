import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { request } from "../lib/http";
import type { Me } from "../types/account";
import { Account } from "./Account";

const NOBODY: Me = {
  subject: "nobody",
  name: "nobody",
  role: "nobody",
  rights: [],
  open: false,
  sign_in: { key: true, oidc: null },
};
const ADA: Me = { ...NOBODY, subject: "ada", name: "Ada", role: "user", rights: ["publish", "view"] };

/** Whom the server sees, and what it was asked. */
let who: Me;
let asked: string[];
/** Whether the browser keeps the server's cookie. */
let keepsCookies: boolean;
let entries: number;
let account: Account;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  [who, asked, keepsCookies, entries] = [NOBODY, [], true, 0];
  vi.stubGlobal("fetch", (path: string, init: RequestInit = {}) => Promise.resolve(answerOf(path, init)));
  account = new Account(() => entries++);
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function answerOf(path: string, init: RequestInit): Response {
  asked.push(path.split("/").at(-1) ?? "");
  switch (path) {
    case "/api/v1/me":
      return Response.json(who);
    case "/api/v1/sign-in": {
      const right = String(init.body) === '{"key":"right"}';
      if (right && keepsCookies) who = ADA;
      return right ? Response.json(ADA) : Response.json({ detail: "no such key" }, { status: 401 });
    }
    case "/api/v1/sign-out":
      who = NOBODY;
      return new Response(null, { status: 204 });
    default:
      return Response.json(
        { detail: "sign in first", code: "unauthorized" },
        { status: who === NOBODY ? 401 : 403 },
      );
  }
}

async function opened(me: Me): Promise<void> {
  who = me;
  stop = account.watch();
  await vi.advanceTimersByTimeAsync(0);
}

it("knows a stranger, without a reason to give", async () => {
  await opened(NOBODY);

  expect(account.getSnapshot()).toMatchObject({ me: NOBODY, settled: true, reason: null, entries: 0 });
});

it("lets in with the right key only", async () => {
  await opened(NOBODY);

  await expect(account.signIn("wrong")).rejects.toThrow("no such key");
  expect(account.getSnapshot().me).toEqual(NOBODY);
  await account.signIn("right");

  expect(account.getSnapshot()).toMatchObject({ me: ADA, reason: null, entries: 1 });
  expect(entries).toBe(1);
});

it("says that the browser kept no cookie", async () => {
  await opened(NOBODY);
  keepsCookies = false;

  await expect(account.signIn("right")).rejects.toThrow("allow cookies");

  expect(account.getSnapshot().me?.role).toBe("nobody");
});

it("does not take an answer from before the sign-in for one about it", async () => {
  await opened(NOBODY);
  let late: (response: Response) => void = () => undefined;
  const server = globalThis.fetch;
  vi.stubGlobal("fetch", () => new Promise<Response>((done) => (late = done)));
  await vi.advanceTimersByTimeAsync(30_000);
  vi.stubGlobal("fetch", server);

  await account.signIn("right");
  late(Response.json(NOBODY));
  await vi.advanceTimersByTimeAsync(0);

  expect(account.getSnapshot().me).toEqual(ADA);
});

it("signs out for the reason given", async () => {
  await opened(ADA);

  await account.signOut("You are signed out.");

  expect(account.getSnapshot()).toMatchObject({ me: NOBODY, reason: "You are signed out." });
});

it("asks who it is when a request is refused, and says that the sign-in has ended", async () => {
  await opened(ADA);
  who = NOBODY;

  await request("/api/v1/system").catch(() => undefined);
  await vi.advanceTimersByTimeAsync(0);

  expect(account.getSnapshot().me).toEqual(NOBODY);
  expect(account.getSnapshot().reason).toContain("has ended");
});

it("asks once for many refusals, and never about a stranger's", async () => {
  await opened(ADA);
  who = NOBODY;
  asked = [];
  const refuse = () => request("/api/v1/system").catch(() => undefined);

  await Promise.all([refuse(), refuse(), refuse()]);
  await vi.advanceTimersByTimeAsync(0);
  await refuse();
  await vi.advanceTimersByTimeAsync(0);

  expect(asked.filter((path) => path === "me")).toHaveLength(1);
});

it("notices by itself that a sign-in ended, and that there is a new one", async () => {
  await opened(ADA);
  who = NOBODY;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(account.getSnapshot().me?.role).toBe("nobody");

  who = ADA;
  await vi.advanceTimersByTimeAsync(30_000);

  expect(account.getSnapshot()).toMatchObject({ me: ADA, reason: null, entries: 1 });
});

it("keeps what it knows while the server is away", async () => {
  await opened(ADA);
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed")));

  await vi.advanceTimersByTimeAsync(60_000);

  expect(account.getSnapshot()).toMatchObject({ me: ADA, settled: true });
});

it("asks although the page opens behind another one", async () => {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");

  await opened(ADA);

  expect(account.getSnapshot()).toMatchObject({ me: ADA, settled: true });
  vi.restoreAllMocks();
});

it("opens the page of a server that is not reachable", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed")));

  await opened(NOBODY);

  expect(account.getSnapshot()).toMatchObject({ me: null, settled: true });
});
