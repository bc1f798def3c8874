// Search as one types: one question for the list under the box, the results and the facets.

import { get } from "./api.js";
import { Combobox } from "./combobox.js";
import { $, h, marked, notice, put, say, unmarked } from "./dom.js";
import { count, dayText, daysOfMonth, folded, many, money, monthText } from "./words.js";

const TYPING_MS = 140;
const SIZE = 20;
const SUGGESTIONS = 7;
const CATEGORIES = 8;
const LINES = 4;
const LISTS = ["category"];
const TEXTS = ["q", "kind", "sort", "price_min", "price_max", "from", "to"];

let tenant = "";
let asked = blank();
let running = null;
let waiting = 0;
let next = null;
let answered = {};
let shown = 0;
let allCategories = false;
let currency = "";
let box;

function blank() {
  return { q: "", kind: "all", sort: "relevance", category: [], price_min: "", price_max: "", from: "", to: "" };
}

/** Set the view up, once. */
export function begin() {
  box = new Combobox($("q"), $("suggestions"), {
    typed: (text) => {
      asked.q = text;
      ask({ typing: true, after: TYPING_MS });
    },
    settled: (text) => {
      asked.q = text;
      ask({});
    },
  });
  $("search-form").addEventListener("submit", (event) => event.preventDefault());
  $("clear-q").addEventListener("click", () => {
    $("q").value = asked.q = "";
    $("q").focus();
    ask({});
  });
  $("kinds").addEventListener("change", (event) => change({ kind: event.target.value }));
  $("sort").addEventListener("change", (event) => change({ sort: event.target.value }));
  $("meant-text").addEventListener("click", () => change({ q: $("meant-text").textContent }));
  $("clear-filters").addEventListener("click", clearFilters);
  $("more-categories").addEventListener("click", () => {
    allCategories = !allCategories;
    drawCategories(lastCategories);
  });
  for (const [id, name] of [["price-min", "price_min"], ["price-max", "price_max"]]) {
    $(id).addEventListener("change", (event) => change({ [name]: event.target.value.trim().replace(",", ".") }));
  }
  for (const [id, name] of [["since", "from"], ["until", "to"]]) {
    $(id).addEventListener("change", (event) => change({ [name]: event.target.value }));
  }
  $("more").addEventListener("click", more);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || $("search").hidden) return;
    event.preventDefault();
    $("q").select();
  });
  const wide = matchMedia("(min-width: 56rem)");
  const unfold = () => {
    $("filters").open = wide.matches;
  };
  wide.addEventListener("change", unfold);
  unfold();
}

/** Show what an address asks for. */
export function open(ofTenant, parameters) {
  if (tenant !== ofTenant) clear();
  tenant = ofTenant;
  asked = blank();
  for (const name of TEXTS) asked[name] = parameters.get(name) ?? asked[name];
  for (const name of LISTS) asked[name] = parameters.getAll(name);
  if (!["all", "products", "purchases"].includes(asked.kind)) asked.kind = "all";
  $("q").value = asked.q;
  if (matchMedia("(hover: hover)").matches) $("q").focus();
  ask({ remember: false });
}

/** Forget everything of a tenant. */
export function clear() {
  leave();
  notice($("search-notice"));
  box.suggest([], null);
  allCategories = false;
  lastCategories = [];
  currency = "";
  next = null;
  shown = 0;
  $("more").hidden = $("meant").hidden = true;
  for (const id of ["hits", "categories", "price-bars", "month-bars", "count", "nothing", "meant-text"]) put($(id));
}

/** Ask nothing more. */
export function leave() {
  running?.abort();
  clearTimeout(waiting);
  box.close();
}

function change(what) {
  Object.assign(asked, what);
  if ("q" in what) $("q").value = asked.q;
  ask({});
}

function clearFilters() {
  change({ category: [], price_min: "", price_max: "", from: "", to: "" });
  $("q").focus();
}

const path = () => `/search/${encodeURIComponent(tenant)}${asked.kind === "all" ? "" : `/${asked.kind}`}`;

