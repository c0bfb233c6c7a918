import { useState } from "react";

import { lineOf } from "../state/PromptMix";
import type { Prompt } from "../types/setup";
import { Button } from "./ui/Button";
import { Dialog } from "./ui/Dialog";
import { HistoryIcon } from "./ui/icons";

interface Props {
  history: Prompt[][];
  onRecall: (mix: Prompt[]) => void;
}

/** The mixes that were sent before; choosing one sends it again. */
export function PromptHistory({ history, onRecall }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="small" disabled={history.length === 0} onClick={() => setOpen(true)}>
        <HistoryIcon /> History
      </Button>
      {open && (
        <Dialog title="Prompt history" onClose={() => setOpen(false)}>
          <ul className="space-y-1">
            {history.map((mix, at) => (
              <li key={at}>
                <button
                  type="button"
                  onClick={() => {
                    onRecall(mix);
                    setOpen(false);
                  }}
                  className="w-full rounded-md px-3 py-2 text-left text-sm [overflow-wrap:anywhere] whitespace-pre-wrap hover:bg-raised"
                >
                  {lineOf(mix)}
                </button>
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </>
  );
}
