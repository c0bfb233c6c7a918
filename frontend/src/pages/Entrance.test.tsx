import { cleanup, configure, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Me } from "../types/account";
import { Entrance } from "./Entrance";

const NOBODY: Me = {
  subject: "nobody",
  name: "nobody",
  role: "nobody",
  rights: [],
  open: false,
  sign_in: { key: true, oidc: null },
};
const ADA: Me = {
  ...NOBODY,
  subject: "ada",
  name: "Ada",
  role: "user",
  rights: ["publish", "view", "control", "record"],
};

/** The whole page takes seconds to draw for the first time on a machine that compiles meanwhile. */
const LIMIT_MS = 20_000;
configure({ asyncUtilTimeout: LIMIT_MS });
vi.setConfig({ testTimeout: 2 * LIMIT_MS });

let who: Me;
let paths: string[];

beforeEach(() => {
  paths = [];
  vi.stubGlobal("fetch", (path: string) => {
    paths.push(path);
    if (path === "/api/v1/me") return Promise.resolve(Response.json(who));
    if (path === "/api/v1/sign-in") {
      who = ADA;
      return Promise.resolve(Response.json(ADA));
    }
    if (path.endsWith("schemas")) return Promise.resolve(Response.json({ pipelines: {} }));
    if (path.endsWith("sources")) return Promise.resolve(Response.json({ sources: [] }));
    return Promise.resolve(Response.json({}));
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const start = () => screen.findByRole("button", { name: "Start" });

it("shows a stranger where to sign in and asks the server for nothing else, then goes on", async () => {
  who = NOBODY;
  render(<Entrance />);
  const box = await screen.findByLabelText("Key");
  expect(new Set(paths)).toEqual(new Set(["/api/v1/me"]));

  fireEvent.change(box, { target: { value: "right" } });
  fireEvent.submit(screen.getByRole("form"));

  expect(await start()).toHaveProperty("disabled", false);
  expect(document.activeElement).toBe(screen.getByRole("main"));
  expect(screen.getByText("Signed in as Ada.")).toBeTruthy();
});

it("asks nothing for a user that only operators may know", async () => {
  who = ADA;

  render(<Entrance />);

  await start();
  await vi.waitFor(() => expect(paths).toContain("/api/v1/pipelines/schemas"));
  expect(paths).not.toContain("/api/v1/system");
});

it("disables what a viewer may not do, and says why", async () => {
  who = { ...ADA, role: "viewer", rights: ["view"] };

  render(<Entrance />);

  expect(await start()).toHaveProperty("disabled", true);
  expect(screen.getAllByText(/signed in as viewer and may not start a stream/)).not.toHaveLength(0);
  expect(screen.queryByText(/Press Start/)).toBeNull();
  expect(screen.getByRole("button", { name: "Record" })).toHaveProperty("disabled", true);
});

it("says to everybody that an open server asks for no key", async () => {
  who = { ...ADA, role: "operator", open: true };
  render(<Entrance />);

  fireEvent.click(await screen.findByRole("tab", { name: "Figures" }));

  expect(await screen.findByText(/asks for no key/)).toBeTruthy();
});
