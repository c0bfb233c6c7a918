import type { StageCause, StageStatus } from "../types/stage";
import { asSentence } from "./format";

/** What is wrong with the stage, for a person, and what can be done about it. */
export interface Trouble {
  sentence: string;
  next: string | null;
}

const SMALLER = "Choose a smaller model or smaller frames";
const LAST_LINES = "Its last lines are in the server's log.";
const SIGKILL = 9;

/** Null while nothing is wrong. */
export function troubleOf(stage: StageStatus): Trouble | null {
  const { state } = stage;
  switch (state) {
    case "loading":
    case "running":
      return null;
    case "degraded":
      return told(stage);
    case "restarting":
      return withNext(stage, "It restarts by itself.", null);
    case "failed":
      return withNext(stage, null, "Then restart it.");
    default:
      return state satisfies never;
  }
}

function withNext(stage: StageStatus, before: string | null, after: string | null): Trouble {
  const { sentence, next } = told(stage);
  return { sentence, next: [before, next, after].filter(Boolean).join(" ") };
}

/** The server's own words where it is newer than the page and knows further causes. */
function told({ cause, detail, next_step }: StageStatus): Trouble {
  const known = cause && wordsOf(cause);
  return known ?? { sentence: asSentence(detail), next: next_step ? asSentence(next_step) : null };
}

function wordsOf(cause: StageCause): Trouble | undefined {
  const say = (sentence: string, next: string | null = null): Trouble => ({
    sentence: asSentence(sentence),
    next,
  });
  switch (cause.kind) {
    case "exited": {
      const early = cause.ready ? "" : " before it was ready";
      const last = cause.last_line ? `: ${cause.last_line}` : "";
      return say(`The pipeline's worker ended with exit status ${cause.code}${early}${last}`, LAST_LINES);
    }
    case "killed":
      return killed(cause);
    case "timed_out":
      return timedOut(cause);
    case "over_memory_limit":
      return say(
        `The pipeline used ${cause.used_mb} MB of memory, its limit is ${cause.limit_mb} MB`,
        `${SMALLER}, or raise memory_limit_mb in its pipeline.toml.`,
      );
    case "out_of_memory":
      return say(
        `The pipeline ran out of memory: ${cause.message}`,
        `${SMALLER}, or end other programs that use the server's memory.`,
      );
    case "panicked":
      return say(
        `The server failed while it ran the pipeline: ${cause.message}`,
        "Report this fault with the server's log.",
      );
    case "refused":
      return say(
        `The pipeline does not run: ${cause.message}`,
        "Change its parameters, or choose another pipeline.",
      );
    case "not_installed":
      return notInstalled(cause);
    case "protocol_fault":
      return say(
        `The pipeline's worker broke the protocol: ${cause.message}`,
        "Correct the worker, or choose another pipeline.",
      );
    case "element_failed":
      return say(
        `A GStreamer element of the pipeline failed: ${cause.message}`,
        "Change its parameters, or choose another pipeline.",
      );
    case "not_started":
      return say(
        `The server could not start the pipeline: ${cause.message}`,
        "End other sessions, or raise the server's limits; scope doctor shows them.",
      );
    case "stopped":
      return say("The pipeline's worker was stopped");
    case "frame_failed":
      return say(
        `The pipeline failed on frame ${cause.frame}: ${cause.message}`,
        "Undo the last change of its parameters, or choose another pipeline.",
      );
    case "slow":
      return say(`One frame takes the pipeline longer than ${seconds(cause)}`, `${SMALLER}, or wait.`);
    case "no_input":
      return say("This pipeline needs frames and none arrive", "Start a camera, a screen or a file.");
    default:
      return unknown(cause);
  }
}

function killed({ signal, memory_ran_out }: StageCause & { kind: "killed" }): Trouble {
  if (signal !== SIGKILL)
    return { sentence: `The pipeline's worker crashed (signal ${signal}).`, next: LAST_LINES };
  if (memory_ran_out)
    return {
      sentence: "The system killed the pipeline's worker, probably because memory ran out.",
      next: `${SMALLER}, or give the server more memory.`,
    };
  return {
    sentence: `The pipeline's worker was killed (signal ${signal}).`,
    next: "If nobody killed it, memory may have run out: look into the server's kernel log.",
  };
}

function timedOut(cause: StageCause & { kind: "timed_out" }): Trouble | undefined {
  const { during } = cause;
  switch (during) {
    case "loading":
      return {
        sentence: `The pipeline was not ready after ${seconds(cause)}.`,
        next: "If its model needs longer, raise load_limit_s in its pipeline.toml.",
      };
    case "frame":
      return {
        sentence: `The pipeline hung: one frame took longer than ${seconds(cause)}.`,
        next: `${SMALLER}, or raise the frame's limit in its pipeline.toml.`,
      };
    case "idle":
    case "receiving":
      return {
        sentence: `The pipeline's worker hung: it did not answer for ${seconds(cause)}.`,
        next: LAST_LINES,
      };
    default:
      return unknown(during);
  }
}

function notInstalled({
  missing,
  name,
  install,
}: StageCause & { kind: "not_installed" }): Trouble | undefined {
  const next = asSentence(`On the server, ${install}`);
  switch (missing) {
    case "module":
      return { sentence: `The pipeline needs the Python module ${name}, which is not installed.`, next };
    case "library":
      return { sentence: `The pipeline needs the library ${name}, which is not installed.`, next };
    case "program":
      return { sentence: `The pipeline needs the program ${name}, which is not installed.`, next };
    case "file":
      return { sentence: `The pipeline needs the file ${name}, which is missing.`, next };
    default:
      return unknown(missing);
  }
}

/** What is left over by a switch: nothing for the compiler, at runtime what a newer server says. */
const unknown: (value: never) => undefined = () => undefined;

function seconds({ seconds }: { seconds: number }): string {
  return `${Math.round(seconds * 10) / 10} s`;
}
