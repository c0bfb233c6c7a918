// A browser that reaches the server through a TURN relay alone, as behind a symmetric NAT.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";

import { keepConnections, launch, openPage, stamps, state } from "./chromium.mjs";
import { startCoturn } from "./coturn.mjs";
import { receive } from "./raw.mjs";
import { startServer, until } from "./server.mjs";

const SECRET = "north";
let browser, coturn;
before(async () => {
  [browser, coturn] = await Promise.all([launch(), startCoturn(SECRET)]);
});
after(async () => {
  await browser?.close();
  await coturn?.stop();
});

const serverWith = (secret) =>
  startServer({ env: { SCOPE_OFFLINE: "false", SCOPE_TURN_URLS: coturn.url, SCOPE_TURN_SECRET: secret } });

/** Both ends of the selected candidate pair, as the browser sees them. */
const selectedPair = (page) =>
  page.evaluate(async () => {
    const report = await window.connections.at(-1).getStats();
    const transport = [...report.values()].find(({ type }) => type === "transport");
    const pair = report.get(transport?.selectedCandidatePairId);
    return pair && { local: report.get(pair.localCandidateId), remote: report.get(pair.remoteCandidateId) };
  });

test("the credentials are fresh and signed with coturn's secret", async () => {
  const server = await serverWith(SECRET);
  const asked = Date.now() / 1000;

  const { status, body } = await server.get("/api/v1/webrtc/ice-servers");

  assert.equal(status, 200);
  const relay = body.iceServers.find(({ urls }) => [urls].flat().includes(coturn.url));
  assert.ok(relay, `no ${coturn.url} in ${JSON.stringify(body)}`);
  const expiry = Number(relay.username.split(":")[0]);
  const lives = [expiry - Date.now() / 1000, expiry - asked];
  assert.ok(lives[0] <= 3600 && lives[1] > 3590, `the credentials live ${lives} s`);
  assert.equal(relay.credential, createHmac("sha1", SECRET).update(relay.username).digest("base64"));
  await server.kill();
});

test("a relay-only page gets its numbers back through coturn", async () => {
  const server = await serverWith(SECRET);

  const { page, errors, close } = await openPage(browser, `${server.url}/?source=pattern&codec=VP8&autostart=1`, {
    prepare: (page) => keepConnections(page, { iceTransportPolicy: "relay" }),
  });
  await until("the page is live", async () => (await state(page)) === "live");
  const seen = await until("60 numbers came back", async () => {
    const all = await stamps(page);
    return all.length >= 60 && all;
  });

  const falls = seen.filter((number, at) => at > 0 && number < seen[at - 1]);
  assert.deepEqual(falls, [], "numbers rise");
  const pair = await selectedPair(page);
  assert.equal(pair.local.candidateType, "relay");
  assert.match(pair.local.url, /^turn:/);
  assert.match(await coturn.log(), /ALLOCATE processed, success/);
  assert.deepEqual(errors, []);
  await close();
  await server.kill();
});

test("the server's answer offers relay candidates of its own", async () => {
  const server = await serverWith(SECRET);
  const { page, close } = await openPage(browser, `${server.url}/health`);

  const { sdp } = await page.evaluate(receive);

  assert.match(sdp, / typ relay /);
  await close();
  await server.kill();
});

test("a wrong secret gives no relay candidate, so the policy above is in force", async () => {
  const server = await serverWith("south");
  const { page, close } = await openPage(browser, `${server.url}/health`);

  const candidates = await page.evaluate(async () => {
    const { iceServers } = await (await fetch("/api/v1/webrtc/ice-servers")).json();
    const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
    connection.addTransceiver("video");
    const found = [];
    connection.onicecandidate = ({ candidate }) => candidate?.candidate && found.push(candidate.candidate);
    await connection.setLocalDescription();
    while (connection.iceGatheringState !== "complete") {
      await new Promise((changed) => (connection.onicegatheringstatechange = changed));
    }
    return found;
  });

  assert.deepEqual(candidates, []);
  await close();
  await server.kill();
});
