import { without } from "../lib/values";
import type { MessageOf } from "../types/api";
import type { PromptData, Values } from "../types/stream";
import type { ConnectionKeeper } from "./ConnectionKeeper";
import { Outbox } from "./Outbox";
import { type Fields, NO_PROMPT } from "./snapshot";

type Own = "parameters" | "rejected" | "prompt" | "pipelineId" | "switchingTo" | "paused";

/**
 * Keeps pipeline and parameters the same on both sides: sends what a person sets, and takes over what the server
 * applied, rejected, or changed by itself.
 */
export class ParameterSync {
  private link: Pick<ConnectionKeeper, "send"> | null = null;
  private readonly outbox = new Outbox((values) => this.link?.send(values) ?? false);
  /** What the server runs; it keeps this when it rejects something else. */
  private inForce: { pipelineId: string | null; parameters: Values } = { pipelineId: null, parameters: {} };

  constructor(private readonly state: Fields<Own>) {}

  /** From here on, what is set goes to the server. */
  start(link: Pick<ConnectionKeeper, "send">): void {
    this.link = link;
  }

  stop(): void {
    this.link = null;
    this.outbox.clear();
  }

  /** Sets what the next start begins with; a running stream is left alone. */
  readonly prepare = (pipelineId: string | null, parameters: Values): void => {
    if (!this.link) this.state.update({ pipelineId, parameters, rejected: {} });
  };

  /** `once` is applied and forgotten, such as a transition. */
  readonly set = (values: Values, once: Values = {}): void => {
    const { parameters, prompt } = this.state.getSnapshot();
    this.state.update({
      parameters: { ...parameters, ...values },
      prompt: this.link && "prompts" in values ? { ...NO_PROMPT, state: "sent" } : prompt,
    });
    this.send({ ...values, ...once });
  };

  /** Sends values that need not be parameters, such as `reset`; earlier rejections of them are forgotten. */
  readonly send = (values: Values): void => {
    const { rejected } = this.state.getSnapshot();
    const others = Object.entries(rejected).filter(([name]) => name !== "" && !(name in values));
    this.state.update({ rejected: Object.fromEntries(others) });
    if (this.link) this.outbox.put(values);
  };

  readonly setPaused = (paused: boolean): void => {
    this.state.update({ paused });
    this.send({ paused });
  };

  /** The pipeline takes over, with these parameters, as soon as it is loaded. */
  readonly switchPipeline = (id: string, parameters: Values): void => {
    const prompt: PromptData = {
      ...NO_PROMPT,
      state: this.link && "prompts" in parameters ? "sent" : "none",
    };
    const switchingTo = this.link ? id : null;
    this.state.update({ pipelineId: id, switchingTo, parameters, rejected: {}, prompt });
    this.send({ pipeline_id: id, ...parameters });
  };

  /** Whether the server has yet to answer the newest value of this name. */
  awaits(name: string): boolean {
    return this.outbox.awaits(name);
  }

  /** Sends again what a lost connection may have swallowed. */
  resend(): void {
    this.outbox.resend();
  }

  /** What a new session starts with. */
  initial(): Values {
    const { pipelineId, parameters, paused } = this.state.getSnapshot();
    return {
      ...(pipelineId ? { pipeline_ids: [pipelineId] } : {}),
      ...parameters,
      ...(paused ? { paused } : {}),
    };
  }

  /** The server runs a new session, with `initial()`. */
  onFresh(): void {
    const { pipelineId, parameters } = this.state.getSnapshot();
    this.inForce = { pipelineId, parameters };
    const state = "prompts" in parameters ? "applied" : "none";
    this.state.update({ switchingTo: null, prompt: { ...NO_PROMPT, state } });
  }

  onUpdated(message: MessageOf<"parameters_updated">): void {
    const answered = this.outbox.answered(message.id);
    const { parameters, prompt, switchingTo } = this.state.getSnapshot();
    this.inForce = { ...this.inForce, parameters: message.parameters };
    // A slider in motion is ahead of the server, whose older value would pull it back.
    const ahead = without(parameters, (name) => !this.outbox.awaits(name));
    this.state.update({ parameters: { ...message.parameters, ...ahead } });
    if (answered?.["pipeline_id"] === switchingTo) this.state.update({ switchingTo: null });
    if (prompt.state !== "sent" || !answered || !("prompts" in answered)) return;
    if (this.outbox.awaits("prompts")) return;
    const atOnce = message.ignored?.includes("transition") ?? false;
    this.state.update({ prompt: { state: "applied", frame: message.frame, atOnce } });
  }

  /** Puts the values in force back in place of rejected ones, which would break the next offer. Returns those. */
  onRejected({ errors, id }: MessageOf<"parameters_rejected">): Record<string, string> {
    const asked = this.outbox.answered(id);
    const faults = Object.fromEntries(errors.map((error) => [error.path.split("/")[1] ?? "", error.message]));
    const { parameters, rejected, prompt, switchingTo } = this.state.getSnapshot();
    const noPrompt = prompt.state === "sent" && "prompts" in (asked ?? {});
    this.state.update({
      parameters: {
        ...without(parameters, (name) => name in faults),
        ...without(this.inForce.parameters, (name) => !(name in faults)),
      },
      rejected: { ...rejected, ...faults },
      prompt: noPrompt ? { ...NO_PROMPT, state: "rejected" } : prompt,
    });
    const wanted = asked?.["pipeline_id"] ?? switchingTo;
    const newest = switchingTo === null || wanted === switchingTo;
    if ("pipeline_id" in faults && newest) this.state.update({ ...this.inForce, switchingTo: null });
    return faults;
  }

  /** The server runs another pipeline, no matter which client chose it. */
  onPipeline(id: string): void {
    const { switchingTo } = this.state.getSnapshot();
    this.inForce = { pipelineId: id, parameters: {} };
    const newest = switchingTo === null || switchingTo === id;
    if (newest) this.state.update({ pipelineId: id, switchingTo: null });
  }
}
