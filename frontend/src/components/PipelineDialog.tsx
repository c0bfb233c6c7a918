import { useState } from "react";

import { needsNoInput } from "../lib/controls";
import * as format from "../lib/format";
import type { Pipeline } from "../types/api";
import { Dialog } from "./ui/Dialog";

interface Props {
  pipelines: Pipeline[];
  chosen: string | null;
  onChoose: (id: string) => void;
  onClose: () => void;
}

/** All pipelines with their descriptions; broken ones with their error. */
export function PipelineDialog({ pipelines, chosen, onChoose, onClose }: Props) {
  const [wanted, setWanted] = useState("");
  const found = pipelines.filter((pipeline) => {
    const words = `${pipeline.name} ${pipeline.id} ${pipeline.description}`.toLowerCase();
    return words.includes(wanted.trim().toLowerCase());
  });
  return (
    <Dialog title="Pipelines" onClose={onClose}>
      <input
        type="search"
        aria-label="Find a pipeline"
        placeholder="Search …"
        value={wanted}
        onChange={(event) => setWanted(event.target.value)}
        className="field mb-4 h-9 px-3 text-sm"
      />
      <p role="status" className={found.length > 0 ? "sr-only" : "text-sm text-muted"}>
        {found.length > 0 ? format.count(found.length, "pipeline") : "No matching pipelines."}
      </p>
      <ul className="grid gap-2 sm:grid-cols-2">
        {found.map((pipeline) => (
          <li key={pipeline.id}>
            <Card
              pipeline={pipeline}
              current={pipeline.id === chosen}
              onChoose={() => {
                onChoose(pipeline.id);
                onClose();
              }}
            />
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function Card(props: { pipeline: Pipeline; current: boolean; onChoose: () => void }) {
  const { pipeline, current, onChoose } = props;
  const broken = pipeline.schema_error !== undefined;
  const marks = [
    pipeline.version && `v${pipeline.version}`,
    pipeline.supports_prompts && "takes prompts",
    needsNoInput(pipeline) && "needs no input",
  ].filter(Boolean);
  return (
    <button
      type="button"
      aria-current={current || undefined}
      disabled={broken}
      onClick={onChoose}
      className="flex size-full flex-col items-start gap-1 rounded-md border border-line bg-raised/50 p-3 text-left hover:border-edge hover:bg-raised disabled:cursor-not-allowed disabled:hover:border-line aria-[current]:border-accent"
    >
      <span className="text-sm font-semibold">{pipeline.name}</span>
      <span className="text-xs text-muted">{broken ? "Broken" : marks.join(" · ")}</span>
      <span className={`text-xs text-pretty ${broken ? "text-problem" : "text-soft"}`}>
        {pipeline.schema_error ?? pipeline.description}
      </span>
    </button>
  );
}
