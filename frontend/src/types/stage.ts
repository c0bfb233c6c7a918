import type { Cause, StageInfo, StageState } from "./generated";

export type { StageState };

/** How a pipeline's stage is, and why it gives no frames. */
export type StageStatus = StageInfo;

/** Why a stage is degraded, restarts or has failed. */
export type StageCause = Cause;
