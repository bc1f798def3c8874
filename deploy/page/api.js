// Questions to the API, which has the same origin as this page.

import { kept } from "./token.js";

const LOOK_AGAIN_SECONDS = 2;

/** Why a question is not answered: the problem document, and after how many seconds to ask again. */
export class Problem extends Error {
  constructor(status, document, again) {
    super(document.detail || document.message || "The request could not be answered.");
    this.status = status;
    this.errors = document.errors ?? [];
    this.again = again;
  }

  /** Whether the same question may be answered a little later. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status === 503 || this.status === 504;
  }
}

let refused = () => {};

/** What to do once the API no longer takes the token. */
export const onRefused = (what) => {
  refused = what;
};

async function fetched(path, options) {
  const headers = { Authorization: `Bearer ${kept()}`, ...options.headers };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The API does not answer." }, 5);
  }
  if (answer.ok) return answer;
  let document = {};
  try {
    document = await answer.json();
  } catch {
    // Not every server between here and there writes problem documents.
  }
  const problem = new Problem(answer.status, document, Number(answer.headers.get("Retry-After")) || 5);
  if (answer.status === 401) refused(problem);
  throw problem;
}

/** The address of something, with parameters; empty ones are left out and lists repeated. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of [value].flat()) if (each !== "" && each !== null && each !== undefined) query.append(name, each);
  }
  return query.size ? `${path}?${query}` : path;
}

/** The document at an address; waited for where the API says that it takes longer. */
export async function get(path, parameters, signal) {
  return (await settled(await fetched(address(path, parameters), { signal }), signal)).json();
}

/** The answer to a document that is sent, as a response. */
export async function post(path, document, signal) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetched(path, { method: "POST", body: JSON.stringify(document), headers, signal });
  return settled(answer, signal);
}

async function settled(answer, signal) {
  let place = answer.headers.get("Location");
  while (answer.status === 202) {
    if (!place) throw new Problem(0, { detail: "The API does not say where the answer will be." }, 5);
    await pause(Number(answer.headers.get("Retry-After")) || LOOK_AGAIN_SECONDS, signal);
    const there = new URL(place, location.href);
    answer = await fetched(there.pathname + there.search, { signal });
    place = answer.headers.get("Location") ?? place;
  }
  return answer;
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
