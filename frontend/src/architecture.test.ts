import { expect, it } from "vitest";

/** What each folder may import besides itself; a page is above its components, the wire's shapes are below all. */
const BELOW: Record<string, string[]> = {
  types: [],
  lib: ["types"],
  rtc: ["types", "lib"],
  figures: ["types", "lib"],
  recordings: ["types", "lib"],
  state: ["types", "lib", "rtc"],
  hooks: ["types", "lib", "rtc", "figures", "recordings", "state"],
  components: ["types", "lib", "rtc", "figures", "recordings", "state", "hooks"],
  pages: ["types", "lib", "rtc", "figures", "recordings", "state", "hooks", "components"],
};

type Sources = Record<string, string>;

/** Every file of the page by its path from here, such as "lib/http.ts". */
const SOURCES: Sources = Object.fromEntries(
  Object.entries(
    import.meta.glob<string>("./**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true }),
  ).map(([path, text]) => [path.slice("./".length), text]),
);
const PRODUCTION = Object.fromEntries(Object.entries(SOURCES).filter(([path]) => !path.includes(".test.")));

/** The files of the page that each file imports, types included. */
function importsOf(sources: Sources): Map<string, string[]> {
  return new Map(
    Object.entries(sources).map(([path, text]) => {
      const named = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1] ?? "");
      return [path, named.flatMap((name) => resolved(sources, path, name))];
    }),
  );
}

function resolved(sources: Sources, from: string, name: string): string[] {
  const { pathname } = new URL(name, `file:///${from}`);
  const path = pathname.slice(1);
  return [path, `${path}.ts`, `${path}.tsx`, `${path}/index.ts`]
    .filter((file) => file in sources)
    .slice(0, 1);
}

function upwardImports(sources: Sources): string[] {
  const folder = (path: string) => path.split("/")[0] ?? "";
  return [...importsOf(sources)].flatMap(([path, imports]) => {
    const own = folder(path);
    // The files at the root, such as main.tsx, are above everything.
    if (!path.includes("/")) return [];
    return imports
      .filter((other) => folder(other) !== own && !BELOW[own]?.includes(folder(other)))
      .map((other) => `${path} imports ${other}`);
  });
}

/** One circle for each file at which one closes. */
function importCircles(sources: Sources): string[] {
  const imports = importsOf(sources);
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: string[]) => {
    const at = way.indexOf(path);
    if (at >= 0) return void circles.push([...way.slice(at), path].join(" → "));
    if (done.has(path)) return;
    for (const other of imports.get(path) ?? []) visit(other, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return circles;
}

it("imports downwards only", () => {
  expect(upwardImports(SOURCES)).toEqual([]);
});

it("has no circle of imports", () => {
  expect(importCircles(SOURCES)).toEqual([]);
});

it("finds an upward import, one between neighbours, and a circle", () => {
  const planted: Sources = {
    "types/a.ts": 'import type { B } from "../lib/b";',
    "lib/b.ts": 'import { c } from "./c";',
    "lib/c.ts": 'export * from "./d";',
    "lib/d.ts": 'const late = () => import("./b");',
    "rtc/e/index.ts": 'import {\n  many,\n  names,\n} from "../../figures/f";',
    "figures/f.ts": 'import React from "react";',
    "main.tsx": 'import { e } from "./rtc/e";',
  };

  expect(upwardImports(planted)).toEqual([
    "types/a.ts imports lib/b.ts",
    "rtc/e/index.ts imports figures/f.ts",
  ]);
  expect(importCircles(planted)).toEqual(["lib/b.ts → lib/c.ts → lib/d.ts → lib/b.ts"]);
});

/** Files of components that are too long, and components with too much state of their own. */
function crowded(sources: Sources): string[] {
  return Object.entries(sources).flatMap(([path, text]) => {
    if (!path.endsWith(".tsx")) return [];
    const lines = text.split("\n").length;
    const states = text
      .split(/^(?:export )?function /m)
      .filter((component) => (component.match(/\buseState[<(]/g) ?? []).length > 3)
      .map((component) => `${path}: ${component.split("(")[0]} has over three states`);
    return lines > 300 ? [`${path} has ${lines} lines`, ...states] : states;
  });
}

it("keeps components small", () => {
  expect(crowded(PRODUCTION)).toEqual([]);
});

it("finds a long file and a component with four states", () => {
  const state = "  const [a, setA] = useState(0);\n  const [b, setB] = useState<string | null>(null);\n";

  expect(
    crowded({ "components/A.tsx": `function A() {\n${state}}\nfunction B() {\n${state}${state}}` }),
  ).toEqual(["components/A.tsx: B has over three states"]);
  expect(crowded({ "components/C.tsx": "\n".repeat(300) })).toEqual(["components/C.tsx has 301 lines"]);
});

it("leaves tests to find elements by role and label", () => {
  const marked = Object.entries(SOURCES).filter(([, text]) => /data-test|TestId/.test(text));
  expect(marked.map(([path]) => path).filter((path) => path !== "architecture.test.ts")).toEqual([]);
});

it("has every folder in its order", () => {
  const inFolders = Object.keys(PRODUCTION).filter((path) => path.includes("/"));
  expect(inFolders.length).toBeGreaterThan(50);
  expect(inFolders.filter((path) => !((path.split("/")[0] ?? "") in BELOW))).toEqual([]);
});
