// The first page of docs/operations.md, followed to the letter: the commands under "On the internet" run on a host of their
// own, and Chromium on another one signs in over HTTPS and gets its video through coturn alone.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { keepConnections, launchBehind, openPage, stamps, state } from "./chromium.mjs";
import { startLink } from "./link.mjs";
import { binary, until } from "./server.mjs";

const NAME = "scope.example.org";
const ADDRESS = "203.0.113.7";
const root = fileURLToPath(new URL("../..", import.meta.url));
/** Of the page, and over HTTPS from a certificate that no authority has signed. */
const BY_NAME = `https://${NAME}:8000`;

const link = await startLink({});
if (!link) console.log("skip: no network namespaces");
const skip = !link;
const hosts = [];
let browser, folder, host;
let printed = "";

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), "scope-internet-"));
  // `ip netns exec` shows each host its own /etc/hosts.
  for (const [namespace] of [link.atServer.slice(-1), link.atClient.slice(-1)]) {
    const own = `/etc/netns/${namespace}`;
    hosts.push(own);
    await mkdir(own, { recursive: true });
    await writeFile(join(own, "hosts"), `127.0.0.1 localhost\n${link.address} ${NAME}\n`);
  }
  const certificate = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=${NAME}`];
  const files = ["-addext", `subjectAltName=DNS:${NAME}`, "-keyout", "key.pem", "-out", "chain.pem"];
  execFileSync("openssl", [...certificate, ...files], { cwd: folder, stdio: "ignore" });
  await mkdir(join(folder, "bin"));
  await symlink(binary, join(folder, "bin/scope"));

  const guide = await readFile(`${root}docs/operations.md`, "utf8");
  const [, commands] = /## On the internet\n[^`]*(?:`[^`]+`[^`]*)*?```sh\n([\s\S]*?)```/.exec(guide);
  assert.equal(commands.trim().split("\n").length, 10, commands);
  const [program, ...words] = [...link.atServer, "bash", "-c"];
  host = spawn(program, [...words, commands.replace(ADDRESS, link.address)], {
    cwd: folder,
    detached: true,
    env: {
      PATH: `${join(folder, "bin")}:${process.env.PATH}`,
      HOME: folder,
      SCOPE_UI_DIR: `${root}frontend/dist`,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const output of [host.stdout, host.stderr]) output.on("data", (text) => (printed += text));
  await until("the server is ready", () => {
    if (host.exitCode !== null) throw new Error(`the commands ended with ${host.exitCode}:\n${printed}`);
    return printed.includes("serving");
  });
  browser = await launchBehind(link, BY_NAME);
});

after(async () => {
  await browser?.close();
  if (host?.exitCode === null) {
    const ended = new Promise((exit) => host.once("exit", exit));
    process.kill(-host.pid, "SIGTERM");
    await ended;
  }
  await link?.stop();
  for (const own of hosts) await rm(own, { recursive: true });
  if (folder) await rm(folder, { recursive: true });
});

const curl = (...words) => {
  const [program, ...before] = link.atClient;
  return execFileSync(program, [...before, "curl", "--silent", "--insecure", ...words], { encoding: "utf8" });
};
const status = (url, ...words) =>
  curl("--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}", ...words, url).trim();

test("the doctor finds nothing wrong", { skip }, () => {
  const faults = printed.split("\n").filter((line) => line.startsWith("fail"));

  // On a busy machine it gives up on GStreamer's plugins.
  assert.deepEqual(
    faults.filter((line) => !line.includes("the checks took over")),
    [],
    printed,
  );
});

test("a stranger gets the page and nothing else, by this name alone, over TLS alone", { skip }, () => {
  assert.equal(status(`${BY_NAME}/`), "200");
  for (const path of ["/api/v1/sessions", "/api/v1/webrtc/ice-servers", "/metrics", "/api/v1/logs/tail"]) {
    assert.equal(status(BY_NAME + path), "401", path);
  }
  assert.equal(status(`${BY_NAME}/api/v1/webrtc/offer`, "--json", "{}"), "401");
  assert.equal(status(`${BY_NAME}/`, "--header", "Host: rebound.example"), "421");
  assert.equal(status(`http://${NAME}:8000/`), `301 ${BY_NAME}/`);
});

test(
  "Chromium signs in with the key that was printed, and its video goes through coturn",
  { skip },
  async () => {
    const [key] = /scope_[\w-]+/.exec(printed);
    const { page, close } = await openPage(browser, `${BY_NAME}/?source=pattern&pipeline=echo`, {
      ignoreHTTPSErrors: true,
      prepare: (page) => keepConnections(page, { iceTransportPolicy: "relay" }),
    });

    await page.getByLabel("Key", { exact: true }).fill(key);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Start" }).click();

    await until(`the page is live\n${printed}`, async () => (await state(page)) === "live");
    await until("numbers come back", async () => (await stamps(page)).length >= 60);
    const relayed = await page.evaluate(async () => {
      const report = await window.connections.at(-1).getStats();
      const transport = [...report.values()].find(({ type }) => type === "transport");
      return report.get(report.get(transport.selectedCandidatePairId).localCandidateId).candidateType;
    });
    assert.equal(relayed, "relay");
    await close();
  },
);

test("the relay leads to the server and nowhere else", { skip }, async () => {
  const [key] = /scope_[\w-]+/.exec(printed);
  const { iceServers } = JSON.parse(
    curl("--header", `Authorization: Bearer ${key}`, `${BY_NAME}/api/v1/webrtc/ice-servers`),
  );
  const { username, credential } = iceServers.find(({ urls }) =>
    [urls].flat().some((url) => url.startsWith("turn:")),
  );
  const through = (peer) => {
    const [program, ...before] = link.atClient;
    const words = [
      "turnutils_uclient",
      "-u",
      username,
      "-w",
      credential,
      "-e",
      peer,
      "-n",
      "1",
      "-c",
      link.address,
    ];
    try {
      return execFileSync(program, [...before, ...words], { encoding: "utf8", timeout: 20_000 });
    } catch (error) {
      return `${error.stdout}${error.stderr}`;
    }
  };

  for (const peer of ["127.0.0.1", "10.77.1.2", "192.0.2.1"])
    assert.match(through(peer), /403|Forbidden/i, peer);
});
