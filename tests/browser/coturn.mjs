// A real coturn on this host's own address, with a shared secret, for as long as a test needs it.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";

import { freePort, owned, until } from "./server.mjs";

/** Neither Chromium nor libnice uses loopback addresses for ICE, so the relay stands on another one. */
export function ownAddress() {
  const all = Object.values(networkInterfaces()).flat();
  const own = all.find(({ family, internal }) => family === "IPv4" && !internal);
  if (!own) throw new Error("this host has no IPv4 address but loopback's: WebRTC needs one");
  return own.address;
}

export async function startCoturn(secret) {
  const [folder, port, address] = [await mkdtemp(join(tmpdir(), "scope-turn-")), await freePort(), ownAddress()];
  const log = join(folder, "log");
  const settings = [
    `listening-ip=${address}`,
    `listening-port=${port}`,
    `relay-ip=${address}`,
    "min-port=49300",
    "max-port=49349",
    "realm=scope.test",
    "use-auth-secret",
    `static-auth-secret=${secret}`,
    "no-tls",
    "no-dtls",
    "no-cli",
    "verbose",
    "simple-log",
    `log-file=${log}`,
    `pidfile=${join(folder, "pid")}`,
    `userdb=${join(folder, "db")}`,
  ];
  await writeFile(join(folder, "conf"), settings.join("\n") + "\n");
  const child = spawn("turnserver", ["-c", join(folder, "conf")], { stdio: "ignore" });
  const kill = owned(child);
  const written = () => readFile(log, "utf8").catch(() => "");
  await until("coturn listens", async () => {
    if (child.exitCode !== null || child.pid === undefined) {
      throw new Error(`turnserver does not run (make deps installs it):\n${await written()}`);
    }
    return (await written()).includes(`listener opened on: ${address}:${port}`);
  });
  return {
    url: `turn:${address}:${port}?transport=udp`,
    log: written,
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true });
    },
  };
}
