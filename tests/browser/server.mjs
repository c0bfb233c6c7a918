// The server under test, and waits that poll a condition within a limit.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The server's program. */
export const binary = process.env.SCOPE_BIN ?? `${root}target/debug/scope`;
const settings = {
  SCOPE_OFFLINE: "1",
  SCOPE_UI_DIR: `${root}frontend/dist`,
  // Not the tester's own.
  SCOPE_STATE_DIR: `${tmpdir()}/scope-browser-tests`,
};
/** A limit and no measure: longer than a cold browser takes beside a compiler. */
export const LIMIT_MS = 60_000;

export async function freePort() {
  const probe = createServer();
  await new Promise((listening) => probe.listen(0, "127.0.0.1", listening));
  const { port } = probe.address();
  await new Promise((closed) => probe.close(closed));
  return port;
}

/** Polls until `condition` gives something true; fails with `claim` after the limit. */
export async function until(claim, condition, limit = LIMIT_MS) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${limit / 1000} s: ${claim}`);
    await new Promise((poll) => setTimeout(poll, 50));
  }
}

/** Gives what ends the child. One that a failed test leaves behind neither keeps this process nor outlives it. */
export function owned(child) {
  const kill = () => child.kill("SIGKILL");
  const exited = new Promise((exit) => child.once("exit", exit).once("error", exit));
  process.once("exit", kill);
  exited.then(() => process.off("exit", kill));
  child.unref();
  child.stderr?.unref();
  return async (signal = "SIGKILL") => {
    child.ref();
    child.kill(signal);
    await exited;
  };
}

/** Starts the OpenID Connect issuer of issuer.mjs. */
export async function startIssuer() {
  const port = await freePort();
  const child = spawn(process.execPath, ["issuer.mjs", String(port)], {
    cwd: import.meta.dirname,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const kill = owned(child);
  let printed = "";
  child.stdout.on("data", (text) => (printed += text));
  await until("the issuer listens", () => printed.includes("ready"));
  return { url: `http://localhost:${port}`, kill };
}

/** Starts the server, at its end of `link` where there is one, and waits until it takes sessions. */
export async function startServer({ port, host, args = [], env = {}, scheme = "http", link = null } = {}) {
  port ??= await freePort();
  host ??= link?.address ?? "127.0.0.1";
  // What comes over the link comes from another machine, and would need a key.
  const open = link ? ["--open"] : [];
  const address = ["--host", host, "--port", String(port)];
  const [program, ...words] = [...(link?.atServer ?? []), binary, ...address, ...open, ...args];
  const child = spawn(program, words, {
    env: { ...process.env, ...settings, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const kill = owned(child);
  let log = "";
  child.stderr.on("data", (text) => (log += text));
  const url = `${scheme}://${host}:${port}`;
  const ready = async () => {
    if (child.exitCode !== null) throw new Error(`the server ended:\n${log}`);
    if (link || scheme === "https") return log.includes("serving");
    return (await fetch(`${url}/ready`).catch(() => null))?.ok;
  };
  await until("the server is ready", ready);
  return {
    url,
    port,
    log: () => log,
    get: async (path) => {
      const response = await fetch(url + path);
      return { status: response.status, body: await response.json() };
    },
    kill,
  };
}