function parameters(mode) {
  const { kind, ...rest } = asked;
  return { ...rest, q: rest.q.trim(), mode, facets: true, size: SIZE };
}

function ask({ typing = false, after = 0, remember = true }) {
  leave();
  if (typing) box.suggest([], null);
  if (remember) remembered(location.hash);
  drawChosen();
  const control = (running = new AbortController());
  waiting = setTimeout(() => answer(control.signal, typing), after);
}

/** The address says what is shown, so that it can be kept, sent on and gone back to. */
function remembered(before) {
  const kept = new URLSearchParams();
  const usual = blank();
  for (const [name, value] of Object.entries(asked)) {
    if (String(value) !== String(usual[name])) [value].flat().forEach((each) => kept.append(name, each));
  }
  const now = `#/search${kept.size ? `?${kept}` : ""}`;
  if (now === before) return;
  // While a word is typed there is one place to go back to, not one for each letter.
  const q = (hash) => new URLSearchParams(hash.split("?")[1]).get("q") ?? "";
  const one = q(now) !== q(before);
  history[one ? "replaceState" : "pushState"](null, "", now);
}

async function answer(signal, typing) {
  $("hits").setAttribute("aria-busy", "true");
  try {
    let question = parameters(typing ? "autocomplete" : "fuzzy");
    let found = await get(path(), question, signal);
    if (typing && found.total === 0 && question.q) {
      // Whoever has mistyped the beginning of a word is helped before it is finished, and has asked nothing yet.
      question = { ...question, mode: "fuzzy", typing: true };
      found = await get(path(), question, signal);
    }
    answered = question;
    draw(found, typing);
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    tell(error, signal, typing);
  } finally {
    if (!signal.aborted) $("hits").removeAttribute("aria-busy");
  }
}

function tell(error, signal, typing) {
  const again = () => !signal.aborted && ask({ typing, remember: false });
  if (error.status === 401) return;
  $("answers").classList.add("past");
  if (!error.passes) {
    const wrong = error.errors.map((each) => [each.where, each.what ?? each.allowed].filter(Boolean).join(": ")).join("; ");
    notice($("search-notice"), h("span", {}, [error.message, wrong].filter(Boolean).join(" ")));
    return;
  }
  notice($("search-notice"), h("span", {}, `${error.message} Trying again in ${many(error.again, "second", "seconds")}.`),
    h("button", { type: "button", class: "quiet", onclick: again }, "Try now"));
  waiting = setTimeout(again, error.again * 1000);
}

function draw(found, typing) {
  notice($("search-notice"));
  $("answers").classList.remove("past");
  shown = found.items.length;
  next = found.next_page ?? null;
  put($("hits"), found.items.map(hit));
  drawFoot();
  const meant = found.did_you_mean;
  $("meant").hidden = !meant || typing;
  put($("meant-text"), meant ?? "");
  if (typing) box.suggest(asked.q.trim() ? distinct(found.suggestions) : [], drawn);
  drawFacets(found.facets ?? {}, found.items);
  const what = many(found.total, "result", "results");
  put($("count"), h("strong", {}, count(found.total)), ` ${found.total === 1 ? "result" : "results"}`,
    found.took_ms === undefined ? "" : h("span", { class: "took" }, ` in ${count(Math.round(found.took_ms))} ms`));
  say([what, asked.q.trim() && `for ${asked.q.trim()}`, meant && !typing && `Did you mean ${meant}?`].filter(Boolean).join(" "));
}

