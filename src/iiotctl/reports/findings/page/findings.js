// Draws the trends of findings with uPlot, each when it comes into sight. Texts go through textContent or the canvas.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { clock, splits, labels } = plantClock(data.offsets);
  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = [];

  function marks(u, chart) {
    const ctx = u.ctx, ratio = devicePixelRatio, { left, top, width, height } = u.bbox, right = left + width;
    ctx.save();
    for (const [low, high, state] of chart.spans) {
      const x0 = Math.max(u.valToPos(low, "x", true), left), x1 = Math.min(u.valToPos(high, "x", true), right);
      if (x1 < left || x0 > right) continue;
      const w = Math.max(x1 - x0, 2 * ratio);
      ctx.fillStyle = ctx.strokeStyle = color("--" + state) || color("--dim");
      ctx.globalAlpha = .16; ctx.fillRect(x0, top, w, height);
      ctx.globalAlpha = .8; ctx.lineWidth = ratio; ctx.setLineDash([4 * ratio, 3 * ratio]); ctx.strokeRect(x0, top, w, height);
    }
    ctx.globalAlpha = 1;
    ctx.font = 11 * ratio + "px system-ui, sans-serif"; ctx.textAlign = "right"; ctx.textBaseline = "bottom";
    ctx.strokeStyle = ctx.fillStyle = color("--limit"); ctx.lineWidth = ratio; ctx.setLineDash([2 * ratio, 3 * ratio]);
    for (const [name, v] of chart.limits) {
      const y = u.valToPos(v, "y", true);
      if (y < top || y > top + height) continue;
      ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(right, y); ctx.stroke();
      ctx.fillText(name, right - 3 * ratio, y - 2 * ratio);
    }
    ctx.restore();
  }

  function draw(figure) {
    const chart = data.charts[+figure.dataset.chart], x = chart.x;
    const from = +figure.dataset.from, to = +figure.dataset.to, first = x[0], last = x[x.length - 1];
    const margin = Math.max((to - from) * .6, 1800);
    const near = [Math.max(first, from - margin), Math.min(last, to + margin)];
    const bar = document.createElement("div");
    bar.className = "bar";
    const rule = { stroke: () => color("--rule"), width: 1 }, ink = () => color("--dim");
    const wide = () => Math.max(figure.clientWidth, 300);
    const told = document.createElement("span");
    const u = new uPlot({
      width: wide(), height: 230, legend: { show: false }, padding: [8, 36, 0, 0],
      cursor: { y: false, drag: { x: true, y: false } },
      scales: { x: { time: false }, y: { range: (u, low, high) => low === null ? [0, 1] : uPlot.rangeNum(low, high, .08, true) } },
      axes: [
        { stroke: ink, grid: rule, ticks: rule, size: 46, splits, values: labels },
        { stroke: ink, grid: rule, ticks: rule, size: 70, label: chart.unit || " ", labelSize: 18 },
      ],
      bands: [{ series: [3, 1], fill: () => color("--band") }],
      series: [{}, { width: 0, points: { show: false } },
        { stroke: () => color("--line"), width: 1.4, points: { show: false } }, { width: 0, points: { show: false } }],
      hooks: {
        draw: [u => marks(u, chart)],
        setCursor: [u => {
          const i = u.cursor.idx;
          told.textContent = i == null || chart.y[1][i] === null ? "" :
            clock(x[i], 0) + "  " + chart.y[1][i] + " " + chart.unit + "  (" + chart.y[0][i] + " to " + chart.y[2][i] + ")";
        }],
      },
    }, [x, ...chart.y], figure);
    for (const [text, low, high] of [["the finding", ...near], ["all", first, last]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", () => u.setScale("x", { min: low, max: high }));
      bar.append(button);
    }
    bar.append(told);
    figure.insertBefore(bar, u.root);
    u.setScale("x", { min: near[0], max: near[1] });
    figure.classList.add("drawn");
    drawn.push([u, wide]);
  }

  const watch = new IntersectionObserver(seen => {
    for (const one of seen) if (one.isIntersecting) { watch.unobserve(one.target); draw(one.target); }
  }, { rootMargin: "300px" });
  for (const figure of document.querySelectorAll("figure[data-chart]")) watch.observe(figure);
  addEventListener("resize", () => drawn.forEach(([u, wide]) => u.setSize({ width: wide(), height: u.height })));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(([u]) => u.redraw()));
  for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", async () => {
    const pre = button.nextElementSibling;
    try { await navigator.clipboard.writeText(pre.textContent); button.textContent = "copied"; }
    catch { const range = document.createRange(); range.selectNodeContents(pre); getSelection().removeAllRanges(); getSelection().addRange(range); button.textContent = "press Ctrl+C"; }
  });
  document.documentElement.dataset.drawn = "1";
})();
