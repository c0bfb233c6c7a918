import { controlsOf, fitting } from "../lib/controls";
import { same, without } from "../lib/values";
import type { Session } from "../rtc/Session";
import { isRunning } from "../rtc/snapshot";
import type { Pipeline } from "../types/api";
import type { Prompt, Settings } from "../types/setup";
import type { Json, SourceOptions, Values } from "../types/stream";
import { inputSourceOf, isServerKind } from "../lib/serverFiles";
import { PromptMix, promptsIn } from "./PromptMix";
import type { SettingsStore } from "./SettingsStore";
import { Timeline } from "./Timeline";
import type { TimelineEvent } from "./timelineFile";

/** One-off commands: not values that stay. */
const ONCE = ["transition", "reset"];

/** Everything that a person sets: sent to the server, stored for the next visit, and captured on the timeline. */
export class Steering {
  readonly mix: PromptMix;
  readonly timeline: Timeline;
  private pipelines: Pipeline[] = [];
  /** A chosen file does not survive a reload. */
  private file: File | null = null;

  constructor(
    private readonly session: Session,
    private readonly settings: SettingsStore,
    /** Parameters from the link; they are used once. */
    private fromLink: Values = {},
  ) {
    this.mix = new PromptMix(settings);
    this.timeline = new Timeline((event) => this.apply(event));
  }

  /** Takes the server's pipelines, and the one that it runs by default. */
  readonly setPipelines = (pipelines: Pipeline[], usual: string | null): void => {
    this.pipelines = pipelines;
    const { pipelineId } = this.settings.getSnapshot();
    const usable = pipelines.filter((pipeline) => !pipeline.schema_error);
    const chosen =
      usable.find((pipeline) => pipeline.id === pipelineId) ??
      usable.find((pipeline) => pipeline.id === usual) ??
      usable[0];
    if (!chosen) return;
    if (Object.keys(this.fromLink).length > 0) {
      this.settings.setParameters(chosen.id, { ...this.kept(chosen.id), ...fitting(chosen, this.fromLink) });
      this.fromLink = {};
    }
    this.session.parameters.prepare(chosen.id, fitting(chosen, this.kept(chosen.id)));
  };

  get hasFile(): boolean {
    return this.file !== null;
  }

  get pipeline(): Pipeline | null {
    return this.find(this.session.getSnapshot().pipelineId);
  }

  readonly start = (): void => {
    const { pipeline } = this;
    const { parameters, pipelineId } = this.session.getSnapshot();
    const { codec } = this.settings.getSnapshot();
    void this.session.start({
      ...this.sourceOptions(),
      codec,
      pipelineId: pipelineId ?? this.settings.getSnapshot().pipelineId,
      parameters: { ...parameters, ...this.prompts(pipeline) },
    });
  };

  /** Changes the source, or how it is opened; a running stream switches at once. */
  readonly setSource = (change: Partial<Settings>, file: File | null = this.file): void => {
    this.file = file;
    this.settings.set(change);
    const options = this.sourceOptions();
    if (!isRunning(this.session.getSnapshot()) || (options.source === "file" && !file)) return;
    if (isServerKind(options.source) && !options.inputSource) return;
    void this.session.source.change(options);
  };

  readonly setAudio = (audio: boolean): void => {
    this.settings.set({ audio });
    this.session.source.setAudio(audio);
  };

  readonly choosePipeline = (id: string): void => {
    const pipeline = this.find(id);
    if (!pipeline || pipeline.schema_error) return;
    const values = { ...fitting(pipeline, this.kept(id)), ...this.prompts(pipeline) };
    this.settings.set({ pipelineId: id });
    this.session.parameters.switchPipeline(id, values);
    this.timeline.note(values, id);
  };

  /** Chooses the previous or the next pipeline. */
  readonly stepPipeline = (by: 1 | -1): void => {
    const usable = this.pipelines.filter((pipeline) => !pipeline.schema_error);
    const at = usable.findIndex((pipeline) => pipeline.id === this.pipeline?.id);
    const next = usable[(at + by + usable.length) % usable.length];
    if (next) this.choosePipeline(next.id);
  };

