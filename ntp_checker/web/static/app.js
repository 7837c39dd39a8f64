// Keeps the overview fresh. Every row is made by the server; this only puts it in place.
import { ageText } from "./units.js";

const ANSWER_LIMIT_MS = 15_000;
const STALE_AFTER_REFRESHES = 3;
const TYPING_PAUSE_MS = 250;
const THEMES = ["auto", "light", "dark"];

/** Makes `old` equal to `fresh` and keeps what is equal, so focus and selection survive. */
function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName) return void old.replaceWith(fresh.cloneNode(true));
  if (old.nodeType !== Node.ELEMENT_NODE) return void (old.nodeValue = fresh.nodeValue);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const [oldChildren, freshChildren] = [[...old.childNodes], [...fresh.childNodes]];
  freshChildren.forEach((child, at) => {
    if (at < oldChildren.length) morph(oldChildren[at], child);
    else old.append(child.cloneNode(true));
  });
  oldChildren.slice(freshChildren.length).forEach((child) => child.remove());
}

class Overview {
  constructor(fleet) {
    this.fleet = fleet;
    this.refresh_ms = Number(fleet.dataset.refreshS) * 1000;
    this.fresh_at = performance.now();
    this.asked = 0;
    this.chart = null;
    addEventListener("popstate", () => this.show());
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
    addEventListener("pageshow", (event) => event.persisted && this.refresh());
    document.addEventListener("click", (event) => this.follow(event));
    document.addEventListener("keydown", (event) => {
      if (event.key !== " " || !event.target.matches?.("a[role=button]")) return;
      event.preventDefault();
      event.target.click();
    });
    document.addEventListener("submit", (event) => this.submit(event));
    document.addEventListener("input", (event) => this.type(event));
    setInterval(() => document.hidden || this.refresh(), this.refresh_ms);
    setInterval(() => this.age(), 1000);
    document.getElementById("live").hidden = false;
    this.age();
    this.watchChart();
  }

  /** Asks for the rows of the present address and puts them in place. */
  async refresh() {
    const turn = ++this.asked;
    try {
      const answer = await fetch(this.fleet.dataset.fragment + location.search, {
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS), cache: "no-store",
      });
      if (turn !== this.asked) return;
      if (!answer.ok) {
        throw new Error(`answer ${answer.status}, request ${answer.headers.get("X-Request-Id") ?? "unknown"}`);
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (turn === this.asked) this.place(page.getElementById("fleet"));
    } catch (error) {
      if (turn === this.asked) this.complain(error);
    }
  }

  place(fresh) {
    if (!fresh) throw new Error("the answer has no table of hosts");
    if (fresh.nodeName !== this.fleet.nodeName) return location.reload();
    const before = this.fleet.dataset.verdict;
    morph(this.fleet, fresh);
    document.title = fresh.dataset.title;
    const search = this.fleet.querySelector("[name=q]");
    if (search && search !== document.activeElement) search.value = search.getAttribute("value");
    this.fresh_at = performance.now();
    this.trouble = null;
    if (fresh.dataset.verdict !== before) {
      document.getElementById("announcer").textContent = fresh.dataset.verdict;
    }
    this.age();
    this.chart?.refresh();
  }

  complain(error) {
    this.trouble = error.name === "TimeoutError" ? "no answer in 15 s" : error.message;
    this.age();
  }

  /** Lets every shown age grow, and takes the colours away from what is too old. */
  age() {
    const since_s = (performance.now() - this.fresh_at) / 1000;
    for (const cell of this.fleet.querySelectorAll("[data-age-s]")) {
      cell.textContent = ageText(Number(cell.dataset.ageS) + since_s);
    }
    document.getElementById("live").textContent = `refreshed ${ageText(since_s)} ago`;
    const outdated = since_s * 1000 > this.refresh_ms * STALE_AFTER_REFRESHES;
    document.body.classList.toggle("outdated", outdated);
    const banner = document.getElementById("connection");
    const words = this.trouble && `Not refreshed: ${this.trouble}. What you see is what was known ${
      outdated ? `${ageText(since_s)} ago` : "at the last refresh"}; trying again.`;
    if (words && banner.textContent !== words) banner.textContent = words;
    banner.hidden = !words;
  }

  /** Links that only change this page's state do so without loading it again. */
  follow(event) {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const to = new URL(link.href);
    const inFleet = this.fleet.contains(link);
    const inChart = link.closest("#offset") && ("range" in link.dataset || "clip" in link.dataset);
    if (to.origin !== location.origin || to.pathname !== location.pathname || !(inFleet || inChart)) return;
    event.preventDefault();
    if (inFleet && !("host" in link.dataset)) return this.go(to.search);
    const query = new URLSearchParams(location.search);
    if ("host" in link.dataset) query.set("host", link.dataset.host);
    if ("range" in link.dataset) {
      query.set("range", link.dataset.range);
      query.delete("from");
      query.delete("to");
    }
    if ("clip" in link.dataset) query.has("clip") ? query.delete("clip") : query.set("clip", "1");
    this.goChart(query);
    if ("host" in link.dataset) document.getElementById("offset").scrollIntoView();
  }

  submit(event) {
    if (event.target.id !== "search") return;
    event.preventDefault();
    this.search(event.target.elements.q.value);
  }

  type(event) {
    if (event.target.id === "offset-host") {
      const query = new URLSearchParams(location.search);
      event.target.value ? query.set("host", event.target.value) : query.delete("host");
      return this.goChart(query);
    }
    if (event.target.name !== "q") return;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.search(event.target.value), TYPING_PAUSE_MS);
  }

  search(text) {
    const query = new URLSearchParams(location.search);
    text ? query.set("q", text) : query.delete("q");
    query.delete("page");
    history.replaceState(null, "", `?${query}`);
    this.refresh();
  }

  go(search) {
    history.pushState(null, "", location.pathname + search);
    this.refresh();
  }

  goChart(query) {
    history.pushState(null, "", `${location.pathname}?${query}`);
    this.show();
  }

  /** Shows what the present address says, table and chart. */
  show() {
    this.refresh();
    this.chart ? this.chart.show() : this.loadChart();
  }

  /** The chart's library is a large script: it is fetched when the chart comes into view. */
  watchChart() {
    const figure = document.getElementById("offset");
    if (!figure) return;
    figure.querySelector(".skeleton").textContent = "The chart is loaded when it comes into view.";
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      this.loadChart();
    }, { rootMargin: "200px" });
    watcher.observe(figure);
  }

  async loadChart() {
    const figure = document.getElementById("offset");
    if (!figure || this.chartAsked) return;
    this.chartAsked = true;
    const { OffsetChart } = await import(figure.dataset.module);
    this.chart = new OffsetChart(figure);
    await this.chart.show();
  }
}

function offerThemes() {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const name = () => { button.lastElementChild.textContent = `Theme: ${root.dataset.theme}`; };
  button.addEventListener("click", () => {
    const theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    root.dataset.theme = theme;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    document.querySelector('meta[name="color-scheme"]').content = theme === "auto" ? "light dark" : theme;
    name();
    document.dispatchEvent(new Event("themechange"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("themechange")));
  name();
  button.hidden = false;
}

/** On the page that says "the database does not answer": come back when it does. */
function retry(panel) {
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(panel.dataset.retry, { cache: "no-store" }).catch(() => null);
    if (answer?.ok) location.reload();
  }, 5000);
}

offerThemes();
const fleet = document.getElementById("fleet");
if (fleet) new Overview(fleet);
const panel = document.querySelector("[data-retry]");
if (panel) retry(panel);
