import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Recording } from "../../types/figures";
import { RecordingsPanel } from "./RecordingsPanel";

let requests: { method: string; path: string }[];
let list: Recording[];

const FILE = { codec: "VP8", width: 640, height: 480, sound: false, at_s: 0 };
const RECORDING: Recording = {
  id: "r1",
  sessions: ["other"],
  pipeline_id: "edges",
  started: "2026-11-24T18:00:00Z",
  seconds: 65,
  bytes: 1500,
  state: "finished",
  sentence: null,
  files: [
    { ...FILE, name: "output-0.webm", bytes: 1000, kind: "output" },
    { ...FILE, name: "output-1.webm", bytes: 500, kind: "output" },
    { ...FILE, name: "input-0.webm", bytes: 36, kind: "input" },
  ],
};

beforeEach(() => {
  requests = [];
  list = [RECORDING];
  for (const name of ["IntersectionObserver", "ResizeObserver"]) {
    vi.stubGlobal(
      name,
      class {
        observe() {}
        unobserve() {}
        disconnect() {}
      },
    );
  }
  vi.stubGlobal("fetch", (path: string, init: RequestInit = {}) => {
    const method = init.method ?? "GET";
    requests.push({ method, path });
    if (method === "GET") return Promise.resolve(Response.json({ recordings: list }));
    if (method === "DELETE") {
      list = [];
      return Promise.resolve(new Response(null, { status: 204 }));
    }
    return Promise.resolve(Response.json({ detail: "the disk is full" }, { status: 507 }));
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const row = async () => within(await screen.findByRole("listitem"));

it("lists what there is, plays any of its files and downloads it", async () => {
  render(<RecordingsPanel sessionId={null} />);
  const recording = await row();
  expect(recording.getByText("edges · 1:05 · 1.5 kB")).toBeTruthy();

  fireEvent.change(recording.getByLabelText("File"), { target: { value: "output-1.webm" } });
  fireEvent.click(recording.getByRole("button", { name: "Play" }));

  const video = recording.getByLabelText(/^Recording of/);
  expect(video.getAttribute("src")).toBe("/api/v1/recordings/r1/output-1.webm");
  expect(recording.getByRole("link", { name: "Download" }).getAttribute("href")).toBe(
    "/api/v1/recordings/r1/output-1.webm?download",
  );
  expect(recording.getByRole("option", { name: "Output, part 2, VP8, 640 × 480" })).toBeTruthy();
  expect(recording.getByRole("option", { name: "Input, VP8, 640 × 480" })).toBeTruthy();
  fireEvent.error(video);
  expect(recording.getByRole("alert").textContent).toContain("cannot play");
});

it("deletes only after a confirmation", async () => {
  render(<RecordingsPanel sessionId={null} />);
  const recording = await row();

  fireEvent.click(recording.getByRole("button", { name: "Delete" }));
  fireEvent.click(recording.getByRole("button", { name: "Keep" }));
  expect(requests.some((request) => request.method === "DELETE")).toBe(false);
  fireEvent.click(recording.getByRole("button", { name: "Delete" }));
  fireEvent.click(recording.getByRole("button", { name: "Delete for good" }));

  expect(await screen.findByText(/No recordings yet/)).toBeTruthy();
  expect(requests).toContainEqual({ method: "DELETE", path: "/api/v1/recordings/r1" });
});

it("leaves a running recording alone", async () => {
  list = [{ ...RECORDING, state: "recording" }];

  render(<RecordingsPanel sessionId={null} />);

  const recording = await row();
  expect(await recording.findByText("Recording …")).toBeTruthy();
  expect(recording.getByRole("button", { name: "Delete" })).toHaveProperty("disabled", true);
  expect(recording.queryByRole("link", { name: "Download" })).toBeNull();
});

it("says why a recording does not start", async () => {
  const { rerender } = render(<RecordingsPanel sessionId={null} />);
  expect(screen.getByRole("button", { name: "Record" })).toHaveProperty("disabled", true);
  rerender(<RecordingsPanel sessionId="s1" />);

  fireEvent.click(screen.getByRole("button", { name: "Record" }));

  expect((await screen.findByRole("alert")).textContent).toBe("The disk is full.");
});