  readonly setParameter = (name: string, value: Json): void => this.setParameters({ [name]: value });

  readonly setParameters = (values: Values): void => {
    this.keep(values);
    this.session.parameters.set(values);
    this.timeline.note(values);
  };

  /** Resets every control to its default. */
  readonly resetAll = (): void => {
    const controls = this.pipeline ? controlsOf(this.pipeline) : [];
    const known = controls.filter((control) => control.initial !== null);
    this.setParameters(Object.fromEntries(known.map((control) => [control.name, control.initial])));
  };

  /** Makes the pipeline forget earlier frames. */
  readonly forgetFrames = (): void => this.session.parameters.send({ reset: true });

  /** Sends the mix with its transition. */
  readonly sendPrompts = (): void => {
    this.mix.remember();
    this.sendMix(this.mix.transition() ?? {});
  };

  /** A weight applies while its slider moves, text once it is sent. */
  readonly setWeight = (at: number, weight: number): void => {
    this.mix.edit(at, { weight });
    this.sendMix({});
  };

  readonly solo = (at: number): void => {
    this.mix.solo(at);
    this.sendMix({});
  };

  readonly removePrompt = (at: number): void => {
    this.mix.remove(at);
    this.sendMix({});
  };

  readonly recall = (mix: Prompt[]): void => {
    this.mix.recall(mix);
    this.sendPrompts();
  };

  /** Starts a capture, which begins with everything that is set. */
  readonly capture = (): void => {
    const { pipelineId, parameters } = this.session.getSnapshot();
    const everything = { ...parameters, ...this.prompts(this.pipeline) };
    this.timeline.capture({ parameters: everything, ...(pipelineId ? { pipelineId } : {}) });
  };

  private sendMix(once: Values): void {
    const payload = this.prompts(this.pipeline);
    if (!("prompts" in payload)) return;
    this.session.parameters.set(payload, once);
    this.timeline.note({ ...payload, ...once });
  }

  private apply({ pipelineId, parameters }: TimelineEvent): void {
    const once = without(parameters, (name) => !ONCE.includes(name));
    const values = without(parameters, (name) => ONCE.includes(name));
    const prompts = promptsIn(values["prompts"]);
    if (prompts.length > 0) this.settings.set({ prompts });
    const pipeline = this.find(pipelineId ?? null);
    if (pipeline && !pipeline.schema_error && pipeline.id !== this.pipeline?.id) {
      this.settings.set({ pipelineId: pipeline.id });
      this.session.parameters.switchPipeline(pipeline.id, values);
    } else {
      this.session.parameters.set(values, once);
    }
    this.keep(without(values, (name) => name === "prompts"));
  }

  /** A value that equals its default is not stored, so that a new default of the pipeline applies. */
  private keep(values: Values): void {
    const { pipeline } = this;
    if (!pipeline) return;
    const initial = new Map(controlsOf(pipeline).map((control) => [control.name, control.initial]));
    const all = { ...this.kept(pipeline.id), ...values };
    this.settings.setParameters(
      pipeline.id,
      without(all, (name, value) => same(value, initial.get(name) ?? null)),
    );
  }

  private kept(pipelineId: string): Values {
    return this.settings.getSnapshot().parameters[pipelineId] ?? {};
  }

  private prompts(pipeline: Pipeline | null): Values {
    return pipeline?.supports_prompts ? (this.mix.payload() ?? {}) : {};
  }

  private find(id: string | null): Pipeline | null {
    return this.pipelines.find((pipeline) => pipeline.id === id) ?? null;
  }

  private sourceOptions(): SourceOptions {
    const settings = this.settings.getSnapshot();
    return {
      source: settings.source,
      deviceId: settings.cameraId || null,
      microphoneId: settings.microphoneId || null,
      resolution: settings.resolution,
      frameRate: settings.frameRate,
      file: this.file,
      inputSource: inputSourceOf(settings),
      audio: settings.audio,
      measureDelay: settings.measureDelay,
    };
  }
}
