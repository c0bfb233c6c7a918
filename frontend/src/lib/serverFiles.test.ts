import { expect, it } from "vitest";

import { DEFAULTS } from "../types/setup";
import { obstacleOf } from "./obstacle";
import { inputSourceOf, nameOf, sourceInForce } from "./serverFiles";

const NAMES = { video_file: "clip.mp4", recording: "" };

it("names the chosen server file, or says that one has to be chosen", () => {
  const clip = { ...DEFAULTS, source: "video_file" as const, sourceNames: NAMES };
  const none = { ...clip, source: "recording" as const };

  expect(inputSourceOf(clip)).toEqual({ source_type: "video_file", source_name: "clip.mp4" });
  expect(obstacleOf(clip, false, null)).toBeNull();
  expect(inputSourceOf(none)).toBeNull();
  expect(obstacleOf(none, false, null)).toContain("Choose");
  expect(inputSourceOf({ ...clip, source: "camera" })).toBeNull();
});

it("prefers what the server plays over what is set", () => {
  const inputSource = { source_type: "recording" as const, source_name: "r/output-000.mp4" };

  expect(sourceInForce({ ...DEFAULTS, sourceNames: NAMES }, inputSource)).toMatchObject({
    source: "recording",
    sourceNames: { video_file: "clip.mp4", recording: "r/output-000.mp4" },
  });
  expect(sourceInForce(DEFAULTS, null)).toBe(DEFAULTS);
});

it("starts with the file that was chosen before, or with the first", () => {
  const file = (name: string) => ({ name, identifier: name, bytes: 1 });
  const files = { video_file: [file("a.mp4"), file("b.mp4")], recording: [] };

  expect(nameOf(files, "video_file", "b.mp4")).toBe("b.mp4");
  expect(nameOf(files, "video_file", "gone.mp4")).toBe("a.mp4");
  expect(nameOf(files, "recording", "")).toBe("");
});
