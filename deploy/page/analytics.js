// What a tenant sold: figures, days, products, hours, and a report of one's own choice.

import { get, post } from "./api.js";
import { bars, columns, grid } from "./charts.js";
import { $, h, notice, put, say } from "./dom.js";
import { brief, count, dayText, daysBefore, folded, hourText, many, money, monthText, shortDay, today, weekdayText } from "./words.js";

/** Over more days than these a column is a week. */
const MOST_DAYS = 92;
const MOST_ROWS = 24;
/** The API gives no more. */
const MOST_CSV_ROWS = 10_000;
const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7];
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

let tenant = "";
let period = { from: "", to: "", currency: "" };
let running = null;
let summary = null;
let waiting = 0;

/** Set the view up, once. */
export function begin() {
  $("period").addEventListener("submit", (event) => event.preventDefault());
  $("report-form").addEventListener("submit", (event) => event.preventDefault());
  $("spans").addEventListener("change", (event) => go({ ...lastDays(Number(event.target.value)), currency: period.currency }));
  for (const id of ["from", "to"]) {
    $(id).addEventListener("change", () => $(id).value && go({ ...period, [id]: $(id).value }));
  }
  $("currency").addEventListener("change", (event) => go({ ...period, currency: event.target.value }));
  $("day-measures").addEventListener("change", drawDays);
  for (const id of ["measure", "dimension"]) $(id).addEventListener("change", () => report(new AbortController().signal));
  $("csv").addEventListener("click", download);
}

function lastDays(days) {
  const to = today();
  return { from: daysBefore(to, days - 1), to };
}

/** Show what an address asks for. */
export function open(ofTenant, parameters) {
  if (tenant !== ofTenant) clear();
  tenant = ofTenant;
  const usual = lastDays(30);
  const chosen = (name) => parameters.get(name) ?? usual[name];
  period = { from: chosen("from"), to: chosen("to"), currency: parameters.get("currency") ?? "" };
  $("from").value = period.from;
  $("to").value = period.to;
  for (const radio of $("spans").querySelectorAll("input")) {
    radio.checked = period.to === today() && period.from === lastDays(Number(radio.value)).from;
  }
  draw();
}

/** Ask nothing more. */
export function leave() {
  running?.abort();
  clearTimeout(waiting);
}

/** Forget everything of a tenant. */
export function clear() {
  leave();
  notice($("analytics-notice"));
  summary = null;
  $("currency-choice").hidden = true;
  for (const id of ["figures", "days-plot", "top-plot", "when-plot", "report-plot", "period-told"]) put($(id));
}

function go(where) {
  const parameters = new URLSearchParams(Object.entries(where).filter(([, value]) => value));
  location.hash = `#/analytics?${parameters}`;
}

const path = (more = "") => `/analytics/${encodeURIComponent(tenant)}${more}`;

function question(more) {
  const filters = period.currency ? { currency: period.currency } : {};
  return { from: period.from, to: period.to, filters, ...more };
}

async function ask(more, signal) {
  return (await post(path("/report"), question(more), signal)).json();
}

async function draw() {
  leave();
  const { signal } = (running = new AbortController());
  $("analytics").setAttribute("aria-busy", "true");
  put($("period-told"), `${dayText(period.from)} – ${dayText(period.to)}`);
  try {
    summary = await get(path(), period, signal);
    notice($("analytics-notice"));
    drawFigures();
    drawDays();
    drawTop();
    say(`${many(summary.purchases, "purchase", "purchases")} in the period, ${money(summary.total, summary.currency)}`);
    if (summary.currency && !period.currency) period = { ...period, currency: summary.currency };
    await Promise.all([when(signal), report(signal)]);
  } catch (error) {
    if (error.name !== "AbortError" && !signal.aborted) tell(error);
  } finally {
    if (!signal.aborted) $("analytics").removeAttribute("aria-busy");
  }
}

function tell(error) {
  if (error.status === 401) return;
  const several = error.errors.find((each) => each.where === "currency");
  const currencies = several ? (`${several.allowed ?? ""} ${several.what ?? ""}`.match(/\b[A-Z]{3}\b/g) ?? []) : [];
  if (currencies.length > 1) {
    put($("currency"), h("option", { value: "" }, "Choose"), currencies.map((each) => h("option", { value: each }, each)));
    $("currency-choice").hidden = false;
    notice($("analytics-notice"), h("span", {}, "There are purchases in several currencies, which are not added up: choose one."));
    return;
  }
  const wrong = error.errors.map((each) => [each.where, each.what ?? each.allowed].filter(Boolean).join(": ")).join("; ");
  notice($("analytics-notice"), h("span", {}, [error.message, wrong].filter(Boolean).join(" ")),
    error.passes && h("button", { type: "button", class: "quiet", onclick: draw }, "Try now"));
  if (error.passes) waiting = setTimeout(draw, error.again * 1000);
}

