/** The server's names of places and steps, for a person. */
const WORDS: Record<string, string> = {
  before_stage: "before the pipeline",
  before_encoder: "before the encoder",
  skipped_by_stage: "skipped by the pipeline",
  paused: "paused",
  for_the_link: "no room on the link",
  round_trip: "Network, there and back",
  jitter_buffer: "Jitter buffer",
  decode: "Decoder",
  wait_for_stage: "Wait for the pipeline",
  stage: "Pipeline",
  wait_for_encoder: "Wait for the encoder",
  encode: "Encoder",
  send: "Sending",
  total: "All of it",
  browser_buffer: "Browser's buffer",
  browser_decode: "Browser's decoder",
};

/** A name that is not known here is shown as it is. */
export function wordOf(name: string): string {
  return WORDS[name] ?? name.replaceAll("_", " ");
}
