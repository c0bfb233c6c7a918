// A link between two network namespaces, tests/support/link.py as a child; null where this machine has none for us.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";


const script = fileURLToPath(new URL("../support/link.py", import.meta.url));
/** The exit code of link.py where the machine has no namespaces for us. */
const EX_NOPERM = 77;

export async function startLink(settings) {
  const child = spawn("python3", [script, JSON.stringify(settings)], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = new Promise((exit) => child.once("exit", exit));
  // It removes its namespaces at the end of its stdin, so also when this process dies.
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done) {
    const code = await exited;
    if (code !== EX_NOPERM) throw new Error(`link.py ended with ${code}`);
    return null;
  }
  const { server, client } = JSON.parse(first.value).ready;
  return {
    address: server.address,
    /** Words before a command that runs at the server's end, and at the client's. */
    atServer: ["ip", "netns", "exec", server.namespace],
    atClient: ["ip", "netns", "exec", client.namespace],
    cut: (name) => child.stdin.write(`${JSON.stringify({ path: { name, open: false } })}\n`),
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
