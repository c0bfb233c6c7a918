import { controlsOf } from "../lib/controls";
import type { Pipeline } from "../types/api";
import type { Json, StreamSnapshot } from "../types/stream";
import { ParameterControl } from "./ParameterControl";
import { Button } from "./ui/Button";
import { Notice } from "./ui/Notice";
import { Panel } from "./ui/Panel";
import { Select } from "./ui/Select";

interface Props {
  stream: StreamSnapshot;
  pipelines: Pipeline[];
  error: string | null;
  chosen: Pipeline | null;
  onPipeline: (id: string) => void;
  onParameter: (name: string, value: Json) => void;
  onReload: () => void;
}

/** Which pipeline, and its parameters, drawn from its schema. */
export function SettingsPanel({
  stream,
  pipelines,
  error,
  chosen,
  onPipeline,
  onParameter,
  onReload,
}: Props) {
  const live = stream.phase === "live";
  const running = stream.phase !== "idle" && stream.phase !== "ended";
  return (
    <Panel title="Settings">
      {error && (
        <>
          <Notice look="problem">The pipelines cannot be listed: {error}</Notice>
          <Button onClick={onReload}>Try again</Button>
        </>
      )}
      {chosen && (
        <>
          <Select
            label="Pipeline"
            value={chosen.id}
            options={pipelines.map((one) => ({
              value: one.id,
              label: one.name,
              disabled: !!one.schema_error,
            }))}
            onChange={onPipeline}
          />
          <p className="text-xs text-slate-400">{chosen.schema_error ?? chosen.description}</p>
          {stream.stage && stream.stage.state !== "running" && live && (
            <Notice look="hint">{stream.stage.detail}</Notice>
          )}
          {stream.notice && live && <Notice look="hint">{stream.notice}</Notice>}
          {controlsOf(chosen).map((control) => (
            <ParameterControl
              key={control.name}
              control={control}
              value={stream.parameters[control.name] ?? control.initial}
              disabled={control.loadParam && running}
              rejected={stream.rejected[control.name] ?? null}
              onChange={(value) => onParameter(control.name, value)}
            />
          ))}
        </>
      )}
    </Panel>
  );
}
