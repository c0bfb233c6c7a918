import { expect, it } from "vitest";

import type { Me, Role } from "../types/account";
import { type Permission, isSignedIn, refusalOf } from "./permissions";

const RIGHTS: Record<Role, Me["rights"]> = {
  operator: ["publish", "view", "control", "record"],
  user: ["publish", "view", "control", "record"],
  viewer: ["view"],
  nobody: [],
};
const ALL: Permission[] = ["start", "files", "record", "recordings", "system", "log"];

function person(role: Role, change: Partial<Me> = {}): Me {
  const sign_in = { key: true, oidc: null };
  return { subject: "ada", name: "Ada", role, rights: RIGHTS[role], open: false, sign_in, ...change };
}

const refused = (me: Me | null) => ALL.filter((permission) => refusalOf(me, permission) !== null);

it("refuses each role what the server would", () => {
  expect(refused(person("operator"))).toEqual([]);
  expect(refused(person("user"))).toEqual(["system", "log"]);
  expect(refused(person("viewer"))).toEqual(["start", "files", "record", "system", "log"]);
  expect(refused(person("nobody"))).toEqual(ALL);
});

it("refuses nothing while the server has not said who it is", () => {
  expect(refused(null)).toEqual([]);
});

it("follows the rights of a key, not its role alone", () => {
  expect(refused(person("user", { rights: ["publish", "view"] }))).toContain("record");
});

it("says why, and what to do", () => {
  expect(refusalOf(person("nobody"), "start")).toBe("You are signed out; sign in first.");
  expect(refusalOf(person("user"), "log")).toBe(
    "Only operators may read the server's log; you are signed in as user.",
  );
  expect(refusalOf(person("viewer"), "start")).toBe(
    "You are signed in as viewer and may not start a stream; ask the server's operator for a key that may.",
  );
});

it("offers no sign-out where nobody had to sign in", () => {
  expect(isSignedIn(person("user"))).toBe(true);
  expect(isSignedIn(person("operator"))).toBe(true);
  expect(isSignedIn(person("operator", { subject: "local" }))).toBe(false);
  expect(isSignedIn(person("operator", { open: true }))).toBe(false);
  expect(isSignedIn(person("nobody"))).toBe(false);
});
