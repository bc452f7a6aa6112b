// Draws the plots of the page from the JSON in #data, again when the width or the colours change.
(() => {
"use strict";

const files = JSON.parse(document.getElementById("data").textContent) || [];
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const PALETTE = 8;

// digits prints a number with as many digits as can be told apart, and commas.
const digits = v => {
  const a = Math.abs(v);
  const n = a >= 100 || a === Math.floor(a) ? 0 : a >= 10 ? 1 : a >= 1 ? 2 : 3;
  return v.toLocaleString("en-US", {maximumFractionDigits: n});
};
const micros = v => v == null ? "–" :
  v >= 1e6 ? digits(v / 1e6) + " s" : v >= 1e3 ? digits(v / 1e3) + " ms" : digits(v) + " µs";
const seconds = v => v == null ? "–" : v >= 600 ? digits(v / 60) + " min" : digits(v) + " s";
// unit makes a printer of values with a unit behind.
const unit = u => v => v == null ? "–" : digits(v) + u;
const percentile = tail => {
  const q = 100 * (1 - 1 / tail);
  const places = Math.max(0, Math.round(Math.log10(tail)) - 2);
  return q.toFixed(tail < 1.01 ? 0 : tail < 1000 ? 1 : places).replace(/\.0$/, "") + "%";
};

// ladder are the steps 1, 2, 5 of each power of ten between low and high; the powers alone when
// there are more than so many of these.
const ladder = (low, high, decades) => {
  const from = Math.floor(Math.log10(low) + 1e-9), to = Math.ceil(Math.log10(high) - 1e-9);
  const inner = to - from > decades ? [1] : [1, 2, 5], out = [];
  for (let e = from; e <= to; e++) {
    for (const m of inner) {
      const v = m * 10 ** e;
      if (v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9)) out.push(v);
    }
  }
  return out;
};
// round is the nearest 1, 2 or 5 times a power of ten, not above (or not below) v.
const round = (v, up) => {
  const base = 10 ** Math.floor(Math.log10(v) + 1e-9), all = [1, 2, 5, 10].map(m => m * base);
  return up ? all.find(x => x >= v * (1 - 1e-9)) : all.reverse().find(x => x <= v * (1 + 1e-9));
};
// even are some four even steps from 0 to above v.
const even = v => {
  const raw = (v || 1) / 4, base = 10 ** Math.floor(Math.log10(raw));
  const by = base * [1, 2, 2.5, 5, 10].find(m => m * base >= raw * (1 - 1e-9));
  const out = [];
  for (let i = 0; i === 0 || out[i - 1] < v * (1 - 1e-9); i++) out.push(i * by);
  return out;
};

const axis = more => ({
  stroke: css("--soft"), font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif",
  grid: {stroke: css("--line"), width: 1}, ticks: {stroke: css("--line"), width: 1, size: 5}, size: 32,
  ...more,
});
const logScale = {distr: 3, range: (u, low, high) => low == null ? [1, 10] : [round(low), round(high, true)]};
const series = (name, i, more) => ({
  label: name, stroke: css("--c" + i % PALETTE), width: 2, spanGaps: false, points: {show: false},
  dash: i < PALETTE ? undefined : [6, 4], ...more,
});
const base = (el, height, more) => ({
  width: Math.max(240, el.clientWidth), height, ...more,
});

// percentiles has the axis that HdrHistogram's plots have: each decade is a nine more.
const percentiles = (el, c) => {
  const most = c.tail[c.tail.length - 1];
  const decade = (el.clientWidth - 80) / Math.max(1, Math.log10(most)); // pixels
  const every = decade < 56 ? 2 : 1;
  const marks = decade > 130 ? [2, 20].filter(x => x <= most) : [];
  for (let i = 0; 10 ** i <= most * 1.001; i += every) marks.push(10 ** i);
  marks.sort((a, b) => a - b);
  return [base(el, 320, {
    scales: {x: {time: false, distr: 3, range: () => [1, Math.max(10, most)]}, y: logScale},
    axes: [
      axis({splits: () => marks, filter: (u, s) => s, values: (u, s) => s.map(percentile), space: 30}),
      axis({splits: (u, i, low, high) => ladder(low, high, 3), filter: (u, s) => s,
        values: (u, s) => s.map(micros), size: 62}),
    ],
    series: [{label: "percentile", value: (u, v) => v == null ? "–" : percentile(v)},
      ...c.series.map((s, i) => series(s.name, i, {value: (u, v) => micros(v)}))],
  }), [c.tail, ...c.series.map(s => s.us)]];
};

const histogram = (el, c) => {
  const marks = even(Math.max(...c.series.flatMap(s => s.share)));
  const decades = el.clientWidth / 180;
  return [base(el, 320, {
  scales: {
    x: {time: false, distr: 3, range: () => [c.bounds[0], c.bounds[c.bounds.length - 1]]},
    y: {range: () => [0, marks[marks.length - 1]]},
  },
  axes: [
    axis({splits: (u, i, low, high) => ladder(low, high, decades), filter: (u, s) => s,
      values: (u, s) => s.map(micros)}),
    axis({splits: () => marks, values: (u, s) => s.map(v => digits(v) + "%"), size: 62}),
  ],
  series: [{label: "latency from", value: (u, v) => micros(v)},
    ...c.series.map((s, i) => series(s.name, i, {
      value: (u, v) => v == null ? "–" : digits(v) + "%", width: 1.5,
      fill: c.series.length > 4 ? undefined : css("--c" + i % PALETTE) + "28",
      paths: uPlot.paths.stepped({align: 1}),
    }))],
}), [c.bounds, ...c.series.map(s => s.share)]];
};

// steps shades the warm-ups and writes the names of steps on top.
const steps = (marks, names) => u => {
  const g = u.ctx, r = devicePixelRatio, {left, top, width, height} = u.bbox;
  let free = left;
  g.save();
  g.beginPath();
  g.rect(left, 0, width, top + height);
  g.clip();
  g.font = 12 * r + "px system-ui, sans-serif";
  for (const m of marks) {
    const from = u.valToPos(m.begin, "x", true), to = u.valToPos(m.measured, "x", true);
    g.fillStyle = css("--shade");
    g.fillRect(from, top, Math.max(0, to - from), height);
    g.fillStyle = css("--soft");
    if (marks.length > 1) g.fillRect(from, top, r, height);
    const wide = g.measureText(m.name).width, at = Math.min(from + 4 * r, left + width - wide);
    if (names && at >= free) {
      g.fillText(m.name, at, top - 6 * r);
      free = at + wide + 10 * r;
    }
  }
  g.restore();
};

const LINES = {
  rate: {name: "calls/s", show: unit("/s"), color: 0, names: true},
  p99: {name: "p99", show: micros, color: 1},
  conns: {name: "connections", show: unit(""), color: 2},
  cpu: {name: "CPU", show: v => v == null ? "–" : digits(100 * v) + "%", color: 3},
  rss: {name: "memory", show: unit(" MB"), color: 4},
};
const line = (el, t, kind, file) => {
  const l = LINES[kind], values = t[kind].filter(v => v != null);
  if (!values.length) return null;
  const high = Math.max(...values), low = Math.min(...values);
  const steep = kind === "p99" && low > 0 && high / low > 30;
  const marks = steep ? ladder(round(low), round(high, true), 1) : even(high);
  return [base(el, l.names ? 180 : 150, {
    padding: [l.names ? 22 : 10, 14, 0, 0],
    scales: {
      x: {time: false, range: () => [t.marks[0].begin, t.t[t.t.length - 1]]},
      y: steep ? logScale : {range: () => [0, marks[marks.length - 1]]},
    },
    axes: [
      axis({values: (u, s) => s.map(seconds)}),
      axis({values: (u, s) => s.map(l.show), size: 74, splits: () => marks, filter: (u, s) => s}),
    ],
    cursor: {sync: {key: "file" + file}},
    hooks: {drawClear: [steps(t.marks, l.names)]},
    series: [{label: "at", value: (u, v) => seconds(v)},
      series(l.name, l.color, {value: (u, v) => l.show(v)})],
  }), [t.t, t[kind]]];
};

const plans = {
  percentiles: (el, f, d) => percentiles(el, f.curves[d.curves]),
  histogram: (el, f, d) => histogram(el, f.curves[d.curves]),
};
const plan = el => {
  const d = el.dataset, f = files[d.file];
  return plans[d.kind] ? plans[d.kind](el, f, d) : line(el, f.timeline, d.kind, d.file);
};

const drawn = new Map();
const draw = el => {
  const made = plan(el);
  if (drawn.has(el)) drawn.get(el).destroy();
  if (!made) {
    el.closest("figure").hidden = true;
    return;
  }
  drawn.set(el, new uPlot(...made, el));
};
const all = [...document.querySelectorAll(".plot")];
const drawAll = () => all.forEach(draw);
drawAll();

let width = innerWidth, waiting = 0;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(drawAll);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
// Paper is white, and everything that is folded up on the screen is there.
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("print");
  document.querySelectorAll("details:not(.settings)").forEach(d => { d.open = true; });
  drawAll();
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("print");
  drawAll();
});
})();
