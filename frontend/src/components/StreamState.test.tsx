import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";

import { IDLE } from "../rtc/snapshot";
import type { StageStatus } from "../types/stage";
import { StreamState } from "./StreamState";

afterEach(cleanup);

const KILLED = { kind: "killed", signal: 9, memory_ran_out: false } as const;

function show(stage: StageStatus, onRestart = () => undefined) {
  return render(<StreamState stream={{ ...IDLE, phase: "live", stage }} onRestart={onRestart} />);
}

it("shows over the video why the stage restarts and what can be done, until it runs", () => {
  const { rerender } = show({ state: "restarting", detail: "planted", cause: KILLED });

  const notice = screen.getByRole("status");
  expect(notice.textContent).toContain("The pipeline's worker was killed (signal 9).");
  expect(notice.textContent).toContain("It restarts by itself.");
  expect(screen.queryByRole("button")).toBeNull();

  const running = { state: "running", detail: "the stage runs" } as const;
  rerender(<StreamState stream={{ ...IDLE, phase: "live", stage: running }} onRestart={vi.fn()} />);

  expect(screen.queryByRole("status")).toBeNull();
});

it("alerts to a stage that was given up, and offers to restart it", () => {
  const onRestart = vi.fn();
  show({ state: "failed", detail: "planted", cause: KILLED }, onRestart);

  expect(screen.getByRole("alert").textContent).toContain("Then restart it.");
  fireEvent.click(screen.getByRole("button", { name: "Restart" }));

  expect(onRestart).toHaveBeenCalledOnce();
});

it("asks for a sign-in where the stream waits for one, and counts no attempts", () => {
  const stream = { ...IDLE, phase: "reconnecting" as const, signedOut: true, sentence: "expected a key" };

  render(<StreamState stream={stream} onRestart={vi.fn()} />);

  expect(screen.getByRole("status").textContent).toContain("Sign in, and the stream goes on.");
  expect(screen.queryByText(/Trying again/)).toBeNull();
});

it("does not send a user to Start who may not start", () => {
  const { rerender } = render(<StreamState stream={IDLE} onRestart={vi.fn()} />);
  expect(screen.getByText(/Press Start/)).toBeTruthy();

  rerender(<StreamState stream={IDLE} refusal="You may not start." onRestart={vi.fn()} />);

  expect(screen.getByRole("status").textContent).toBe("You may not start.");
});
