/** A value at a time (milliseconds of `performance.now()`); null is not known. */
export interface Point {
  at: number;
  value: number | null;
}

/** `GET /api/v1/system`, as far as the page shows it. */
export interface Host {
  cpu: {
    model: string | null;
    cores: number;
    usage_percent: number | null;
    limit_cores?: number | null;
    limit_usage_percent?: number | null;
  };
  memory: {
    total_bytes: number;
    used_bytes: number;
    limit_bytes: number | null;
    limit_used_bytes?: number | null;
    process_bytes: number | null;
  };
  gpus: Gpu[];
  load_average: [number, number, number] | null;
  sessions?: { live: number; limit: number };
}

export interface Gpu {
  index: number;
  name: string | null;
  memory_total_bytes: number | null;
  memory_used_bytes: number | null;
  utilization_percent: number | null;
  /** The most that its use can have been, where that alone is known. */
  awake_percent?: number | null;
}

/** The server's load and this page's stream; null is not known. */
export interface SystemMetrics {
  cpuPercent: number | null;
  gpuPercent: number | null;
  /** Where `gpuPercent` is not known: it is not over this. */
  gpuAtMostPercent: number | null;
  ramUsedBytes: number | null;
  ramTotalBytes: number | null;
  vramUsedBytes: number | null;
  vramTotalBytes: number | null;
  fps: number | null;
  latencyMs: number | null;
}

/** Times of one step of a frame's way through the server, since the session's start. */
export interface StepTimes {
  step: string;
  count: number;
  sum_ms: number;
  mean_ms: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
}

/** `GET /api/v1/sessions/{id}`, as far as the page shows it. */
export interface SessionDetail {
  id: string;
  state: string;
  pipeline_id: string;
  video_codec: string;
  audio_codec: string | null;
  encoder: string | null;
  decoder: string | null;
  width: number | null;
  height: number | null;
  sent_width: number | null;
  sent_height: number | null;
  fps_limit: number | null;
  drops: Record<string, number>;
  packets_lost_in: number | null;
  packets_lost_out: number | null;
  figures: {
    fps_in: number;
    fps_out: number;
    bitrate_in_bps: number;
    bitrate_out_bps: number;
    target_bps: number;
  } | null;
  latency: StepTimes[];
  candidate_pair: { local: string; remote: string } | null;
}

/** One file of a recording. */
export interface RecordingFile {
  name: string;
  bytes: number;
  kind: "output" | "input";
  codec?: string;
  width?: number;
  height?: number;
}

export interface Recording {
  id: string;
  /** The session that it was started in, then those that took over. */
  sessions: string[];
  pipeline_id: string;
  /** RFC 3339. */
  started: string;
  seconds: number;
  bytes: number;
  /** `cut`: the server ended before it did. */
  state: "recording" | "finished" | "failed" | "cut";
  /** Why it ended. */
  sentence: string | null;
  /** In the order in which they began. */
  files: RecordingFile[];
}

/** What the server says of a recording on the data channel. */
export interface RecordingMessage {
  type: "recording";
  state: "started" | "running" | "stopped" | "failed";
  /** Null where it could not start. */
  id: string | null;
  sentence?: string | null;
  bytes?: number;
  seconds?: number;
}

/** The recording of this page's session. */
export interface RecordingStatus {
  active: boolean;
  id: string | null;
  /** Written so far. */
  seconds: number;
  bytes: number;
  /** What went wrong with it. */
  sentence: string | null;
}
