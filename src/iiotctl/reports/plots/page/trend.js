// Draws the trends of this page with uPlot. All texts of tags and devices go through textContent or the canvas.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const holder = document.getElementById("charts");
  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const DASHES = data.dashes;
  const STRIP = 11;
  const charts = [];

  const { clock, splits, labels } = plantClock(data.offsets);

  const number = (trace, v) => trace.states && trace.states[v] !== undefined ? trace.states[v] : String(+v.toPrecision(trace.digits));
  const at = (times, t) => { // the last place not after t
    let low = 0, high = times.length;
    while (low < high) { const mid = (low + high) >> 1; if (times[mid] <= t) low = mid + 1; else high = mid; }
    return low - 1;
  };
  const within = (spans, t) => spans.find(s => s[0] <= t && t <= s[1]);
  const kind = code => Math.min(code >>> 30, 2);

  function value(trace, t) {
    const i = at(trace.x, t);
    if (i < 0 || trace.y[i] === null) return null;
    const next = trace.y[i + 1];
    if (trace.stepped || next === undefined || next === null || trace.x[i] === t) return trace.y[i];
    return trace.y[i] + (next - trace.y[i]) * (t - trace.x[i]) / (trace.x[i + 1] - trace.x[i]);
  }

  function tell(tip, panel, u) {
    const left = u.cursor.left;
    if (left === undefined || left < 0) { tip.style.display = "none"; return; }
    const t = u.posToVal(left, "x");
    const lines = [[clock(t, u.scales.x.max - u.scales.x.min < 60 ? 3 : 0)]];
    for (const trace of panel.traces) {
      const gap = within(trace.gaps, t), run = within(trace.runs, t), v = value(trace, t);
      const status = gap ? "gap: " + gap[2] : run ? data.names[run[2]] : "no data";
      const last = trace.x[trace.x.length - 1];
      const known = v !== null && !gap && t <= last;
      lines.push([trace.letter + "  ", known ? number(trace, v) + (trace.unit ? " " + trace.unit : "") : "\u2013", "  " + status]);
    }
    tip.replaceChildren(...lines.map(parts => {
      const line = document.createElement("div");
      parts.forEach((part, i) => {
        const piece = document.createElement(i === 1 ? "b" : "span");
        piece.textContent = part;
        line.append(piece);
      });
      return line;
    }));
    tip.style.display = "block";
    const x = left + u.over.offsetLeft, room = tip.parentElement.clientWidth;
    tip.style.left = (x + 16 + tip.offsetWidth < room ? x + 16 : Math.max(0, x - 16 - tip.offsetWidth)) + "px";
    tip.style.top = u.over.parentElement.offsetTop + u.over.offsetTop + 8 + "px";
  }

  function hatch(ctx, x, y, w, h, step) {
    ctx.save();
    ctx.beginPath(); ctx.rect(x, y, w, h); ctx.clip();
    ctx.beginPath();
    for (let i = x - h; i < x + w; i += step) { ctx.moveTo(i, y + h); ctx.lineTo(i + h, y); }
    ctx.lineWidth = devicePixelRatio * .7; ctx.strokeStyle = color("--gap"); ctx.stroke();
    ctx.restore();
  }

  function bands(u, panel) { // gaps behind the lines
    const ctx = u.ctx, { left, top, width, height } = u.bbox, right = left + width;
    for (const [low, high] of panel.holes) {
      const x0 = Math.max(u.valToPos(low, "x", true), left), x1 = Math.min(u.valToPos(high, "x", true), right);
      if (x1 <= left || x0 >= right) continue;
      ctx.save();
      ctx.globalAlpha = .12; ctx.fillStyle = color("--gap"); ctx.fillRect(x0, top, Math.max(x1 - x0, 1), height);
      ctx.globalAlpha = .6; hatch(ctx, x0, top, Math.max(x1 - x0, 1), height, 9 * devicePixelRatio);
      ctx.restore();
    }
  }

  function marks(u, panel) { // limits, reasons of gaps, letters and the strips of quality
    const ctx = u.ctx, ratio = devicePixelRatio, { left, top, width, height } = u.bbox, right = left + width;
    ctx.save();
    ctx.font = 11 * ratio + "px system-ui, sans-serif";
    for (const [name, v] of panel.limits) {
      const y = u.valToPos(v, "y", true);
      if (y < top || y > top + height) continue;
      ctx.strokeStyle = ctx.fillStyle = color("--limit"); ctx.lineWidth = ratio; ctx.setLineDash([ratio, 3 * ratio]);
      ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(right, y); ctx.stroke(); ctx.setLineDash([]);
      ctx.textAlign = "right"; ctx.textBaseline = "bottom"; ctx.fillText(name, right - 3 * ratio, y - 2 * ratio);
    }
    ctx.fillStyle = color("--dim"); ctx.textAlign = "center"; ctx.textBaseline = "top";
    for (const [low, high, reason] of panel.holes) {
      const x0 = Math.max(u.valToPos(low, "x", true), left), x1 = Math.min(u.valToPos(high, "x", true), right);
      const wide = ctx.measureText(reason).width + 6 * ratio;
      if (x1 - x0 > wide) ctx.fillText(reason, (x0 + x1) / 2, top + 4 * ratio);
      else if (x1 - x0 > 13 * ratio && wide < height) { // along the band
        ctx.save();
        ctx.translate((x0 + x1) / 2, top + wide / 2 + 2 * ratio); ctx.rotate(-Math.PI / 2);
        ctx.textBaseline = "middle"; ctx.fillText(reason, 0, 0);
        ctx.restore();
      }
    }
    const fills = [color("--good"), color("--uncertain"), color("--bad")];
    ctx.textBaseline = "middle";
    panel.traces.forEach((trace, row) => {
      const y = top + height + (4 + row * (STRIP + 2)) * ratio, h = STRIP * ratio;
      const place = (low, high) => {
        const x0 = Math.max(u.valToPos(low, "x", true), left), x1 = Math.min(u.valToPos(high, "x", true), right);
        return x1 < left || x0 > right ? null : [x0, Math.max(x1 - x0, 0)];
      };
      for (const severity of [0, 1, 2]) { // Bad is never drawn under Good
        ctx.fillStyle = fills[severity];
        for (const [low, high, code] of trace.runs) {
          const found = kind(code) === severity && place(low, high);
          const lower = severity === 1 ? h * .4 : 0; // told apart without colours
          if (found) ctx.fillRect(found[0], y + lower, Math.max(found[1], severity ? 2 * ratio : 0), h - lower);
        }
      }
      for (const [low, high] of trace.gaps) {
        const found = place(low, high);
        if (!found) continue;
        const w = Math.max(found[1], 2 * ratio);
        ctx.fillStyle = color("--paper"); ctx.fillRect(found[0], y, w, h);
        hatch(ctx, found[0], y, w, h, 4 * ratio);
        ctx.lineWidth = ratio * .7; ctx.strokeStyle = color("--gap"); ctx.strokeRect(found[0], y, w, h);
      }
      ctx.textAlign = "right"; ctx.fillStyle = color("--c" + trace.color);
      ctx.fillText(trace.letter, left - 6 * ratio, y + h / 2);
    });
    if (panel.traces.length > 1) {
      ctx.textAlign = "left";
      for (const trace of panel.traces) {
        if (!trace.x.length) continue;
        const t = Math.min(u.scales.x.max, trace.x[trace.x.length - 2]), v = value(trace, t); // the last is a null
        if (v === null || t < u.scales.x.min) continue;
        ctx.fillStyle = color("--c" + trace.color);
        ctx.fillText(trace.letter, u.valToPos(t, "x", true) + 3 * ratio, u.valToPos(v, "y", true));
      }
    }
    ctx.restore();
  }

  // samples with a hole on either side: no line would show them (undefined: another trace's time)
  const lone = values => {
    const found = [];
    let length = 0, last = 0;
    const end = () => { if (length === 1) found.push(last); length = 0; };
    values.forEach((v, i) => {
      if (v === null) end();
      else if (v !== undefined) { length++; last = i; }
    });
    end();
    return found;
  };
  const isWhole = u => u.scales.x.min == null || u.scales.x.min <= data.start && u.scales.x.max >= data.end;
  // the same in every country; as many digits as tell marks apart that stand `step` from each other
  const plain = (v, step) => {
    if (v === null) return "";
    if (Math.abs(v) < step / 2) return "0";
    const digits = Math.ceil(Math.log10(Math.abs(v) / step)) + 3;
    return String(+v.toPrecision(Math.min(Math.max(digits, 6), 16)));
  };
  const most = innerWidth < 600 ? 12 : 18;
  const cut = text => text.length > most ? text.slice(0, most - 1) + "\u2026" : text;
  // as wide in each panel, so that one time is one column
  const GUTTER = Math.max(66, ...data.panels.flatMap(panel => (panel.states.length
    ? panel.states.map(state => cut(state[1])) : [...panel.marks, "0000000"])
    .map(text => 18 + 6.6 * text.length)));

  // uPlot knows no steps for values that far from 1
  const steps = panel => {
    const power = Math.floor(Math.log10(Math.max(Math.abs(panel.low), Math.abs(panel.high))));
    if (power < 15 && power > -12) return undefined;
    return [-3, -2, -1, 0].flatMap(e => [1, 2, 5].map(n => n * 10 ** (power + e))).filter(step => step > 0);
  };

  function chart(panel) {
    const box = document.createElement("div"), names = document.createElement("div"), tip = document.createElement("div");
    box.className = "panel"; names.className = "names"; tip.className = "tip";
    for (const trace of panel.traces) {
      const name = document.createElement("span"), swatch = document.createElement("i");
      swatch.className = "swatch"; swatch.style.borderTopColor = "var(--c" + trace.color + ")";
      swatch.style.borderTopStyle = trace.dash ? "dashed" : "solid";
      name.append(swatch, trace.letter + "  " + trace.tag);
      names.append(name);
    }
    holder.append(box);
    box.append(names);
    const room = 4 + panel.traces.length * (STRIP + 2);
    const stateful = panel.states.length > 0;
    const ink = () => color("--dim"), rule = { stroke: () => color("--rule"), width: 1 };
    const options = {
      width: box.clientWidth, height: 220 + room,
      padding: [8, 34, 0, 0],
      legend: { show: false },
      cursor: { y: false, sync: { key: "trend", scales: ["x", null] }, drag: { x: true, y: false }, points: { show: false } },
      scales: {
        x: { time: false, min: data.start, max: data.end },
        y: { range: (u, low, high) => stateful || low === null || isWhole(u) ? [panel.low, panel.high]
          : uPlot.rangeNum(low, high, { min: { pad: .1 }, max: { pad: .1 } }) },
      },
      axes: [
        { stroke: ink, grid: rule, ticks: { ...rule, size: 4 }, gap: room, size: room + 46, splits, values: labels },
        { stroke: ink, grid: rule, ticks: rule, label: panel.unit || " ", labelSize: 20, size: GUTTER, incrs: steps(panel),
          splits: stateful ? () => panel.states.map(state => state[0]) : undefined,
          values: (u, values) => values.map(v => stateful ? cut(panel.states.find(state => state[0] === v)[1]) : plain(v, values.length > 1 ? values[1] - values[0] : 0)) },
      ],
      series: [{}, ...panel.traces.map(trace => ({
        label: trace.letter, stroke: () => color("--c" + trace.color), width: 1.5, dash: DASHES[trace.dash],
        paths: trace.stepped ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear(), points: { size: 4, filter: (u, place, show) => show ? null : lone(u.data[place]) },
      }))],
      hooks: {
        drawClear: [u => bands(u, panel)],
        draw: [u => marks(u, panel)],
        setCursor: [u => { if (u.cursor.event && u.over.matches(":hover")) tell(tip, panel, u); else tip.style.display = "none"; }],
        setScale: [(u, key) => { if (key === "x") follow(u); }],
      },
    };
    // a null ends a line until the next sample of the same trace, whatever times the others bring in between
    const joined = uPlot.join(panel.traces.map(trace => [trace.x, trace.y]), panel.traces.map(() => [0, 2]));
    const u = new uPlot(options, joined, box);
    box.append(tip);
    charts.push(u);
  }

  let following = false;
  function follow(leader) { // every panel shows the same range
    if (following) return;
    following = true;
    const { min, max } = leader.scales.x;
    for (const u of charts) if (u !== leader && (u.scales.x.min !== min || u.scales.x.max !== max)) u.setScale("x", { min, max });
    following = false;
  }
  const show = (low, high) => {
    const span = Math.min(high - low, data.end - data.start);
    low = Math.max(data.start, Math.min(low, data.end - span));
    if (charts.length) charts[0].setScale("x", { min: low, max: low + span });
  };
  const view = () => charts[0].scales.x;
  const acts = {
    all: () => show(data.start, data.end),
    closer: () => { const { min, max } = view(), q = (max - min) / 4; show(min + q, max - q); },
    wider: () => { const { min, max } = view(), h = (max - min) / 2; show(min - h, max + h); },
    earlier: () => { const { min, max } = view(), h = (max - min) / 2; show(min - h, max - h); },
    later: () => { const { min, max } = view(), h = (max - min) / 2; show(min + h, max + h); },
  };
  for (const button of document.querySelectorAll("[data-act]")) button.addEventListener("click", acts[button.dataset.act]);
  data.panels.forEach(chart);
  addEventListener("resize", () => charts.forEach((u, i) =>
    u.setSize({ width: holder.children[i].clientWidth, height: u.height })));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(u => u.redraw()));
  document.documentElement.dataset.drawn = charts.length;
})();
