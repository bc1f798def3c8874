// A text box with a list of suggestions, used as the WAI-ARIA practices describe an editable combobox whose list is
// chosen from by hand: the focus stays in the box, and the arrows move a mark through the list.

import { h, put } from "./dom.js";

export class Combobox {
  #input;
  #list;
  #options = [];
  #active = -1;

  /** `typed` is called with each new text, `settled` with the one that a person has decided on. */
  constructor(input, list, { typed, settled }) {
    this.#input = input;
    this.#list = list;
    this.settled = settled;
    input.addEventListener("input", () => typed(input.value));
    input.addEventListener("keydown", (event) => this.#key(event));
    input.addEventListener("blur", () => this.close());
    // The box keeps the focus while the list is pointed at.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#choose([...list.children].indexOf(option));
    });
  }

  /** Show suggestions under the box, each a text, drawn by `drawn`; none closes the list. */
  suggest(options, drawn) {
    this.#options = options;
    this.#active = -1;
    const hidden = options.length === 0 || document.activeElement !== this.#input;
    put(this.#list, options.map((option, place) =>
      h("li", { role: "option", id: `suggestion-${place}`, "aria-selected": "false" }, drawn(option))));
    this.#show(!hidden);
  }

  close() {
    this.#show(false);
  }

  get #open() {
    return !this.#list.hidden;
  }

  #show(open) {
    this.#list.hidden = !open;
    this.#input.setAttribute("aria-expanded", String(open));
    this.#mark(-1);
  }

  #mark(place) {
    this.#active = place;
    [...this.#list.children].forEach((option, each) => option.setAttribute("aria-selected", String(each === place)));
    if (place < 0) this.#input.removeAttribute("aria-activedescendant");
    else {
      this.#input.setAttribute("aria-activedescendant", `suggestion-${place}`);
      this.#list.children[place].scrollIntoView({ block: "nearest" });
    }
  }

  #choose(place) {
    this.#input.value = this.#options[place];
    this.close();
    this.settled(this.#input.value);
  }

  #key(event) {
    const last = this.#options.length - 1;
    if (event.isComposing) return;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && last >= 0) {
      const down = event.key === "ArrowDown";
      if (!this.#open) this.#show(true);
      // Past either end nothing is marked, and Enter takes what was typed.
      const next = this.#active + (down ? 1 : -1);
      this.#mark(next < -1 ? last : next > last ? -1 : next);
      event.preventDefault();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (this.#open && this.#active >= 0) this.#choose(this.#active);
      else {
        this.close();
        this.settled(this.#input.value);
      }
    } else if (event.key === "Escape") {
      if (this.#open) this.close();
      else if (this.#input.value) {
        this.#input.value = "";
        this.settled("");
      }
    }
  }
}
