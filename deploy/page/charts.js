// Small plots as SVG: columns over time, bars by name, a grid of weekdays and hours. What they show is said in words too.

import { h, put, s } from "./dom.js";

const HEIGHT = 220;
const PAD = { top: 12, right: 4, bottom: 26, left: 48 };

/** Round steps from zero up to what holds the largest value. */
export function steps(largest, wanted = 4) {
  if (!(largest > 0)) return [0, 1];
  const rough = largest / wanted;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * size).find((each) => each >= rough);
  return Array.from({ length: Math.ceil(largest / step - 1e-9) + 1 }, (_, place) => place * step);
}

/**
 * Columns over time, drawn anew whenever the place changes its width.
 * Each point has `value`, `label` (under the axis) and `told` (what is said of it); `axis` writes a step.
 */
export function columns(place, points, { name, axis }) {
  const draw = () => {
    const width = Math.max(280, place.clientWidth);
    const scale = steps(Math.max(0, ...points.map((each) => each.value)));
    const top = scale.at(-1);
    const wide = width - PAD.left - PAD.right;
    const high = HEIGHT - PAD.top - PAD.bottom;
    const each = wide / points.length;
    const bar = Math.max(1, Math.min(each * 0.72, 44));
    const x = (number) => PAD.left + each * (number + 0.5);
    const y = (value) => PAD.top + high * (1 - value / top);
    const every = Math.ceil(points.length / Math.max(1, Math.floor(wide / 76)));
    const hover = s("rect", { class: "hover", y: PAD.top, height: high, width: each, visibility: "hidden" });
    const drawing = s("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" },
      scale.map((step) => [
        s("line", { class: step ? "grid" : "base", x1: PAD.left, x2: width - PAD.right, y1: y(step), y2: y(step) }),
        s("text", { class: "tick", x: PAD.left - 8, y: y(step) + 4, "text-anchor": "end" }, axis(step)),
      ]),
      hover,
      points.map((point, number) => {
        const up = high * (point.value / top);
        return up > 0 && s("path", { class: "column", d: column(x(number) - bar / 2, y(point.value), bar, up) });
      }),
      points.map((point, number) => number % every === 0 &&
        s("text", { class: "tick", x: x(number), y: HEIGHT - 8, "text-anchor": "middle" }, point.label)));
    const tip = h("div", { class: "tip", hidden: true });
    const slider = h("div", { class: "overlay", role: "slider", tabindex: "0", "aria-label": name,
      "aria-valuemin": "0", "aria-valuemax": String(points.length - 1) });
    let at = points.length - 1;
    const show = (number) => {
      at = Math.min(points.length - 1, Math.max(0, number));
      slider.setAttribute("aria-valuenow", String(at));
      slider.setAttribute("aria-valuetext", points[at].told.join(", "));
    };
    const point = (number) => {
      show(number);
      hover.setAttribute("x", PAD.left + each * at);
      hover.setAttribute("visibility", "visible");
      put(tip, points[at].told.map((line, place) => h(place ? "span" : "strong", {}, line)));
      tip.hidden = false;
      const half = tip.offsetWidth / 2;
      tip.style.setProperty("left", `${Math.min(width - half, Math.max(half, x(at)))}px`);
    };
    const leave = () => {
      tip.hidden = true;
      hover.setAttribute("visibility", "hidden");
    };
    const moves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -7, PageUp: 7, Home: -points.length, End: points.length };
    slider.addEventListener("pointermove", (event) =>
      point(Math.floor((event.clientX - slider.getBoundingClientRect().left - PAD.left) / each)));
    slider.addEventListener("pointerleave", leave);
    slider.addEventListener("focus", () => slider.matches(":focus-visible") && point(at));
    slider.addEventListener("blur", leave);
    slider.addEventListener("keydown", (event) => {
      if (!(event.key in moves)) return;
      event.preventDefault();
      point(at + moves[event.key]);
    });
    show(at);
    put(place, drawing, slider, tip);
  };
  redrawn(place, draw);
}

const observers = new WeakMap();

function redrawn(place, draw) {
  observers.get(place)?.disconnect();
  let width = -1;
  const observer = new ResizeObserver(() => {
    if (place.clientWidth && place.clientWidth !== width) {
      width = place.clientWidth;
      draw();
    }
  });
  observer.observe(place);
  observers.set(place, observer);
}

/** A column with round shoulders. */
function column(x, y, width, height) {
  const r = Math.min(3, width / 2, height);
  return `M${x},${y + height}v${r - height}q0,${-r} ${r},${-r}h${width - 2 * r}q${r},0 ${r},${r}v${height - r}z`;
}

/** Bars by name, as a list that reads as text: each row has `name`, `value`, `told` and, if any, `more`. */
export function bars(place, rows) {
  const largest = Math.max(0, ...rows.map((row) => row.value)) || 1;
  put(place, h("ol", { class: "bars" }, rows.map((row) =>
    h("li", { "--share": String(Math.max(0, row.value) / largest) },
      h("span", { class: "bar-name", translate: "no" }, row.name),
      h("span", { class: "bar-told" }, row.told, row.more && h("span", { class: "soft" }, ` ${row.more}`)),
      h("span", { class: "bar", "aria-hidden": "true" })))));
}

/** A grid of rows and columns whose cells are the darker the more they hold; `cell(row, column)` has `value` and `told`. */
export function grid(place, rows, names, cell, { caption, label }) {
  const cells = rows.map((row) => names.map((name) => cell(row, name)));
  const largest = Math.max(0, ...cells.flat().map((each) => each.value)) || 1;
  put(place, h("div", { class: "grid-scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: "heat" },
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, h("td", {}), names.map((name, number) =>
        h("th", { scope: "col" }, h("span", { class: number % 3 ? "unseen" : null }, label(name)))))),
      h("tbody", {}, rows.map((row, number) => h("tr", {},
        h("th", { scope: "row" }, row.name),
        cells[number].map((each) =>
          h("td", { title: each.told, "--heat": String(each.value / largest) }, h("span", { class: "unseen" }, each.told)))))))));
}
