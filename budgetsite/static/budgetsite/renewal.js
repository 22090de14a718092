/* A part of the page that was read anew takes the place of what is shown, and only where it differs: what is equal stays
   the same element, with its focus, its place on the screen and whatever is unfolded. What somebody is working on (typed
   in, ticked, being edited, selected) is left to them, with a word that it has changed meanwhile.

   In templates: `data-live-keep` is never touched (what is loaded later, for instance); `data-live-stay` is renewed, but
   not taken away where it is gone (an offer to undo). */
(() => {
  "use strict";

  const SHOWN_AS_NEW_MS = 4000;
  const LEAVE_EDITS = "You have unsaved edits here. Leave them and show what is there now?";
  const FOCUSABLE = "a[href], button:not(:disabled), input:not([type='hidden']), select, textarea, summary";
  // What stands for itself in a notice: who types in a field works on its form, who ticks a row on that row.
  const UNIT = "tr, form, dialog";
  const MEANWHILE = "data-live-meanwhile";
  const STAYS = "[data-live-stay]";

  /* What somebody is working on */

  const isField = (element) => element.matches("input:not([type='hidden'], [type='submit'], [type='button']), select, textarea");
  const isTyped = (field) => !["checkbox", "radio", "file"].includes(field.type);

  function isEdited(field) {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.type === "file") return field.files.length > 0;
    if (!(field instanceof HTMLSelectElement)) return field.value !== field.defaultValue;
    const options = [...field.options];
    if (options.some((option) => option.defaultSelected)) {
      return options.some((option) => option.selected !== option.defaultSelected);
    }
    return field.multiple ? field.selectedOptions.length > 0 : field.selectedIndex > 0;
  }

  const editedFields = (within) => [...within.querySelectorAll("input, select, textarea")]
    .filter((field) => isField(field) && isEdited(field));

  function heldWithin(region) {
    const held = new Set(region.querySelectorAll(".line--editing, dialog[open]"));
    const active = document.activeElement;
    const fields = editedFields(region);
    if (active && region.contains(active) && isField(active) && isTyped(active)) fields.push(active);
    for (const field of fields) {
      const unit = field.closest(UNIT) ?? field;
      if (unit !== region && region.contains(unit)) held.add(unit);
    }
    const selection = getSelection();
    if (selection.rangeCount && !selection.isCollapsed) {
      const { commonAncestorContainer: around } = selection.getRangeAt(0);
      const element = around instanceof Element ? around : around.parentElement;
      const block = element?.closest("p, h1, h2, h3, li, dt, dd, tr, .stat, section, form, main");
      if (block && region.contains(block)) held.add(block === region ? region : block);
    }
    return held;
  }

  /* A line that is being edited stands in the place of the line as it was read: that one tells whether it has changed. */

  const readBefore = new Map();

  document.addEventListener("htmx:beforeSwap", ({ detail: { target, shouldSwap, serverResponse } }) => {
    if (shouldSwap && target instanceof HTMLTableRowElement && serverResponse.includes("line--editing")
      && !target.matches(".line--editing")) {
      readBefore.set(target.id, target.cloneNode(true));
    }
  });

  /* Equal or not */

  const kept = (element) => element instanceof Element && element.hasAttribute("data-live-keep");
  const isWord = (node) => node instanceof Element && node.hasAttribute(MEANWHILE);
  const isBlank = (node) => node instanceof Text && !node.data.trim();
  const keyOf = (node) => (node instanceof Element ? node.id || node.getAttribute("aria-labelledby") || "" : "");

  /** A copy without what only the browser wrote into it. */
  function bare(element) {
    const copy = element.cloneNode(true);
    for (const word of copy.querySelectorAll(`[${MEANWHILE}]`)) word.remove();
    for (const each of [copy, ...copy.querySelectorAll("*")]) {
      each.removeAttribute("data-dirty");
      each.classList.remove("live-changed", "live-added", "line--moved", "htmx-request", "htmx-added", "htmx-settling");
      if (!each.classList.length) each.removeAttribute("class");
      if (each instanceof HTMLDetailsElement) each.removeAttribute("open");
      if (each.getAttribute("tabindex") === "-1") each.removeAttribute("tabindex");
      if (each.name === "csrfmiddlewaretoken") each.removeAttribute("value");
    }
    return copy;
  }

  const isSame = (one, other) => bare(one).isEqualNode(bare(other));

  /** Which of the shown nodes stands for which of the fresh ones: by key, else by what is equal, else by kind in order. */
  function pair(shown, fresh) {
    const pairs = new Map();
    const free = new Set(shown);
    const take = (node, like) => {
      pairs.set(node, like);
      free.delete(like);
    };
    const keyed = new Map(shown.filter(keyOf).map((node) => [keyOf(node), node]));
    for (const node of fresh) {
      const like = keyed.get(keyOf(node));
      if (like && (like.nodeName === node.nodeName || kept(like)) && free.has(like)) take(node, like);
    }
    const ends = [fresh.filter((node) => !keyOf(node)), [...free].filter((node) => !keyOf(node))];
    for (let end = 0; end < 2; end += 1) {
      while (ends[0].length && ends[1].length && ends[0][0].isEqualNode(ends[1][0])) take(ends[0].shift(), ends[1].shift());
      ends.forEach((nodes) => nodes.reverse());
    }
    const [news, olds] = ends;
    let from = 0;
    for (const node of news) {
      const at = isBlank(node) ? -1 : olds.findIndex((like, index) => index >= from && like.isEqualNode(node));
      if (at < 0) continue;
      take(node, olds[at]);
      from = at + 1;
    }
    // What is left is the same thing with other words if it stands between the same neighbours.
    from = 0;
    for (const [index, node] of news.entries()) {
      if (pairs.has(node)) {
        if (!isBlank(node)) from = olds.indexOf(pairs.get(node)) + 1;
        continue;
      }
      const following = news.slice(index).find((each) => pairs.has(each));
      const to = following ? olds.indexOf(pairs.get(following)) : olds.length;
      const like = olds.slice(from, to).find((each) => free.has(each) && each.nodeName === node.nodeName);
      if (like) take(node, like);
    }
    return { pairs, gone: [...free] };
  }

  /* Renewing */

  class Renewal {
    constructor(region) {
      this.held = heldWithin(region);
      this.isChanged = false;
      this.isHeldBack = false;
    }

    element(shown, fresh) {
      if (kept(shown) || kept(fresh)) return;
      if (this.held.has(shown)) {
        this.hold(shown, fresh);
        return;
      }
      if (shown.isEqualNode(fresh)) return;
      dropWord(shown);
      this.attributes(shown, fresh);
      this.children(shown, fresh);
    }

    attributes(shown, fresh) {
      for (const { name, value } of [...fresh.attributes]) {
        if (name === "open" && shown instanceof HTMLDetailsElement) continue;
        if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
      }
      for (const { name } of [...shown.attributes]) {
        if (!fresh.hasAttribute(name) && !["open", "tabindex", "data-dirty"].includes(name)) shown.removeAttribute(name);
      }
    }

    children(shown, fresh) {
      const after = [...fresh.childNodes];
      const { pairs, gone } = pair([...shown.childNodes].filter((node) => !isWord(node)), after);
      for (const node of gone) this.takeAway(node);
      let at = shown.firstChild;
      const skip = () => {
        while (at && (isWord(at) || gone.includes(at))) at = at.nextSibling;
      };
      for (const node of after) {
        skip();
        let stands = pairs.get(node);
        if (!stands) {
          stands = document.importNode(node, true);
          this.markAdded(stands);
        } else if (stands instanceof Element) {
          this.element(stands, node);
        } else if (stands.data !== node.data) {
          if (stands instanceof Text && (stands.data.trim() || node.data.trim())) this.markChanged(shown, stands, node);
          stands.data = node.data;
        }
        if (stands === at) at = at.nextSibling;
        else shown.insertBefore(stands, at);
      }
    }

    takeAway(node) {
      if (kept(node) || (node instanceof Element && (node.matches(STAYS) || node.querySelector(STAYS)))) return;
      if (node instanceof Element && [...this.held].some((held) => node.contains(held))) {
        this.word(node, null);
        return;
      }
      if (node instanceof Element) {
        dropWord(node);
        this.isChanged = true;
      }
      node.remove();
    }

    /** What somebody works on stays; if what it was made from has changed, that is said beside it. */
    hold(shown, fresh) {
      const before = shown.matches(".line--editing") && !fresh.matches(".line--editing") ? readBefore.get(shown.id) : shown;
      if (before && isSame(before, fresh)) dropWord(shown);
      else this.word(shown, fresh);
    }

    word(shown, fresh) {
      this.isHeldBack ||= !words.has(shown);
      sayBeside(shown, fresh && document.importNode(fresh, true));
    }

    markChanged(element, text, fresh) {
      if (text.data.trim().replace(/\s+/g, " ") === fresh.data.trim().replace(/\s+/g, " ")) return;
      this.isChanged = true;
      showAsNew(element, "live-changed");
    }

    markAdded(node) {
      if (isBlank(node)) return;
      this.isChanged = true;
      if (node instanceof Element) showAsNew(node, "live-added");
    }
  }

  function showAsNew(element, name) {
    element.classList.remove(name);
    // Begins again where the last time has not ended.
    void element.getBoundingClientRect();
    element.classList.add(name);
    setTimeout(() => element.classList.remove(name), SHOWN_AS_NEW_MS);
  }

  /* "This has changed meanwhile" */

  const words = new Map();

  function dropWord(shown) {
    words.get(shown)?.remove();
    words.delete(shown);
  }

  document.addEventListener("htmx:afterSwap", () => {
    for (const shown of [...words.keys()]) if (!shown.isConnected) dropWord(shown);
  });

  function sayBeside(shown, fresh) {
    dropWord(shown);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button--small";
    button.textContent = fresh ? "Show it" : "Take it away";
    const text = document.createElement("span");
    text.textContent = fresh ? "This has changed meanwhile." : "This is gone meanwhile.";
    const within = document.createElement("div");
    within.className = "live-meanwhile";
    within.append(text, button);
    const word = wrapped(shown, within);
    word.setAttribute(MEANWHILE, "");
    words.set(shown, word);
    if (shown.matches("main")) shown.prepend(word);
    else shown.after(word);
    button.addEventListener("click", () => {
      if (editedFields(shown).length && !confirm(LEAVE_EDITS)) return;
      showInstead(shown, fresh);
    });
  }

  /** A row stands among rows, an entry among entries. */
  function wrapped(shown, within) {
    if (shown instanceof HTMLTableRowElement) {
      const cell = document.createElement("td");
      cell.colSpan = [...shown.cells].reduce((sum, each) => sum + each.colSpan, 0);
      cell.className = "cell--wide";
      cell.append(within);
      const row = document.createElement("tr");
      row.append(cell);
      return row;
    }
    if (shown instanceof HTMLLIElement) {
      const entry = document.createElement("li");
      entry.append(within);
      return entry;
    }
    return within;
  }

  function showInstead(shown, fresh) {
    const around = shown.parentElement;
    dropWord(shown);
    if (!fresh) {
      shown.remove();
      place(around);
      return;
    }
    shown.replaceWith(fresh);
    globalThis.htmx?.process(fresh);
    showAsNew(fresh, "live-added");
    place(fresh.querySelector(FOCUSABLE) ?? fresh);
  }

  function place(element) {
    if (!element.matches(FOCUSABLE)) element.tabIndex = -1;
    element.focus({ preventScroll: true });
  }

  /* The focus is where it was: on the same element, on its successor by id, or on what has come to its place. */

  function keepFocus(region, change) {
    const active = document.activeElement;
    if (!active || !region.contains(active) || active === region) {
      change();
      return;
    }
    const position = [...region.querySelectorAll(FOCUSABLE)].indexOf(active);
    change();
    if (document.activeElement === active) return;
    const now = [...region.querySelectorAll(FOCUSABLE)];
    const next = active.isConnected ? active : document.getElementById(active.id) ?? now[Math.min(position, now.length - 1)];
    place(next ?? region);
  }

  /** Renew `shown` from `fresh`; returns whether anything is seen to have changed, and whether something is held back now. */
  function renew(shown, fresh) {
    const token = document.querySelector("input[name='csrfmiddlewaretoken']")?.value;
    for (const field of token ? fresh.querySelectorAll("input[name='csrfmiddlewaretoken']") : []) {
      field.setAttribute("value", token);
    }
    const renewal = new Renewal(shown);
    keepFocus(shown, () => renewal.element(shown, fresh));
    if (renewal.isChanged) globalThis.htmx?.process(shown);
    return renewal;
  }

  globalThis.budgetsiteRenew = renew;
})();
