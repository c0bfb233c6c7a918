import { expect, it } from "vitest";

import type { StageCause, StageStatus } from "../types/stage";
import { troubleOf } from "./stageTrouble";

/** One of each kind, each with the words that only its sentence and its next step have. */
const CAUSES: { [Kind in StageCause["kind"]]: [StageCause & { kind: Kind }, RegExp, RegExp | null] } = {
  exited: [
    { kind: "exited", code: 3, ready: true, last_line: "out of ideas" },
    /ended with exit status 3: out of ideas\.$/,
    /last lines/,
  ],
  killed: [{ kind: "killed", signal: 9, memory_ran_out: false }, /was killed \(signal 9\)/, /kernel log/],
  timed_out: [{ kind: "timed_out", during: "frame", seconds: 2.04 }, /hung: .* 2 s\.$/, /pipeline\.toml/],
  over_memory_limit: [
    { kind: "over_memory_limit", used_mb: 512, limit_mb: 400 },
    /512 MB .* 400 MB/,
    /memory_limit_mb/,
  ],
  out_of_memory: [
    { kind: "out_of_memory", message: "CUDA out of memory." },
    /ran out of memory: CUDA out of memory\.$/,
    /smaller model/,
  ],
  panicked: [{ kind: "panicked", message: "planted" }, /server failed .*planted/, /Report/],
  refused: [{ kind: "refused", message: "no GPU" }, /does not run: no GPU/, /another pipeline/],
  not_installed: [
    {
      kind: "not_installed",
      missing: "module",
      name: "torch",
      install: "install it with `python3 -m pip install torch`",
    },
    /Python module torch, which is not installed/,
    /On the server, install it with `python3 -m pip install torch`\./,
  ],
  protocol_fault: [{ kind: "protocol_fault", message: "garbage" }, /protocol: garbage/, /Correct the worker/],
  element_failed: [{ kind: "element_failed", message: "blur: no" }, /element .*blur: no/, /parameters/],
  not_started: [{ kind: "not_started", message: "no thread" }, /could not start .*no thread/, /scope doctor/],
  stopped: [{ kind: "stopped" }, /was stopped/, null],
  frame_failed: [{ kind: "frame_failed", frame: 7, message: "odd" }, /failed on frame 7: odd/, /Undo/],
  slow: [{ kind: "slow", seconds: 1.25 }, /longer than 1\.3 s/, /wait/],
  no_input: [{ kind: "no_input" }, /none arrive/, /camera/],
};

const restarting = (cause: StageCause): StageStatus => ({ state: "restarting", detail: "planted", cause });

it.each(Object.values(CAUSES))("says its own sentence and next step for %o", (cause, sentence, next) => {
  const degraded = troubleOf({ state: "degraded", detail: "planted", cause });

  expect(degraded?.sentence).toMatch(sentence);
  expect(degraded?.sentence).toMatch(/^[A-Z].*[^.]\.$/);
  if (next) expect(degraded?.next).toMatch(next);
  else expect(degraded?.next).toBeNull();
});

it("has no two causes with one sentence", () => {
  const sentences = Object.values(CAUSES).map(([cause]) => troubleOf(restarting(cause))?.sentence);

  expect(new Set(sentences).size).toBe(sentences.length);
});

it("says what the stage does by itself, and what is left to do", () => {
  const cause = CAUSES.killed[0];

  expect(troubleOf(restarting(cause))?.next).toMatch(/^It restarts by itself\. If nobody/);
  expect(troubleOf({ state: "failed", detail: "", cause })?.next).toMatch(/kernel log\. Then restart it\.$/);
  for (const state of ["loading", "running"] as const) expect(troubleOf({ state, detail: "" })).toBeNull();
});

it("blames memory for a kill where the server knows it", () => {
  const { sentence = "" } = troubleOf(restarting({ kind: "killed", signal: 9, memory_ran_out: true })) ?? {};

  expect(sentence).toContain("probably because memory ran out");
});

it("tells every way in which time runs out and every thing that is missing apart", () => {
  const during = (["loading", "frame", "idle"] as const).map((during) =>
    troubleOf(restarting({ kind: "timed_out", during, seconds: 5 })),
  );
  const missing = (["module", "library", "program", "file"] as const).map((missing) =>
    troubleOf(restarting({ kind: "not_installed", missing, name: "x", install: "install it" })),
  );

  const sentences = [...during, ...missing].map((trouble) => trouble?.sentence);
  expect(new Set(sentences).size).toBe(7);
});

it("repeats the server's own words for a cause that it does not know", () => {
  const cause = { kind: "later" } as unknown as StageCause;

  expect(troubleOf({ state: "degraded", detail: "it is late", cause, next_step: "wait for it" })).toEqual({
    sentence: "It is late.",
    next: "Wait for it.",
  });
});
