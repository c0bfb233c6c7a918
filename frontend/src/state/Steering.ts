import { controlsOf, fitting } from "../lib/controls";
import { same, without } from "../lib/values";
import type { Session } from "../rtc/Session";
import type { Pipeline } from "../types/api";
import type { Prompt, Settings } from "../types/setup";
import type { Json, SourceOptions, Values } from "../types/stream";
import { inputSourceOf, isServerKind } from "../lib/serverFiles";
import { PromptMix, promptsIn } from "./PromptMix";
import type { SettingsStore } from "./SettingsStore";
import { Timeline } from "./Timeline";
import type { TimelineEvent } from "./timelineFile";

/** What is done once and is no value that stays. */
const ONCE = ["transition", "reset"];

/** Everything that a person sets: said to the server, kept for the next time, and put on the timeline. */
export class Steering {
  readonly mix: PromptMix;
  readonly timeline: Timeline;
  private pipelines: Pipeline[] = [];
  /** A chosen file cannot be kept over a reload. */
  private file: File | null = null;

  constructor(
    private readonly session: Session,
    private readonly settings: SettingsStore,
    /** Parameters of the link's pipeline: they count once. */
    private fromLink: Values = {},
  ) {
    this.mix = new PromptMix(settings);
    this.timeline = new Timeline((event) => this.apply(event));
  }

  /** The server's pipelines are known, and which one it runs where nobody chooses. */
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

  /** Another source or another way to open it: at once where a stream runs. */
  readonly setSource = (change: Partial<Settings>, file: File | null = this.file): void => {
    this.file = file;
    this.settings.set(change);
    const { phase } = this.session.getSnapshot();
    const options = this.sourceOptions();
    if (phase === "idle" || phase === "ended" || (options.source === "file" && !file)) return;
    if (isServerKind(options.source) && !options.inputSource) return;
    void this.session.source.change(options);
  };

  readonly setSound = (sound: boolean): void => {
    this.settings.set({ sound });
    this.session.source.setSound(sound);
  };

  readonly choosePipeline = (id: string): void => {
    const pipeline = this.find(id);
    if (!pipeline || pipeline.schema_error) return;
    const values = { ...fitting(pipeline, this.kept(id)), ...this.prompts(pipeline) };
    this.settings.set({ pipelineId: id });
    this.session.parameters.switchPipeline(id, values);
    this.timeline.note(values, id);
  };

  /** The pipeline before or after the chosen one, for a key. */
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

  /** Every control back to its default. */
  readonly resetAll = (): void => {
    const controls = this.pipeline ? controlsOf(this.pipeline) : [];
    const known = controls.filter((control) => control.initial !== null);
    this.setParameters(Object.fromEntries(known.map((control) => [control.name, control.initial])));
  };

  /** The stage forgets earlier frames. */
  readonly forgetFrames = (): void => this.session.parameters.send({ reset: true });

  /** The mix as it stands, on its way with the transition. */
  readonly sendPrompts = (): void => {
    this.mix.remember();
    this.say(this.mix.transition() ?? {});
  };

  /** Weights count while they are moved; words when they are sent. */
  readonly setWeight = (at: number, weight: number): void => {
    this.mix.edit(at, { weight });
    this.say({});
  };

  readonly solo = (at: number): void => {
    this.mix.solo(at);
    this.say({});
  };

  readonly removePrompt = (at: number): void => {
    this.mix.remove(at);
    this.say({});
  };

  readonly recall = (mix: Prompt[]): void => {
    this.mix.recall(mix);
    this.sendPrompts();
  };

  /** The timeline begins with all that is set. */
  readonly capture = (): void => {
    const { pipelineId, parameters } = this.session.getSnapshot();
    const everything = { ...parameters, ...this.prompts(this.pipeline) };
    this.timeline.capture({ parameters: everything, ...(pipelineId ? { pipelineId } : {}) });
  };

  private say(once: Values): void {
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

  /** What equals its default is not kept: a pipeline's new default counts. */
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
      sound: settings.sound,
      measureDelay: settings.measureDelay,
    };
  }
}
