import { wordOf } from "../../figures/words";
import * as format from "../../lib/format";
import type { StepTimes } from "../../types/figures";

/** Where each millisecond in the server goes, since the session's start. */
export function StepTable({ steps }: { steps: StepTimes[] }) {
  if (steps.length === 0) return null;
  return (
    <table className="w-full max-w-xl text-xs">
      <caption className="pb-1.5 text-left font-medium text-soft">
        Time per frame in the server since the session's start: mean and percentiles
      </caption>
      <thead className="text-muted">
        <tr>
          <th scope="col" className="py-0.5 text-left font-normal">
            Step
          </th>
          {["Mean", "50 %", "95 %", "99 %"].map((name) => (
            <th key={name} scope="col" className="py-0.5 text-right font-normal">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {steps.map((times) => (
          <tr key={times.step} className="border-t border-line">
            <th scope="row" className="py-0.5 text-left font-normal text-soft">
              {wordOf(times.step)}
            </th>
            {[times.mean_ms, times.p50_ms, times.p95_ms, times.p99_ms].map((value, place) => (
              <td
                key={place}
                className="py-0.5 pl-3 text-right font-mono whitespace-nowrap text-text tabular-nums"
              >
                {format.tenths(value)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
