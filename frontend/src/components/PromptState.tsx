import { asSentence } from "../lib/format";
import type { StreamSnapshot } from "../rtc/snapshot";

/** How far the newest prompts have got. */
export function PromptState({ stream }: { stream: StreamSnapshot }) {
  const { prompt, rejected, phase } = stream;
  const reason = rejected["prompts"] ?? rejected["transition"] ?? rejected[""];
  return (
    <p role="status" className={`text-xs ${prompt.state === "rejected" ? "text-problem" : "text-muted"}`}>
      {phase === "live" && sentenceOf(prompt, reason)}
    </p>
  );
}

function sentenceOf(prompt: StreamSnapshot["prompt"], reason: string | undefined): string {
  switch (prompt.state) {
    case "none":
      return "";
    case "sent":
      return "Sent …";
    case "applied": {
      const from = prompt.frame === null ? "the first frame" : `frame ${prompt.frame}`;
      return `Applied from ${from}${prompt.atOnce ? ", without the transition" : ""}.`;
    }
    case "rejected":
      return `Rejected: ${asSentence(reason ?? "the previous prompts stay")}`;
    default:
      return prompt.state satisfies never;
  }
}