function drawFoot() {
  $("more").hidden = !next;
  $("nothing").hidden = shown > 0;
  if (shown > 0) return;
  const filtered = chosen() > 0;
  put($("nothing"),
    h("p", { class: "nothing-title" }, asked.q.trim() ? ["Nothing found for “", h("span", { translate: "no" }, asked.q.trim()), "”"] : "Nothing here yet"),
    h("p", { class: "soft" }, filtered ? "The filters may leave out what you look for." :
      asked.kind !== "all" ? "Look among products and purchases together, or for fewer words." :
      asked.q.trim() ? "Try another word, or fewer of them." : "Products and purchases appear within a second of their change."),
    filtered && h("button", { type: "button", class: "quiet", onclick: clearFilters }, "Clear filters"),
    !filtered && asked.kind !== "all" && h("button", { type: "button", class: "quiet", onclick: () => change({ kind: "all" }) }, "Search all"));
}

async function more() {
  const control = (running = new AbortController());
  $("more").disabled = true;
  try {
    const found = await get(path(), { ...answered, page: next, facets: false }, control.signal);
    const fresh = found.items.map(hit);
    $("hits").append(...fresh);
    shown += fresh.length;
    next = found.next_page ?? null;
    drawFoot();
    fresh[0]?.querySelector("h3").focus();
    say(`${count(shown)} of ${count(found.total)} shown`);
  } catch (error) {
    if (error.name !== "AbortError") tell(error, control.signal, false);
  } finally {
    $("more").disabled = false;
  }
}

// Results

function high(item, field) {
  const found = item.highlight[field]?.[0];
  return found === undefined ? String(item[field] ?? "") : marked(found);
}

const hit = (item) => (item.kind === "purchases" ? purchase(item) : product(item));

function product(item) {
  return h("li", { class: "hit", lang: "" },
    h("div", { class: "hit-main" },
      h("h3", { tabindex: "-1", translate: "no" }, high(item, "nombre")),
      item.descripcion && h("p", { class: "described", translate: "no" }, high(item, "descripcion")),
      h("p", { class: "meta" },
        item.categoria && h("span", { class: "tag", translate: "no" }, high(item, "categoria")),
        h("span", { class: "code", translate: "no" }, item.codigo))),
    h("p", { class: "amount" }, money(item.precio, item.moneda)));
}

function purchase(item) {
  const lines = item.productos ?? [];
  const found = new Map((item.highlight["productos.nombre"] ?? []).map((each) => [unmarked(each), marked(each)]));
  // Lines that were found come first: they are why the purchase is here.
  const ordered = [...lines].sort((a, b) => found.has(b.nombre) - found.has(a.nombre));
  return h("li", { class: "hit purchase", lang: "" },
    h("div", { class: "hit-main" },
      h("h3", { tabindex: "-1" }, h("span", { lang: "en", class: "kind" }, "Purchase"), " ", h("span", { class: "code", translate: "no" }, item.compra_id)),
      h("ul", { class: "lines" },
        ordered.slice(0, LINES).map((line) => h("li", { translate: "no" }, `${line.cantidad} × `, found.get(line.nombre) ?? line.nombre ?? line.codigo)),
        lines.length > LINES && h("li", { class: "soft", lang: "en" }, `and ${many(lines.length - LINES, "more product", "more products")}`)),
      h("p", { class: "meta", lang: "en" },
        h("span", {}, dayText(item.fecha ?? "")),
        h("span", {}, "customer ", h("span", { class: "code", translate: "no" }, item.user_id)))),
    h("p", { class: "amount" }, money(item.total_precio, item.moneda)));
}

/** The first texts of those that differ in more than capitals and accents. */
function distinct(texts) {
  const first = new Map();
  for (const text of texts) if (!first.has(folded(text))) first.set(folded(text), text);
  return [...first.values()].slice(0, SUGGESTIONS);
}

/** A text to go on with; what was typed of it already is set apart. */
function drawn(text) {
  const typed = folded(asked.q.trim()).split(/\s+/).at(-1);
  const at = folded(text).indexOf(typed);
  // Folding may change how long a text is; then nothing is set apart.
  const same = typed && at >= 0 && folded(text).length === text.length;
  const parts = same ? [text.slice(0, at), h("mark", {}, text.slice(at, at + typed.length)), text.slice(at + typed.length)] : [text];
  return h("span", { translate: "no", lang: "" }, parts);
}

// Facets

