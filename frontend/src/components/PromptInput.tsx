import { useState } from "react";

import type { Values } from "../types/stream";
import { Button } from "./ui/Button";

interface Props {
  supported: boolean;
  onPrompt: (values: Values) => void;
}

/** A text for pipelines that take one; for others it says that they do not. */
export function PromptInput({ supported, onPrompt }: Props) {
  const [prompt, setPrompt] = useState("");
  const send = () => prompt.trim() && onPrompt({ prompts: [{ text: prompt.trim(), weight: 1 }] });
  return (
    <form
      aria-label="Prompt"
      className="flex gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <input
        aria-label="Prompt"
        value={prompt}
        disabled={!supported}
        placeholder={supported ? "Describe what to see …" : "This pipeline takes no prompt."}
        onChange={(event) => setPrompt(event.target.value)}
        className="h-10 grow rounded-lg border border-slate-700 bg-slate-900 px-3 text-sm disabled:opacity-60"
      />
      <Button type="submit" className="h-10" disabled={!supported || !prompt.trim()}>
        Send
      </Button>
    </form>
  );
}
