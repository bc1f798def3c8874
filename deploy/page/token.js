// The token of this tab. It is read here to know whose data to ask for and until when; whether it is true the API decides.

const KEPT = "cesta-token";
const TENANT_CLAIMS = ["custom:tenant_id", "tenant_id"];

/** What a token says; throws an error with a sentence for a person where it says nothing. */
export function read(token) {
  let claims;
  try {
    const [, payload, signature] = token.split(".");
    if (!signature) throw new Error("no signature");
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
    claims = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Error("This is not a token: it has three parts with points between them.");
  }
  const tenant = TENANT_CLAIMS.map((claim) => claims[claim]).find((value) => typeof value === "string" && value);
  if (!tenant) throw new Error("The token names no tenant.");
  const seconds = Number(claims.exp);
  if (!(seconds * 1000 > Date.now())) throw new Error("The token has expired.");
  return { tenant, ends: seconds * 1000 };
}

/** Take the token from the address, `#token=…`, and take it out of there and of the history. */
export function fromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}

export const keep = (token) => sessionStorage.setItem(KEPT, token);
export const kept = () => sessionStorage.getItem(KEPT);
export const forget = () => sessionStorage.removeItem(KEPT);
