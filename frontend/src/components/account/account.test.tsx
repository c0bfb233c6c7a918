import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { account } from "../../state/page";
import type { Me, SignInWays } from "../../types/account";
import { AccountMenu } from "./AccountMenu";
import { Permitted } from "./Permitted";
import { SignInBanner } from "./SignInBanner";
import { SignInForm } from "./SignInForm";

const KEY: SignInWays = { key: true, oidc: null };
const NOBODY: Me = {
  subject: "nobody",
  name: "nobody",
  role: "nobody",
  rights: [],
  open: false,
  sign_in: KEY,
};
const ADA: Me = {
  ...NOBODY,
  subject: "ada",
  name: "Ada",
  role: "user",
  rights: ["publish", "view", "record"],
};
const LOCAL: Me = { ...ADA, subject: "local", name: "local", role: "operator" };

let who: Me;
let keys: string[];
let stop: () => void = () => undefined;

beforeEach(() => {
  keys = [];
  HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function (this: HTMLDialogElement) {
    this.open = false;
  };
  vi.stubGlobal("fetch", (path: string, init: RequestInit = {}) => {
    if (path === "/api/v1/me") return Promise.resolve(Response.json(who));
    if (path === "/api/v1/sign-out") {
      who = NOBODY;
      return Promise.resolve(new Response(null, { status: 204 }));
    }
    const { key } = JSON.parse(String(init.body)) as { key: string };
    keys.push(key);
    if (key !== "right") {
      return Promise.resolve(Response.json({ detail: "this key is not known" }, { status: 401 }));
    }
    who = ADA;
    return Promise.resolve(Response.json(ADA));
  });
});

afterEach(() => {
  cleanup();
  stop();
  vi.unstubAllGlobals();
});

/** Makes the page know this person. */
async function known(me: Me): Promise<void> {
  who = me;
  await act(async () => {
    stop = account.watch();
    await vi.waitFor(() => expect(account.getSnapshot().me).toEqual(me));
  });
}

const box = () => screen.getByLabelText<HTMLInputElement>("Key");

function enter(key: string): void {
  fireEvent.change(box(), { target: { value: key } });
  fireEvent.submit(screen.getByRole("form"));
}

it("asks for the key in a box that browsers and password managers know", () => {
  render(<SignInForm ways={KEY} reason="You are signed out." />);

  expect(box()).toMatchObject({ type: "password", autocomplete: "current-password", required: true });
  expect(document.activeElement).toBe(box());
  const told = (box().getAttribute("aria-describedby") ?? "")
    .split(" ")
    .map((id) => document.getElementById(id)?.textContent);
  expect(told.join(" ")).toMatch(/^You are signed out\. .*sign-in link when it started/);
});

it("says that a key is wrong, and waits in the box for another", async () => {
  await known(NOBODY);
  render(<SignInForm ways={KEY} reason={null} />);

  enter("wrong");

  expect((await screen.findByRole("alert")).textContent).toBe("This key is not known.");
  expect(box().getAttribute("aria-invalid")).toBe("true");
  expect(document.activeElement).toBe(box());
  enter("  right\n");
  await vi.waitFor(() => expect(account.getSnapshot().me).toEqual(ADA));
  expect(keys).toEqual(["wrong", "right"]);
});

it("sends no empty key", () => {
  render(<SignInForm ways={KEY} reason={null} />);

  enter("   ");

  expect(keys).toEqual([]);
});

it("leads to the issuer, in a new tab while a stream runs", () => {
  const oidc = { name: "Example", url: "/api/v1/oidc/start" };
  const { rerender } = render(<SignInForm ways={{ key: false, oidc }} reason={null} />);
  const link = () => screen.getByRole<HTMLAnchorElement>("link", { name: "Sign in with Example" });
  expect([link().getAttribute("href"), link().target]).toEqual([oidc.url, ""]);
  expect(screen.queryByLabelText("Key")).toBeNull();

  rerender(<SignInForm ways={{ key: true, oidc }} reason={null} streaming />);

  expect(link().target).toBe("_blank");
  expect(box()).toBeTruthy();
});

it("says that there is no way in", () => {
  render(<SignInForm ways={{ key: false, oidc: null }} reason={null} />);

  expect(screen.getByRole("alert").textContent).toContain("ask its operator");
});

it("shows who is signed in, and signs out", async () => {
  await known(ADA);
  render(<AccountMenu streaming={false} />);
  expect(screen.getByRole("button", { name: /Account: *Ada/ })).toBeTruthy();
  expect(screen.getByText("Signed in as user")).toBeTruthy();

  fireEvent.click(screen.getByText("Sign out"));

  await vi.waitFor(() => expect(account.getSnapshot().me?.role).toBe("nobody"));
  expect(account.getSnapshot().reason).toBe("You are signed out.");
  expect(screen.queryByRole("button")).toBeNull();
});

it("has no menu for those who need no sign-in", async () => {
  await known(LOCAL);

  render(<AccountMenu streaming={false} />);

  expect(screen.queryByRole("button")).toBeNull();
});

it("says beforehand that signing out ends the stream", async () => {
  await known(ADA);

  render(<AccountMenu streaming />);

  expect(screen.getByText("End the stream and sign out")).toBeTruthy();
});

it("offers to sign in again beside a running stream, and goes once that is done", async () => {
  await known(ADA);
  render(<SignInBanner />);
  expect(screen.queryByRole("alert")).toBeNull();
  stop();
  await known(NOBODY);

  expect(screen.getByRole("alert").textContent).toContain("The stream and its controls go on");
  fireEvent.click(screen.getByRole("button", { name: "Sign in" }));
  enter("right");

  await vi.waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
  expect(screen.queryByRole("dialog")).toBeNull();
});

it("says to whom the log is closed, in its place", async () => {
  await known(ADA);
  const { unmount } = render(<Permitted to="log">the log</Permitted>);
  expect(screen.getByRole("status").textContent).toContain("Only operators");
  expect(screen.queryByText("the log")).toBeNull();
  unmount();
  stop();
  await known(LOCAL);

  render(<Permitted to="log">the log</Permitted>);

  expect(screen.getByText("the log")).toBeTruthy();
});
