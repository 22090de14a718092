/* What the pages cannot do by themselves: focus after a swap, messages, moving lines by keyboard, a guard for unsaved
   edits, and words for requests that failed. Everything here adds to forms and links that work without it. */
(() => {
  "use strict";

  const LEAVES_AFTER_MS = 8000;
  const root = document.documentElement;
  root.classList.add("js");

  const messages = () => document.getElementById("messages");

  /* Messages */

  function say(level, text, link) {
    const toast = document.createElement("div");
    toast.className = `toast toast--${level}`;
    toast.dataset.toast = "";
    const words = document.createElement("p");
    words.className = "toast__text";
    words.textContent = text;
    toast.append(words);
    if (link) {
      const anchor = document.createElement("a");
      anchor.className = "button button--small";
      anchor.href = link.href;
      anchor.textContent = link.label;
      toast.append(anchor);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.className = "button button--small";
    close.dataset.toastClose = "";
    close.textContent = "Close";
    toast.append(close);
    for (const other of messages().querySelectorAll("[data-toast]")) {
      if (other.querySelector(".toast__text")?.textContent === text) other.remove();
    }
    messages().append(toast);
  }

  function letLeave(toast) {
    const leave = () => {
      if (toast.matches(":hover, :focus-within")) {
        setTimeout(leave, LEAVES_AFTER_MS);
      } else {
        toast.remove();
      }
    };
    setTimeout(leave, LEAVES_AFTER_MS);
  }

  function watchMessages() {
    messages().querySelectorAll("[data-toast-leaves]").forEach(letLeave);
    new MutationObserver((changes) => {
      for (const change of changes) {
        for (const node of change.addedNodes) {
          if (!(node instanceof HTMLElement) || !node.matches("[data-toast-leaves]")) continue;
          // What was done before is old news: a row of successes would only cover the lines.
          for (const older of messages().querySelectorAll("[data-toast-leaves]")) {
            if (older !== node && !older.matches(":focus-within")) older.remove();
          }
          letLeave(node);
        }
      }
    }).observe(messages(), { childList: true });
  }

  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-toast-close]");
    if (close) close.closest("[data-toast]").remove();
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details[data-menu][open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
      return;
    }
    const row = event.target.closest(".line--editing");
    if (row && mayLeave(row)) row.querySelector("[data-cancel]")?.click();
  });

  /* Moving lines: Alt+Up and Alt+Down press the row's own buttons */

  document.addEventListener("keydown", (event) => {
    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    const row = event.target.closest("[data-movable]");
    if (!row) return;
    const button = row.querySelector(`[data-move="${event.key === "ArrowUp" ? "up" : "down"}"]`);
    if (!button) return;
    event.preventDefault();
    if (!button.disabled) {
      button.focus();
      button.click();
    }
  });

  /* Mine or theirs: the choice beside a field that someone else changed puts its value there; typing is mine again. */

  document.addEventListener("change", (event) => {
    const { take, takeValue } = event.target.dataset ?? {};
    const control = take && event.target.form?.elements[take];
    if (control) control.value = takeValue;
  });

  document.addEventListener("input", (event) => {
    const { form, name, value } = event.target;
    const mine = name && form?.querySelector(`input[data-take="${CSS.escape(name)}"][value="mine"]`);
    if (!mine) return;
    mine.checked = true;
    mine.dataset.takeValue = value;
    mine.parentElement.querySelector("strong").textContent = value;
  });

  /* Unsaved edits */

  const guarded = (form) => form instanceof HTMLFormElement && form.hasAttribute("data-guard");
  const isDirty = (form) => form.dataset.dirty === "true";
  const dirtyForms = (within) => [...within.querySelectorAll("form[data-guard]")].filter(isDirty);

  const mayLeave = (within) => !dirtyForms(within).length
    || confirm("You have unsaved edits in a line. Leave them and go on?");

  function markDirty(event) {
    const form = event.target.form;
    if (guarded(form)) form.dataset.dirty = "true";
  }

  document.addEventListener("input", markDirty);
  document.addEventListener("change", markDirty);
  document.addEventListener("submit", (event) => {
    if (guarded(event.target) && !event.target.hasAttribute("hx-post")) delete event.target.dataset.dirty;
  });
  addEventListener("beforeunload", (event) => {
    if (dirtyForms(document).length) event.preventDefault();
  });

  document.addEventListener("htmx:confirm", (event) => {
    const { elt, target } = event.detail;
    if (event.detail.question || elt.matches("[data-cancel], form[data-guard]")) return;
    if (target instanceof HTMLElement && dirtyForms(target).length) {
      event.preventDefault();
      if (mayLeave(target)) event.detail.issueRequest(true);
    }
  });

  /* Focus after a swap. htmx keeps it where the same id comes back; this finds it a place where nothing does. */

  let cameFrom = null;

  document.addEventListener("htmx:beforeRequest", (event) => {
    const active = document.activeElement;
    const row = active?.closest("tr[id], li[id]");
    cameFrom = active && active !== document.body
      ? {
        id: active.id,
        rowId: row?.id,
        // Whoever goes through a list one by one goes on to the next, though this one stays.
        goesOnTo: row?.hasAttribute("data-goes-on") ? row.nextElementSibling?.id : null,
        nextRowId: (row?.nextElementSibling ?? row?.previousElementSibling)?.id,
        target: event.detail.target?.id,
      }
      : null;
  });

  function place(element) {
    if (!element) return false;
    if (!element.matches("a[href], button, input, select, textarea, summary, [tabindex]")) element.tabIndex = -1;
    element.focus();
    return document.activeElement === element;
  }

  function restoreFocus(swapped) {
    if (place(swapped.querySelector?.("[data-take-focus], [autofocus]"))) return;
    if (swapped.matches?.(".line--editing, form")) {
      const field = swapped.querySelector("[aria-invalid='true']")
        ?? swapped.querySelector("input:not([type='hidden']), select, textarea");
      if (place(field)) return;
    }
    placeWhereItWas();
  }

  function placeWhereItWas() {
    if (document.activeElement && document.activeElement !== document.body) return;
    if (!cameFrom) return;
    const usable = (id) => {
      const element = id && document.getElementById(id);
      return element && !element.disabled ? element : null;
    };
    const row = usable(cameFrom.rowId);
    place(usable(cameFrom.id))
      || place(usable(cameFrom.goesOnTo)?.querySelector("a[href], button:not(:disabled)"))
      || place(row?.querySelector("[id$='-edit'], button:not(:disabled), a[href]"))
      || place(usable(cameFrom.nextRowId)?.querySelector("a[href], button:not(:disabled)"))
      || place(usable(cameFrom.target))
      || place(document.getElementById("main"));
  }

  // What was swapped away for nothing never settles.
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && cameFrom?.target && !document.getElementById(cameFrom.target)) placeWhereItWas();
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    restoreFocus(event.target);
    const { elt } = event.detail;
    const button = event.detail.requestConfig?.triggeringEvent?.submitter;
    if (button?.dataset.move && elt) {
      const row = document.getElementById(cameFrom?.rowId ?? "");
      row?.classList.add("line--moved");
    }
  });

  /* Requests that failed, in words that say what next */

  function wait(seconds) {
    const count = Number.parseInt(seconds, 10);
    if (!Number.isFinite(count)) return "in a minute";
    return count < 90 ? `in ${count} seconds` : `in ${Math.ceil(count / 60)} minutes`;
  }

  function wordsFor(xhr) {
    const later = wait(xhr.getResponseHeader("Retry-After"));
    switch (xhr.status) {
      case 400: return "That request was not understood and nothing was saved. Reload the page and try again.";
      case 401: return "You have been signed out and nothing was saved. Sign in again, then repeat the change.";
      case 403: return "Nothing was saved: your role does not include this, or the page is out of date. Reload it and try again.";
      case 404: return "Nothing was saved: this no longer exists. Someone may have removed it; reload the page to see what is there.";
      case 409: return "Nothing was saved: someone changed this in the meantime. Reload the page, look at their change, then make yours.";
      case 413: return "Nothing was saved: the file is too large.";
      case 422: return "Nothing was saved: some of what was entered is not right yet. Correct it and save again.";
      case 429: return `Nothing was saved: too many requests in a short time. Try again ${later}.`;
      case 503: return `Budgetsite is away for a moment and nothing was saved. What you typed is still here; try again ${later}.`;
      default: return "Something broke on our side and nothing was saved. What you typed is still here; try again in a moment.";
    }
  }

  const isHtml = (xhr) => (xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/html");
  const isWholePage = (xhr) => /^\s*<!doctype/i.test(xhr.responseText);
  const reload = { href: location.href, label: "Reload" };

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (!event.detail.shouldSwap) return;
    if (isWholePage(xhr) && !event.detail.boosted) {
      // A whole page where a piece was asked for: a redirect to sign-in, or an error page.
      event.detail.shouldSwap = false;
      const refused = xhr.status >= 400;
      say("error", refused ? wordsFor(xhr) : wordsFor({ status: 401, getResponseHeader: () => null }), reload);
      return;
    }
    if (xhr.status >= 400 && (!isHtml(xhr) || !xhr.responseText.trim())) {
      event.detail.shouldSwap = false;
      say("error", wordsFor(xhr), xhr.status === 409 ? reload : null);
    }
  });

  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    // 409 and 422 arrive as a piece that explains itself; what does not was said before the swap.
    if (xhr.status === 409 || xhr.status === 422) return;
    say("error", wordsFor(xhr), [401, 403, 404].includes(xhr.status) ? reload : null);
  });

  document.addEventListener("htmx:sendError", () => {
    say("error", "The network is away and nothing was saved. What you typed is still here; try again when you are back online.");
  });

  document.addEventListener("htmx:timeout", () => {
    say("error", "No answer came in time, so it is not certain that it was saved. Reload the page to see.", reload);
  });

  /* Paper has nothing to press: what is folded away is printed too, and folded again afterwards. */

  addEventListener("beforeprint", () => {
    for (const more of document.querySelectorAll("details.more:not([open])")) {
      more.dataset.openedToPrint = "";
      more.open = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const more of document.querySelectorAll("details.more[data-opened-to-print]")) {
      delete more.dataset.openedToPrint;
      more.open = false;
    }
  });

  /* Receipts: files that are dropped or chosen are sent at once, and how much has gone is shown. */

  const uploadOf = (event) => event.target.closest?.("[data-upload-area]")?.querySelector("form[data-upload]");
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      const form = holdsFiles(event) && uploadOf(event);
      if (!form) return;
      event.preventDefault();
      form.classList.toggle("upload--over", name === "dragenter" || name === "dragover");
      if (name === "drop" && event.dataTransfer.files.length) {
        form.querySelector("input[type='file']").files = event.dataTransfer.files;
        form.requestSubmit();
      }
    });
  }

  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-upload]");
    if (form && event.target.type === "file" && event.target.files.length) form.requestSubmit();
  });

  document.addEventListener("htmx:xhr:progress", (event) => {
    const bar = event.target.querySelector?.("form[data-upload] progress, progress.upload__progress");
    if (!bar || !event.detail.lengthComputable) return;
    bar.hidden = false;
    bar.value = (100 * event.detail.loaded) / event.detail.total;
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const bar = event.target.querySelector?.("progress.upload__progress");
    if (bar) bar.hidden = true;
  });

  watchMessages();
  // A form that came back with errors on a whole page: begin at the summary. What is there to be copied is selected.
  const first = document.querySelector("[data-take-focus]");
  first?.focus();
  if (first?.readOnly) first.select();
  // An address with a place in it (#...) takes the focus away again once the page is there.
  if (first && location.hash) {
    addEventListener("load", () => setTimeout(() => {
      if (document.activeElement === document.body) first.focus();
    }));
  }

  /* On a narrow screen a row of tabs is longer than the page: it begins at the view that is open. */
  for (const current of document.querySelectorAll(".tabs [aria-current]")) {
    const row = current.closest(".tabs");
    const [tab, seen] = [current.getBoundingClientRect(), row.getBoundingClientRect()];
    row.scrollLeft += tab.left - seen.left - (seen.width - tab.width) / 2;
  }
})();
