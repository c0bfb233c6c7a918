// What people see over the picture when the stage is in trouble: its own sentence and next step for each cause, from
// real Python workers. SCREENSHOTS=FOLDER keeps a picture of each.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch, openPage } from "./chromium.mjs";
import { startServer, until } from "./server.mjs";
import { live, picture, shownFrames } from "./steer.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PYTHON = `${root}.venv/bin/python`;

/** Further lines of each pipeline's `[python]`. A load of two seconds lets the notice be looked at. */
const PIPELINES = {
  killed: 'env = { LOAD_S = "2" }',
  hung: 'frame_limit_ms = 1500\nenv = { LOAD_S = "2" }',
  memory: 'memory_limit_mb = 400\nenv = { LOAD_S = "2" }',
  "not-installed": 'env = { FAULT_ALWAYS = "import" }',
};

let browser, folder, server;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "scope-stage-"));
  const worker = await readFile(`${root}tests/support/python_worker.py`);
  for (const [id, own] of Object.entries(PIPELINES)) {
    await mkdir(join(folder, id));
    await writeFile(join(folder, id, "pipeline.py"), worker);
    await writeFile(join(folder, id, "pipeline.toml"), description(id, own));
  }
  server = await startServer({ args: ["--pipelines", folder] });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.kill();
  if (folder) await rm(folder, { recursive: true });
});

/** While there is no worker nothing is shown anew: what moves is made by one. */
function description(id, own) {
  return `
id = "${id}"
name = "${id}"
kind = "python"
layouts = ["I420"]
on_failure = "skip"

[python]
interpreter = "${PYTHON}"
keep_s = 0
${own}

[parameters.keep]
type = "boolean"
default = true
ui = { is_load_param = true }

[parameters.fault]
type = "string"
default = ""
`;
}

/** A page whose picture goes through that pipeline, if its worker comes up. */
async function open(id) {
  const { page, close } = await openPage(browser, `${server.url}/?source=pattern&pipeline=${id}&autostart=1`);
  await live(page);
  return { page, close };
}

const moves = async (page) => {
  const shown = await shownFrames(page);
  await until("the picture moves", async () => (await shownFrames(page)) > shown + 10);
};

/** Has the worker of the page's session misbehave. */
async function misbehave(page, fault) {
  const id = await page.evaluate(() => window.scope.sessionId());
  const response = await fetch(`${server.url}/api/v1/sessions/${id}/parameters`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ fault }),
  });
  assert.equal(response.status, 200, await response.text());
}

/** The process that works in the pipeline's folder. */
async function workerOf(id) {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => null);
    if (cwd === join(folder, id)) return Number(pid);
  }
  throw new Error(`no process works in ${id}`);
}

/** How often a stage of the server has begun to restart; what a page shows of one that fails at once may be missed. */
async function restarts() {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return Number(metrics.match(/^scope_stage_states_total\{state="restarting"\} (\d+)$/m)?.[1] ?? 0);
}

/** The words over the picture, by their role. */
const over = (page, role) => page.getByRole("region", { name: "Video" }).getByRole(role);

async function isTold(page, role, name, words) {
  const notice = over(page, role);
  await notice.filter({ hasText: words[0] }).waitFor();
  for (const expected of words) assert.match(await notice.textContent(), expected);
  await picture(page, name);
}

test("a killed worker is told of until its picture is back", async () => {
  const { page, close } = await open("killed");
  await moves(page);
  assert.equal(await over(page, "status").count(), 0);

  process.kill(await workerOf("killed"), "SIGKILL");

  const words = [/worker was killed \(signal 9\)/, /restarts by itself/, /memory may have run out|probably because/];
  await isTold(page, "status", "killed", words);
  assert.equal(await page.getByRole("status", { name: "Pipeline state" }).textContent(), "Restarting");
  await over(page, "status").waitFor({ state: "detached" });
  await moves(page);
  assert.equal(await over(page, "status").count(), 0);
  await close();
});

for (const [id, fault, words] of [
  ["hung", "hang", [/hung: one frame took longer than 1\.[56] s/, /frame's limit in its pipeline\.toml/]],
  ["memory", "eat", [/used \d+ MB of memory, its limit is 400 MB/, /raise memory_limit_mb/]],
]) {
  test(`${id}: the worker's end is told with its own words, and its picture comes back`, async () => {
    const { page, close } = await open(id);
    await moves(page);

    await misbehave(page, fault);

    await isTold(page, "status", id, words);
    await over(page, "status").waitFor({ state: "detached" });
    await moves(page);
    await close();
  });
}

test("a module that is not installed is named with the command that installs it, and a restart is offered", async () => {
  const { page, close } = await open("not-installed");

  const install = new RegExp(`${PYTHON} -m pip install no_such_module`);
  const words = [/needs the Python module no_such_module, which is not installed/, install, /Then restart it/];
  await isTold(page, "alert", "not-installed", words);
  const before = await restarts();
  await page.getByRole("button", { name: "Restart" }).click();

  await until("the stage restarts on request", async () => (await restarts()) > before);
  await close();
});