function drawFigures() {
  const { currency } = summary;
  const figures = [
    ["Sales", money(summary.total, currency)],
    ["Purchases", count(summary.purchases)],
    ["Average purchase", summary.purchases ? money(summary.average, currency) : "–"],
    ["Customers", count(summary.customers)],
    ["Items", count(summary.items)],
  ];
  put($("figures"), figures.map(([name, value]) => h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, value))));
}

const measure = () => document.querySelector("#day-measures input:checked").value;
const MEASURES = { total: "Sales", purchases: "Purchases", customers: "Customers" };

function drawDays() {
  if (!summary) return;
  const chosen = measure();
  const days = summary.by_day.length;
  // Whoever buys on two days of a week is one customer of it: the days do not add up, so they stay days.
  const weeks = days > MOST_DAYS && chosen !== "customers";
  const points = weeks ? byWeek(summary.by_day) : summary.by_day;
  put($("days-title"), weeks ? "By week" : "By day");
  columns($("days-plot"), points.map((each) => ({
    value: Number(each[chosen]),
    label: shortDay(each.day),
    told: [
      weeks ? `Week from ${dayText(each.day)}` : dayText(each.day),
      money(each.total.toString(), summary.currency),
      many(each.purchases, "purchase", "purchases"),
      !weeks && many(each.customers, "customer", "customers"),
    ].filter(Boolean),
  })), { name: `${MEASURES[chosen]} ${weeks ? "by week" : "by day"}`, axis: brief });
}

function byWeek(days) {
  const weeks = new Map();
  for (const each of days) {
    const monday = daysBefore(each.day, (new Date(`${each.day}T00:00:00Z`).getUTCDay() + 6) % 7);
    const week = weeks.get(monday) ?? { day: monday, total: 0, purchases: 0 };
    week.total = Math.round((week.total + Number(each.total)) * 100) / 100;
    week.purchases += each.purchases;
    weeks.set(monday, week);
  }
  return [...weeks.values()];
}

const empty = (place) => put(place, h("p", { class: "soft empty" }, "No purchases in this period."));

function drawTop() {
  if (summary.top_products.length === 0) return empty($("top-plot"));
  bars($("top-plot"), summary.top_products.map((each) => ({
    name: each.nombre || each.codigo, value: Number(each.total),
    told: money(each.total, summary.currency), more: `${count(each.items)} sold`,
  })));
}

async function when(signal) {
  const found = await ask({ measures: ["purchases"], dimensions: ["weekday", "hour"], limit: 200 }, signal);
  if (found.rows.length === 0) return empty($("when-plot"));
  const counted = new Map(found.rows.map((row) => [`${Number(row.weekday)} ${Number(row.hour)}`, row.purchases]));
  const rows = WEEKDAYS.map((number) => ({ number, name: weekdayText(number).slice(0, 3), whole: weekdayText(number) }));
  grid($("when-plot"), rows, HOURS, (row, hour) => {
    const value = counted.get(`${row.number} ${hour}`) ?? 0;
    return { value, told: `${row.whole} ${hourText(hour)}: ${many(value, "purchase", "purchases")}` };
  }, { caption: "Purchases by day of the week and hour", label: (hour) => String(hour) });
}

const NAMES = {
  month: monthText,
  week: (text) => `Week from ${dayText(text)}`,
  weekday: weekdayText,
  hour: hourText,
};

async function report(signal) {
  const [shown, by] = [$("measure").value, $("dimension").value];
  const ofNames = by === "product" || by === "customer";
  const order = ofNames ? { order: [`-${shown}`] } : {};
  $("report-plot").setAttribute("aria-busy", "true");
  try {
    const { rows } = await ask({ measures: [shown], dimensions: [by], limit: MOST_ROWS, ...order }, signal);
    if ($("measure").value !== shown || $("dimension").value !== by) return;
    if (rows.length === 0) return empty($("report-plot"));
    const amount = shown === "total" || shown === "average";
    bars($("report-plot"), rows.map((row) => ({
      name: by === "product" ? row.product_name || row.product : (NAMES[by]?.(row[by]) ?? row[by]),
      value: Number(row[shown]),
      told: amount ? money(row[shown], row.currency) : count(row[shown]),
    })));
    notice($("analytics-notice"));
  } catch (error) {
    if (error.name !== "AbortError" && !signal.aborted) tell(error);
  } finally {
    $("report-plot").removeAttribute("aria-busy");
  }
}

async function download() {
  const [shown, by] = [$("measure").value, $("dimension").value];
  try {
    const answer = await post(path("/report"), question({ measures: [shown], dimensions: [by], limit: MOST_CSV_ROWS, format: "csv" }));
    const place = URL.createObjectURL(await answer.blob());
    const name = `${folded(tenant).replace(/[^a-z0-9]+/g, "-")}-${shown}-by-${by}.csv`;
    h("a", { href: place, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(place), 10_000);
    if (answer.headers.get("X-Truncated") === "true") {
      notice($("analytics-notice"), h("span", {}, `The file has the first ${count(MOST_CSV_ROWS)} rows: there are more.`));
    }
  } catch (error) {
    tell(error);
  }
}
