// The clock of the plant on the axis of a chart: splits and labels for uPlot, and an instant as text.
"use strict";
const plantClock = offsets => {
  // The clock of the plant: offsets from UTC as the page's maker knew them, whatever the browser knows of zones.
  const ahead = t => {
    let found = offsets[0][1];
    for (const [from, seconds] of offsets) if (t >= from) found = seconds;
    return found;
  };
  const clock = (t, digits) => {
    const text = new Date(Math.floor((t + ahead(t)) * 1000 + 1e-3)).toISOString();
    return text.slice(0, 10) + " " + text.slice(11, digits > 0 ? 20 + digits : 19);
  };
  const STEPS = [.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
    7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 2592000, 7776000, 31536000];
  const splits = (u, axis, low, high) => {
    const most = Math.max(2, Math.floor(u.bbox.width / devicePixelRatio / 80));
    const step = STEPS.find(s => (high - low) / s <= most) || STEPS[STEPS.length - 1];
    const found = [];
    for (let n = Math.ceil((low + ahead(low)) / step) - 1; found.length < 200; n++) {
      let t = n * step - ahead(low);
      t = n * step - ahead(t);
      if (t > high) break;
      if (t >= low && (!found.length || t > found[found.length - 1])) found.push(t);
    }
    return found;
  };
  const labels = (u, times) => {
    const step = times.length > 1 ? times[1] - times[0] : 1;
    let day = "";
    return times.map(t => {
      const text = clock(t, step < 1 ? 3 : 0), date = text.slice(0, 10);
      const hour = step >= 86400 ? "" : step < 60 ? text.slice(11) : text.slice(11, 16);
      const first = date !== day;
      day = date;
      return hour ? hour + (first ? "\n" + date : "") : date;
    });
  };
  return { clock, splits, labels };
};
