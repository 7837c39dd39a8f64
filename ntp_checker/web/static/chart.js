// The offset chart: draws and scales what /api/offset answers, decides nothing.
import { sayAlerts, shapesOf } from "./marks.js";
import { chartUnit, offsetText, utcText } from "./units.js";

const ANSWER_LIMIT_MS = 60_000;
/** Longer ranges move too slowly to be asked for again with every refresh of the table. */
const REFRESH_MS = { "24h": 30_000, "14d": 300_000, "90d": 900_000 };
const SMALLEST_HALF_RANGE_NS = 10;
const ROOM = 1.08;
const CONFIG = {
  responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "",
  modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d", "zoomIn2d", "zoomOut2d", "pan2d"],
};

/** Fetches Plotly, once. Its stylesheet goes first: the page allows no inline styles. */
function loadPlotly({ plotly, plotlyCss }) {
  if (!plotly || !plotlyCss) return Promise.reject(new Error("the chart library is not installed"));
  const style = document.createElement("link");
  Object.assign(style, { id: "plotly.js-style-global", className: "no-inline-styles", rel: "stylesheet", href: plotlyCss });
  const script = document.createElement("script");
  script.src = plotly;
  return new Promise((resolve, reject) => {
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("the chart library could not be loaded"));
    document.head.append(style, script);
  });
}

/** Runs of buckets that have readings: [first, after last]. What lies between them is a gap. */
function runsOf(values) {
  const runs = [];
  values.forEach((value, at) => {
    if (value === null) return;
    const last = runs[runs.length - 1];
    if (last && last[1] === at) last[1] = at + 1;
    else runs.push([at, at + 1]);
  });
  return runs;
}

export class OffsetChart {
  constructor(figure) {
    this.figure = figure;
    this.plot = figure.querySelector("#offset-plot");
    this.asked = 0;
    this.answered_at = -Infinity;
    document.addEventListener("themechange", () => this.answer && this.draw());
    figure.querySelector("#offset-twin").addEventListener("toggle", () => this.fillTwin());
  }

  get wanted() {
    const query = new URLSearchParams(location.search);
    const [from, to] = [query.get("from") ?? "", query.get("to") ?? ""];
    return { range: query.get("range") ?? "24h", host: query.get("host") ?? "", clip: query.has("clip"), from, to };
  }

  /** Shows what the address asks for. */
  async show() {
    const wanted = this.wanted;
    this.mark(wanted);
    const key = this.keyOf(wanted);
    if (this.answer && key === this.key) return this.draw();
    this.zoomed = false;
    await this.load(wanted, key);
  }

  /** Asks again when the range's rhythm says so; a zoomed chart is left alone. */
  async refresh() {
    const wanted = this.wanted;
    const { range, to } = wanted;
    // What ended in the past does not change.
    if (to || this.zoomed || performance.now() - this.answered_at < (REFRESH_MS[range] ?? 30_000) - 1000) return;
    await this.load(wanted, this.keyOf(wanted));
  }

  keyOf({ range, host, from, to }) { return [range, host, from, to].join(" "); }

