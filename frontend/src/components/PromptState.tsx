import type { StreamSnapshot } from "../rtc/snapshot";

/** Where the newest prompts are on their way into the picture. */
export function PromptState({ stream }: { stream: StreamSnapshot }) {
  const { prompt, rejected, phase } = stream;
  const refused = rejected["prompts"] ?? rejected["transition"] ?? rejected[""];
  return (
    <p role="status" className={`text-xs ${prompt.state === "refused" ? "text-problem" : "text-muted"}`}>
      {phase === "live" && sentenceOf(prompt, refused)}
    </p>
  );
}

function sentenceOf(prompt: StreamSnapshot["prompt"], refused: string | undefined): string {
  switch (prompt.state) {
    case "none":
      return "";
    case "sent":
      return "Sent …";
    case "in force":
      return prompt.frame === null
        ? "In force from the first frame."
        : `In force from frame ${prompt.frame}.`;
    case "refused":
      return `Refused: ${refused ?? "the server keeps what it had."}`;
    default:
      return prompt.state satisfies never;
  }
}
