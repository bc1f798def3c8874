// Which view is open, and whose data it shows.

import * as analytics from "./analytics.js";
import { onRefused } from "./api.js";
import { $, put } from "./dom.js";
import * as search from "./search.js";
import * as token from "./token.js";

/** What a timer may wait at most. */
const LONGEST_MS = 2 ** 31 - 1;
const VIEWS = { search, analytics };
const TITLES = { search: "Search", analytics: "Analytics" };

let tenant = "";
let ending = 0;

/** Take a token, or say why not. */
function enter(text) {
  const { tenant: named, ends } = token.read(text.trim());
  token.keep(text.trim());
  tenant = named;
  clearTimeout(ending);
  ending = setTimeout(() => leave("The token has expired: get a new one."), Math.min(ends - Date.now(), LONGEST_MS));
}

function leave(why = "") {
  token.forget();
  clearTimeout(ending);
  tenant = "";
  for (const view of Object.values(VIEWS)) view.clear();
  show();
  put($("token-problem"), why);
}

function show() {
  const known = Boolean(tenant);
  const [, path, query] = /^#\/([a-z]*)\??(.*)$/.exec(location.hash) ?? [];
  const name = Object.hasOwn(VIEWS, path) ? path : "search";
  $("sign-in").hidden = known;
  $("views").hidden = !known;
  $("who").hidden = !known;
  put($("tenant"), tenant);
  for (const link of $("views").children) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const [each, view] of Object.entries(VIEWS)) {
    $(each).hidden = !known || each !== name;
    if (each !== name) view.leave();
  }
  document.title = known ? `${TITLES[name]} – ${tenant} – Cesta` : "Cesta";
  if (known) VIEWS[name].open(tenant, new URLSearchParams(query));
  else $("token").focus();
}

function start() {
  const given = token.fromAddress() ?? token.kept();
  if (given) {
    try {
      enter(given);
    } catch (error) {
      leave(error.message);
      return;
    }
  }
  put($("token-problem"));
  show();
}

search.begin();
analytics.begin();
onRefused(() => leave("The API does not take this token: it may have expired. Get a new one."));
$("leave").addEventListener("click", () => leave());
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  try {
    enter($("token").value);
    $("token").value = "";
    put($("token-problem"));
    show();
  } catch (error) {
    put($("token-problem"), error.message);
    $("token").focus();
  }
});
// The address says which view is open, so this link changes none.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});
addEventListener("hashchange", start);
start();
