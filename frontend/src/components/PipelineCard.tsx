import type { Pipeline } from "../types/api";
import { asSentence } from "../lib/format";
import type { StageState } from "../types/stage";
import type { StreamSnapshot } from "../rtc/snapshot";
import { Button } from "./ui/Button";
import { Notice } from "./ui/Notice";

const STATES: Record<StageState, string> = {
  loading: "Loading",
  running: "Running",
  degraded: "Degraded",
  restarting: "Restarting",
  failed: "Failed",
};

interface Props {
  pipeline: Pipeline;
  stream: StreamSnapshot;
  onChoose: () => void;
}

/** The chosen pipeline and its state, also while it is being loaded. */
export function PipelineCard({ pipeline, stream, onChoose }: Props) {
  const { stage, switchingTo, rejected, phase } = stream;
  const live = phase === "live";
  const busy = live && (switchingTo !== null || stage?.state === "loading");
  const state = busy ? "Loading" : live && stage ? STATES[stage.state] : "Ready";
  return (
    <div className="space-y-3">
      <div className="relative overflow-hidden rounded-md border border-line bg-raised/60 p-3">
        <div className="flex items-start justify-between gap-3">
          <div className="min-w-0">
            <p className="truncate text-base font-semibold">{pipeline.name}</p>
            <p className="text-xs text-muted">
              {pipeline.version && <span>v{pipeline.version} · </span>}
              <span role="status" aria-label="Pipeline state">
                {pipeline.schema_error ? "Broken" : state}
              </span>
            </p>
          </div>
          <Button size="small" aria-label="Change the pipeline" onClick={onChoose}>
            Change
          </Button>
        </div>
        <p className="mt-2 text-xs text-pretty text-soft">{pipeline.description}</p>
        {busy && <span aria-hidden className="sweep absolute bottom-0 left-0 h-0.5 w-2/5 bg-accent" />}
      </div>
      {busy && (
        <Notice look="quiet">
          {stage?.state === "loading" && stage.detail
            ? asSentence(stage.detail)
            : `Loading ${pipeline.name}.`}{" "}
          The video continues meanwhile.
        </Notice>
      )}
      {pipeline.schema_error && <Notice look="problem">{pipeline.schema_error}</Notice>}
      {rejected["pipeline_id"] && <Notice look="problem">{rejected["pipeline_id"]}</Notice>}
      {rejected[""] && <Notice look="problem">{rejected[""]}</Notice>}
      {stream.notice && live && <Notice look="hint">{stream.notice}</Notice>}
    </div>
  );
}
