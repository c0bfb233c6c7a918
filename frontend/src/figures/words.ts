/** The server's names of places and steps, as a person reads them. */
const WORDS: Record<string, string> = {
  before_stage: "before the pipeline",
  before_encoder: "before the encoder",
  skipped_by_stage: "skipped by the pipeline",
  paused: "while paused",
  for_the_link: "no bandwidth",
  round_trip: "Network round trip",
  jitter_buffer: "Jitter buffer",
  decode: "Decoder",
  wait_for_stage: "Waiting for the pipeline",
  stage: "Pipeline",
  wait_for_encoder: "Waiting for the encoder",
  encode: "Encoder",
  send: "Sending",
  total: "Total",
  browser_buffer: "Browser's jitter buffer",
  browser_decode: "Browser's decoder",
};

/** An unknown name is shown as it is. */
export function wordOf(name: string): string {
  return WORDS[name] ?? name.replaceAll("_", " ");
}
