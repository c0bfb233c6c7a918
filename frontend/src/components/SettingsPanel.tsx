import { useState } from "react";

import { controlsOf, groupsOf } from "../lib/controls";
import { same } from "../lib/values";
import { steering } from "../state/page";
import type { Pipeline } from "../types/api";
import { type StreamSnapshot, isRunning } from "../rtc/snapshot";
import type { Json } from "../types/stream";
import { ParameterControl } from "./ParameterControl";
import { PipelineCard } from "./PipelineCard";
import { PipelineDialog } from "./PipelineDialog";
import { Button } from "./ui/Button";
import { Notice } from "./ui/Notice";
import { Panel } from "./ui/Panel";

interface Props {
  stream: StreamSnapshot;
  pipelines: Pipeline[];
  error: string | null;
  chosen: Pipeline | null;
  /** `text` if no video is sent: some parameters do not apply then. */
  mode: string;
  onReload: () => void;
}

/** The chosen pipeline and its parameters, as its schema describes them. */
export function SettingsPanel(props: Props) {
  const { stream, pipelines, error, chosen, onReload } = props;
  const [choosing, setChoosing] = useState(false);
  const choose = () => {
    onReload();
    setChoosing(true);
  };
  return (
    <Panel title="Pipeline">
      {error && (
        <div className="space-y-2">
          <Notice look="problem">The pipelines cannot be listed: {error}</Notice>
          <Button size="small" onClick={onReload}>
            Try again
          </Button>
        </div>
      )}
      {chosen && <PipelineCard pipeline={chosen} stream={stream} onChoose={choose} />}
      {chosen && <Parameters {...props} chosen={chosen} />}
      {choosing && (
        <PipelineDialog
          pipelines={pipelines}
          chosen={chosen?.id ?? null}
          onChoose={steering.choosePipeline}
          onClose={() => setChoosing(false)}
        />
      )}
    </Panel>
  );
}

function Parameters(props: Props & { chosen: Pipeline }) {
  const { stream, chosen, mode } = props;
  const { parameters, rejected } = stream;
  const controls = controlsOf(chosen, mode);
  const valueOf = (name: string, initial: Json) => parameters[name] ?? initial;
  const changed = controls.some(({ name, initial }) => !same(valueOf(name, initial), initial));
  return (
    <>
      {groupsOf(controls).map((group) => (
        <section key={group.category} aria-label={group.title} className="space-y-5">
          <h3 className="engraved border-b border-line pb-1.5 text-muted">{group.title}</h3>
          {group.controls.map((control) => (
            <ParameterControl
              key={`${chosen.id} ${control.name}`}
              control={control}
              value={valueOf(control.name, control.initial)}
              running={isRunning(stream)}
              rejected={rejected[control.name] ?? null}
              onChange={(value) => steering.setParameter(control.name, value)}
            />
          ))}
        </section>
      ))}
      <div className="flex flex-wrap gap-2 border-t border-line pt-4">
        <Button size="small" disabled={!changed} onClick={steering.resetAll}>
          Reset all
        </Button>
        <Button size="small" disabled={stream.phase !== "live"} onClick={steering.forgetFrames}>
          Forget earlier frames
        </Button>
      </div>
    </>
  );
}
