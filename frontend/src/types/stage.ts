/** How the stage is that runs the pipeline; `cause` and `next_step` while something is wrong. */
export interface StageStatus {
  state: StageState;
  detail: string;
  cause?: StageCause;
  next_step?: string;
}

export type StageState = "loading" | "running" | "degraded" | "restarting" | "failed";

/** Why the stage is degraded, restarts or has failed. */
export type StageCause =
  | { kind: "exited"; code: number; ready: boolean; last_line?: string }
  | { kind: "killed"; signal: number; memory_ran_out: boolean }
  | { kind: "timed_out"; during: "loading" | "frame" | "idle" | "receiving"; seconds: number }
  | { kind: "over_memory_limit"; used_mb: number; limit_mb: number }
  | { kind: "out_of_memory"; message: string }
  | { kind: "panicked"; message: string }
  | { kind: "refused"; message: string }
  | {
      kind: "not_installed";
      missing: "module" | "library" | "program" | "file";
      name: string;
      install: string;
    }
  | { kind: "protocol_fault"; message: string }
  | { kind: "element_failed"; message: string }
  | { kind: "not_started"; message: string }
  | { kind: "stopped" }
  | { kind: "frame_failed"; frame: number; message: string }
  | { kind: "slow"; seconds: number }
  | { kind: "no_input" };
