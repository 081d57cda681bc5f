import type { UsageDay } from "../../api/types";
import { everyDay } from "./usageDays";
import { count, counted } from "../../format/number";
import { shortDay } from "../../format/time";

const WIDTH = 560;
const HEIGHT = 150;
const FLOOR = 128;

/** Bars for the last days. The numbers stand in a table beside it for screen readers. */
export function UsageChart({ days }: { days: UsageDay[] }) {
  const shown = everyDay(days, new Date());
  if (shown.every(({ messages }) => messages === 0)) return <p className="faint">No messages in the last days. They will appear here as soon as something passes.</p>;
  const top = Math.max(...shown.map(({ messages }) => messages));
  const slot = WIDTH / shown.length;
  const bar = Math.min(slot * 0.72, 34);
  const labelEvery = Math.ceil(shown.length / 6);
  return (
    <figure>
      <svg className="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        <line x1="0" x2={WIDTH} y1={FLOOR + 0.5} y2={FLOOR + 0.5} />
        <text x="0" y="12">{count(top)}</text>
        {shown.map(({ day, messages }, index) => {
          const height = messages === 0 ? 0 : Math.max(2, (messages / top) * (FLOOR - 22));
          const x = index * slot + (slot - bar) / 2;
          return (
            <g key={day}>
              <rect className={index === shown.length - 1 ? "bar now" : "bar"} x={x} y={FLOOR - height} width={bar} height={height} rx="2">
                <title>{`${shortDay(day)}: ${counted(messages, "message")}`}</title>
              </rect>
              {(shown.length - 1 - index) % labelEvery === 0 && (
                <text x={x + bar / 2} y={HEIGHT - 6} textAnchor={index === shown.length - 1 ? "end" : "middle"} dx={index === shown.length - 1 ? bar / 2 : 0}>
                  {shortDay(day)}
                </text>
              )}
            </g>
          );
        })}
      </svg>
      <div className="unseen">
      <table>
        <caption>Messages by day</caption>
        <tbody>
          {shown.map(({ day, messages }) => (
            <tr key={day}>
              <th scope="row">{shortDay(day)}</th>
              <td>{messages}</td>
            </tr>
          ))}
        </tbody>
      </table>
      </div>
    </figure>
  );
}
