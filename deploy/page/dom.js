// Elements are made here and nowhere else: what the data say becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

/** An HTML element with attributes, listeners (`on…`) and children; null, undefined and false are left out. */
export function h(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function s(name, attributes, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

/** Put children in the place of what an element holds. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat(2).filter((each) => each !== null && each !== undefined && each !== false));
}

const ESCAPED = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'", "#39": "'", "#x2F": "/" };
const plain = (text) => text.replace(/&(amp|lt|gt|quot|#x27|#39|#x2F);/g, (_, name) => ESCAPED[name]);

/** What was found in a text, which comes escaped, with `<em>` around it: the marks become elements, all else text. */
export function marked(escaped) {
  return escaped.split(/<em>(.*?)<\/em>/s).map((part, place) => (place % 2 ? h("mark", {}, plain(part)) : plain(part)));
}

/** The same without marks, as the field itself has it. */
export const unmarked = (escaped) => plain(escaped.replace(/<\/?em>/g, ""));

let telling = 0;

/** Say something to those who do not see the page, once it has stayed so for a moment. */
export function say(text) {
  clearTimeout(telling);
  telling = setTimeout(() => put($("said"), text), 500);
}

/** Show or hide a notice above what it is about; it may hold a button. */
export function notice(element, ...children) {
  element.hidden = children.length === 0;
  put(element, ...children);
}