let lastCategories = [];

const chosen = () => asked.category.length + [asked.price_min || asked.price_max, asked.from || asked.to].filter(Boolean).length;

/** The controls as what is asked has them. */
function drawChosen() {
  for (const radio of $("kinds").querySelectorAll("input")) radio.checked = radio.value === asked.kind;
  $("sort").value = asked.sort;
  $("price-min").value = asked.price_min;
  $("price-max").value = asked.price_max;
  $("since").value = asked.from;
  $("until").value = asked.to;
  $("clear-q").hidden = !asked.q;
  $("clear-filters").hidden = chosen() === 0;
  $("filter-count").hidden = chosen() === 0;
  put($("filter-count"), String(chosen()));
  $("category-facet").hidden = asked.kind === "purchases";
}

function drawFacets(facets, items) {
  currency = items.find((item) => item.moneda)?.moneda ?? currency;
  drawCategories(facets.category ?? []);
  drawPrices(facets.price ?? []);
  drawMonths(facets.month ?? []);
}

function drawCategories(found) {
  lastCategories = found;
  const counted = new Map(found.map((each) => [each.value, each.count]));
  const rows = [...new Set([...asked.category, ...counted.keys()])];
  const focused = document.activeElement?.closest("#categories") && document.activeElement.value;
  const few = allCategories ? rows : rows.slice(0, Math.max(CATEGORIES, asked.category.length));
  put($("categories"), few.map((value) => h("li", {}, h("label", { class: "choice" },
    h("input", { type: "checkbox", value, checked: asked.category.includes(value), onchange: (event) => choose(value, event.target.checked) }),
    h("span", { translate: "no", lang: "", class: "choice-name" }, value), h("span", { class: "choice-count" }, count(counted.get(value) ?? 0))))));
  if (focused) [...$("categories").querySelectorAll("input")].find((each) => each.value === focused)?.focus();
  const left = rows.length - few.length;
  $("more-categories").hidden = left === 0 && !allCategories;
  put($("more-categories"), allCategories ? "Show fewer" : `Show ${count(left)} more`);
  if (rows.length === 0) put($("categories"), h("li", { class: "soft" }, "None among these results"));
}

function choose(value, wanted) {
  const rest = asked.category.filter((each) => each !== value);
  change({ category: wanted ? [...rest, value] : rest });
}

/** Small columns, each a button that narrows the results down to it; once more, and they are wide again. */
function facetBars(place, rows) {
  const focused = document.activeElement?.closest(`#${place.id}`) && document.activeElement.getAttribute("data-key");
  const largest = Math.max(1, ...rows.map((row) => row.count));
  place.hidden = rows.length === 0;
  put(place, rows.map((row) => h("button", { type: "button", "data-key": row.key, title: row.told, "aria-label": row.told, "aria-pressed": String(row.on), onclick: row.press },
    h("span", { "--share": String(row.count / largest) }))));
  if (focused) place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function drawPrices(found) {
  facetBars($("price-bars"), found.map((each) => {
    const [from, to] = [each.from ?? "", each.to ?? ""].map(String);
    const on = asked.price_min === from && asked.price_max === to && (from || to);
    const range = from && to ? `${money(from, currency)} to ${money(to, currency)}` : from ? `from ${money(from, currency)}` : `up to ${money(to, currency)}`;
    return { key: `${from}-${to}`, count: each.count, on: Boolean(on), told: `${range}: ${many(each.count, "result", "results")}`,
      press: () => change(on ? { price_min: "", price_max: "" } : { price_min: from, price_max: to }) };
  }));
}

function drawMonths(found) {
  facetBars($("month-bars"), found.slice(-12).map((each) => {
    const [from, to] = daysOfMonth(each.value);
    const on = asked.from === from && asked.to === to;
    return { key: each.value, count: each.count, on, told: `${monthText(each.value)}: ${many(each.count, "result", "results")}`,
      press: () => change(on ? { from: "", to: "" } : { from, to }) };
  }));
}
