// When alerts were open: shaded in the chart, and said in words. The server decides which.
import { utcText } from "./units.js";

/** More are seen, not read. */
const MOST_SAID = 5;

/** Plotly's rectangles, over the whole height; a warning's edge is dotted, a critical one's not. */
export function shapesOf(alerts, colour) {
  return alerts.map(({ severity, from, to }) => ({
    type: "rect", layer: "below", xref: "x", yref: "paper",
    x0: from * 1000, x1: to * 1000, y0: 0, y1: 1,
    fillcolor: colour(`mark-${severity}`),
    line: { width: 1, color: colour(`mark-${severity}-edge`), dash: severity === "critical" ? "solid" : "dot" },
  }));
}

/** One sentence; `isFleet`: with the host's name in each. */
export function sayAlerts(alerts, hasMore, isFleet) {
  const said = alerts.slice(0, MOST_SAID).map(({ host, code, subject, severity, from, to, is_open: isOpen }) => {
    const name = code.replaceAll("_", " ") + (subject ? ` (${subject})` : "");
    const until = isOpen ? "and still open" : `to ${utcText(to)}`;
    return `${isFleet ? `${host}: ` : ""}${name}, ${severity}, from ${utcText(from)} ${until}`;
  });
  const left = alerts.length - said.length;
  if (left || hasMore) said.push(`and ${hasMore ? `more than ${left}` : left} more`);
  const what = isFleet ? "critical alerts of offset or error bound" : "alerts";
  return `Shaded: ${alerts.length === 1 ? "when this alert was open" : `when ${what} were open`}: ${said.join("; ")}.`;
}