  mark({ range, host, clip, from, to }) {
    const isCustom = Boolean(from || to);
    this.figure.querySelector("#offset-times").hidden = !isCustom;
    for (const link of this.figure.querySelectorAll("[data-range]")) {
      if (link.dataset.range === range && !isCustom) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    this.figure.querySelector("[data-clip]").setAttribute("aria-pressed", String(clip));
    this.figure.querySelector("#offset-host").value = host;
    const name = document.createElement("bdi");
    name.textContent = host;
    this.figure.querySelector("#offset-title").replaceChildren(host ? "Offset of " : "Offset of the fleet", name);
  }

  async load({ range, host, from, to }, key) {
    const turn = ++this.asked;
    const query = new URLSearchParams(from && to ? { from, to } : { range });
    if (from && !to) query.set("from", from);
    if (to && !from) query.set("to", to);
    if (host) query.set("host", host);
    this.plot.setAttribute("aria-busy", "true");
    const skeleton = this.plot.querySelector(".skeleton");
    if (skeleton) skeleton.textContent = "Loading the chart…";
    try {
      this.plotly ??= loadPlotly(this.figure.dataset);
      const [plotly, answer] = await Promise.all([this.plotly, this.ask(query)]);
      if (turn !== this.asked) return;
      Object.assign(this, { Plotly: plotly, answer, key, answered_at: performance.now() });
      this.complain("");
      await this.draw();
      this.fillTwin();
    } catch (error) {
      if (turn !== this.asked) return;
      const old = this.answer ? " The chart still shows the answer before." : "";
      this.complain(`The chart could not be loaded: ${error.message}.${old}`);
      if (skeleton) skeleton.textContent = "No chart.";
    } finally {
      if (turn === this.asked) this.plot.removeAttribute("aria-busy");
    }
  }

  async ask(query) {
    const answer = await fetch(`${this.figure.dataset.api}?${query}`, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    const body = await answer.json().catch(() => null);
    if (answer.ok && body) return body;
    const why = body?.error?.message ?? `answer ${answer.status}`;
    throw new Error(`${why} (request ${answer.headers.get("X-Request-Id") ?? "unknown"})`);
  }

  complain(text) {
    const banner = this.figure.querySelector("#offset-error");
    banner.textContent = text;
    banner.hidden = !text;
  }

  get series() { return this.answer.series[0]; }

  draw() {
    const runs = runsOf(this.series.p50);
    this.summarise(runs);
    this.sayAlerts();
    if (!runs.length) return this.drawNothing();
    this.plot.querySelector(".skeleton")?.remove();
    if (!this.plot.firstElementChild) this.plot.append(document.createElement("div"));
    const css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue(`--${name}`).trim();
    const half_ns = this.halfRange();
    const [scale, unit] = chartUnit(half_ns);
    const target = this.plot.firstElementChild;
    const drawn = this.Plotly.react(target, this.traces(runs, scale, colour), this.layout(half_ns / scale, unit, colour), CONFIG);
    if (!this.listening) {
      this.listening = true;
      target.on("plotly_relayout", (change) => {
        if ("xaxis.autorange" in change) this.zoomed = false;
        else if ("xaxis.range[0]" in change) this.zoomed = true;
      });
    }
    return drawn;
  }

  drawNothing() {
    const words = document.createElement("p");
    words.className = "skeleton";
    words.textContent = "No offset was read in this range.";
    if (this.listening) this.Plotly.purge(this.plot.firstElementChild);
    this.listening = false;
    this.plot.replaceChildren(words);
  }

  halfRange() {
    const clip = this.wanted.clip;
    const low = clip ? this.series.p01 : this.series.min;
    const high = clip ? this.series.p99 : this.series.max;
    let half = SMALLEST_HALF_RANGE_NS;
    for (const column of [low, high]) {
      for (const value of column) if (value !== null) half = Math.max(half, Math.abs(value));
    }
    return half * ROOM;
  }

  /** Middle of a bucket, in ms for Plotly. */
  middle(at) { return (this.series.t[at] + this.answer.resolution_s / 2) * 1000; }

  traces(runs, scale, colour) {
    const { min, max, p05, p50, p95 } = this.series;
    const band = (low, high, fill) => {
      const [x, y] = [[], []];
      for (const [first, after] of runs) {
        const width = after - first === 1 ? this.answer.resolution_s * 500 : 0;
        const steps = Array.from({ length: after - first }, (_, at) => first + at);
        if (x.length) { x.push(null); y.push(null); }
        for (const at of steps) { x.push(this.middle(at) - width); y.push(high[at] / scale); }
        if (width) { x.push(this.middle(first) + width); y.push(high[first] / scale); }
        if (width) { x.push(this.middle(first) + width); y.push(low[first] / scale); }
        for (const at of steps.reverse()) { x.push(this.middle(at) - width); y.push(low[at] / scale); }
      }
      return { type: "scatter", mode: "lines", x, y, fill: "toself", fillcolor: fill, line: { width: 0 }, hoverinfo: "skip" };
    };
    const alone = new Set(runs.filter(([first, after]) => after - first === 1).map(([first]) => first));
    const median = {
      type: "scatter", mode: "lines+markers", connectgaps: false,
      x: p50.map((_, at) => this.middle(at)),
      y: p50.map((value) => (value === null ? null : value / scale)),
      line: { color: colour("chart-line"), width: 1.6 },
      marker: { color: colour("chart-line"), size: p50.map((_, at) => (alone.has(at) ? 5 : 0)), line: { width: 0 } },
      text: p50.map((value, at) => (value === null ? "" : this.hoverText(at))),
      hovertemplate: "%{text}<extra></extra>",
    };
    return [band(min, max, colour("chart-outer")), band(p05, p95, colour("chart-inner")), median];
  }

  hoverText(at) {
    const { t, n, min, max, p05, p50, p95 } = this.series;
    const local = new Date(t[at] * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
    return `<b>${offsetText(p50[at])}</b> median<br>${offsetText(p05[at])} … ${offsetText(p95[at])} 5–95 %<br>`
      + `${offsetText(min[at])} … ${offsetText(max[at])} all ${n[at]}<br>${utcText(t[at])} (${local})`;
  }

  layout(half, unit, colour) {
    const { t } = this.series;
    const touch = matchMedia("(pointer: coarse)").matches;
    const axis = { gridcolor: colour("line"), linecolor: colour("line"), tickfont: { color: colour("quiet") }, zeroline: false };
    return {
      autosize: true, showlegend: false, hovermode: "x", hoverdistance: 40, dragmode: touch ? false : "zoom",
      uirevision: `${this.key} ${this.wanted.clip}`,
      shapes: shapesOf(this.answer.alerts, colour),
      margin: { l: 62, r: 14, t: 12, b: 58 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("text") },
      hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("edge"), font: { color: colour("text"), size: 12 }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("quiet"), activecolor: colour("accent") },
      xaxis: {
        ...axis, type: "date", range: [t[0] * 1000, (t[t.length - 1] + this.answer.resolution_s) * 1000],
        fixedrange: touch, showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "solid", spikecolor: colour("edge"),
        nticks: this.plot.clientWidth < 500 ? 4 : 9,
        title: { text: "UTC", font: { color: colour("quiet"), size: 12 }, standoff: 8 },
      },
      yaxis: {
        ...axis, range: [-half, half], fixedrange: true, zeroline: true, zerolinecolor: colour("edge"), zerolinewidth: 1,
        nticks: 7, title: { text: `offset, ${unit}`, font: { color: colour("quiet"), size: 12 }, standoff: 4 },
      },
    };
  }

  /** The chart in words, of figures that may be taken together: extremes, counts, the newest. */
  summarise(runs) {
    const { n, min, max, p50 } = this.series;
    const text = this.figure.querySelector("#offset-summary");
    if (!runs.length) return void (text.textContent = "");
    const known = (column) => column.filter((value) => value !== null);
    const lowest = known(min).reduce((a, b) => Math.min(a, b));
    const highest = known(max).reduce((a, b) => Math.max(a, b));
    const readings = n.reduce((a, b) => a + b, 0);
    const gaps = runs.length - 1;
    // Of a fleet a step with one host's readings is none, whoever else is missing: nothing is said of gaps.
    const ofGaps = this.series.host === null ? "" : `; ${gaps === 0 ? "no gap" : gaps === 1 ? "1 gap" : `${gaps} gaps`}`;
    const newest = p50[runs[runs.length - 1][1] - 1];
    text.textContent = `Newest median ${offsetText(newest)}; all readings between ${offsetText(lowest)} and ${offsetText(highest)}; `
      + `${readings.toLocaleString("en")} readings in steps of ${this.stepText()}${ofGaps}.`;
  }

  /** What the shaded times are, for those who do not see them. */
  sayAlerts() {
    const { alerts, more_alerts: hasMore } = this.answer;
    const text = this.figure.querySelector("#offset-alerts");
    text.textContent = sayAlerts(alerts, hasMore, this.series.host === null);
    text.hidden = !alerts.length;
    this.figure.querySelector(".k-alert").hidden = !alerts.length;
  }

  stepText() {
    const step = this.answer.resolution_s;
    if (step % 86400 === 0) return `${step / 86400} d`;
    if (step % 3600 === 0) return `${step / 3600} h`;
    return step % 60 === 0 ? `${step / 60} min` : `${step} s`;
  }

  /** The table twin is only built while it is open. */
  fillTwin() {
    const twin = this.figure.querySelector("#offset-twin");
    if (!twin.open || !this.answer) return;
    const { t, n, min, max, p05, p50, p95 } = this.series;
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const title of ["from", "readings", "min", "5 %", "median", "95 %", "max"]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = title;
      head.append(cell);
    }
    const body = table.createTBody();
    for (let at = t.length - 1; at >= 0; at -= 1) {
      const row = body.insertRow();
      row.insertCell().textContent = utcText(t[at]);
      row.insertCell().textContent = String(n[at]);
      for (const column of [min, p05, p50, p95, max]) row.insertCell().textContent = offsetText(column[at]);
    }
    twin.querySelector(".scroll").replaceChildren(table);
  }
}
