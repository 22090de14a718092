/* An open page follows what happens. The stream tells topics; a part of the page with `data-live="topics"` reads itself
   anew when one of its topics is told: the page is asked for once more, and renewal.js shows what differs. The counts of
   the navigation have an address of their own, for pages in which nothing else has changed.

   One of a browser's tabs listens for all of them; when it goes, another goes on from the last place that it heard of. */
(() => {
  "use strict";

  const home = document.querySelector("[data-live-since]");
  if (!home) return;
  const scope = home.dataset.liveScope;

  // The stream says something every 20 seconds; after so long without a byte it is dead, or a proxy gathers it.
  const FIRST_BYTE_MS = 10_000;
  const SILENT_MS = 50_000;
  const POLL_MS = 15_000;
  const STREAM_AGAIN_MS = 180_000;

  // News that come together are one reading; readers don't all come at once; nobody reads more often than this.
  const GATHERED_MS = 300;
  const SPREAD_MS = 500;
  const APART_MS = 2000;
  const LATER_MS = 5000;
  const LATEST_MS = 60_000;
  const ANSWER_MS = 20_000;
  // Who is read to would hear little else where something changes all the time.
  const SAID_APART_MS = 15_000;

  const BEGINS_MS = 300;
  const HEARD_AT_MOST = 200;

  /* Places in the journal: era.milliseconds-number */

  function parsed(place) {
    const [era, rest = ""] = place.split(".");
    return [era, ...rest.split("-").map(Number)];
  }

  /** Whether nothing that is told after `one` can stand before `other`; false too where they can't be compared. */
  function isAtLeast(one, other) {
    const [era, ms, number] = parsed(one);
    const [otherEra, otherMs, otherNumber] = parsed(other);
    return era === otherEra && (ms > otherMs || (ms === otherMs && number >= otherNumber));
  }

  /* Listening. Server-sent events, read as they come: what EventSource hides (how a request was refused, and the
     heartbeat without which a connection is dead) decides here what to do. */

  class Refused extends Error {
    constructor(response) {
      super(`refused: ${response.status}`);
      this.isFinal = response.status === 401 || response.status === 403;
      this.waitMs = 1000 * (Number.parseInt(response.headers.get("Retry-After"), 10) || 0);
    }
  }

  class Listening {
    /** `tell` is given {place}, with {topics, settle_ms} or {reset} where there is news; `end` is called when nothing more
        can be heard. */
    constructor({ place, tell, end }) {
      Object.assign(this, { place, tell, end, isOver: false, failures: 0, retryMs: 3000, pollsUntil: 0 });
      this.run();
    }

    stop() {
      this.isOver = true;
      this.request?.abort();
      this.wake?.();
    }

    async run() {
      while (!this.isOver) {
        const polls = Date.now() < this.pollsUntil;
        let waitMs;
        let atLeastMs = 0;
        try {
          await this.ask(polls);
          this.failures = 0;
          waitMs = polls ? POLL_MS : this.retryMs;
        } catch (error) {
          if (this.isOver) return;
          if (error.isFinal) {
            this.end();
            return;
          }
          this.failures += 1;
          // Once may be a restart. After the second time it asks now and then, without holding a connection; where that
          // fails too it is not the stream's fault.
          const turns = !polls && (this.failures > 1 || Boolean(error.isSilent));
          this.pollsUntil = turns ? Date.now() + STREAM_AGAIN_MS : 0;
          waitMs = turns ? 0 : Math.min(this.retryMs * 2 ** Math.max(0, this.failures - 2), LATEST_MS);
          atLeastMs = error.waitMs ?? 0;
        }
        // Those that were cut off together don't all come back together.
        await this.pause(Math.max(waitMs * (0.5 + Math.random()), atLeastMs));
      }
    }

    pause(ms) {
      return new Promise((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, ms);
      });
    }

    async ask(polls) {
      const address = new URL(home.dataset.liveStream, location.href);
      address.search = new URLSearchParams({ only: "topics", ...(this.place && { since: this.place }), ...(polls && { poll: "true" }) });
      this.request = new AbortController();
      let isSilent = true;
      let watch = setTimeout(() => this.request.abort(), FIRST_BYTE_MS);
      try {
        const response = await fetch(address, {
          headers: { Accept: "text/event-stream" },
          credentials: "same-origin",
          cache: "no-store",
          signal: this.request.signal,
        });
        if (!response.ok) throw new Refused(response);
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let text = "";
        for (;;) {
          const { value, done } = await reader.read();
          if (done) break;
          clearTimeout(watch);
          watch = setTimeout(() => this.request.abort(), SILENT_MS);
          isSilent = false;
          this.failures = 0;
          const events = (text + value).split("\n\n");
          text = events.pop();
          events.forEach((event) => this.read(event));
        }
        if (isSilent) throw new Error("an empty answer");
      } catch (error) {
        // Nothing came within ten seconds: something on the way gathers the answer.
        if (error.name === "AbortError") throw Object.assign(new Error("silence"), { isSilent });
        throw error;
      } finally {
        clearTimeout(watch);
      }
    }

    read(event) {
      const fields = {};
      for (const line of event.split("\n")) {
        const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
        if (name) fields[name] = value;
      }
      if (fields.retry) this.retryMs = Number(fields.retry);
      if (!fields.id) return;
      this.place = fields.id;
      this.tell({ place: fields.id, ...(fields.data && JSON.parse(fields.data)) });
    }
  }

  /* Among tabs */

  const isShared = Boolean(navigator.locks && globalThis.BroadcastChannel);
  const name = `budgetsite-live:${scope}`;
  const tab = crypto.getRandomValues(new Uint32Array(2)).join("-");
  let place = home.dataset.liveSince;
  let listening = null;
  let channel = null;
  let waiting = null;
  let heard = [];
  let heardFrom = "";

  function hear({ place: at, topics, reset, settle_ms: settleMs = 0 }) {
    if (!isAtLeast(place, at)) place = at;
    if (reset) owe(null);
    else if (topics) owe(topics, settleMs);
  }

  function say(kind, content) {
    channel?.postMessage({ kind, ...content });
  }

  /** Listen for this tab, and for the others that share its channel. Resolves when it is over. */
  function listen() {
    return new Promise((resolve) => {
      heard = [];
      heardFrom = place;
      listening = new Listening({
        place,
        tell(news) {
          if (news.topics || news.reset) heard.push(news);
          if (heard.length > HEARD_AT_MOST) heardFrom = heard.shift().place;
          say("news", { news });
          hear(news);
        },
        end() {
          say("over");
          over();
        },
      });
      listening.resolve = resolve;
      say("listening");
    });
  }

  function stopListening() {
    listening?.stop();
    listening?.resolve();
    listening = null;
  }

  function onMessage({ data }) {
    if (data.kind === "news") hear(data.news);
    else if (data.kind === "listening") say("here", { tab, place });
    else if (data.kind === "here" && listening) catchUp(data);
    else if (data.kind === "missed" && data.tab === tab) data.missed.forEach(hear);
    else if (data.kind === "over") over();
  }

  /** Another tab is as far as `place`: tell it what was heard since, or to read itself anew where that is not known. */
  function catchUp(other) {
    const isKnown = heardFrom && isAtLeast(other.place, heardFrom);
    const missed = isKnown ? heard.filter((news) => !isAtLeast(other.place, news.place)) : [{ place, reset: true }];
    if (missed.length) say("missed", { tab: other.tab, missed });
  }

  function begin() {
    if (isShared) {
      channel = new BroadcastChannel(name);
      channel.addEventListener("message", onMessage);
      say("here", { tab, place });
      waiting = new AbortController();
      navigator.locks.request(name, { signal: waiting.signal }, listen).catch((error) => {
        if (error.name !== "AbortError") throw error;
      });
    } else if (!document.hidden) {
      // Without locks (plain HTTP in a local network) a tab listens for itself, and only while somebody looks at it:
      // a browser has six connections to a site.
      listen();
    }
    // Where Valkey was away when the page was read, nothing tells what has happened since.
    if (!place) owe(null);
  }

  function leave() {
    waiting?.abort();
    stopListening();
    channel?.close();
    channel = null;
    clearTimeout(beginning);
    clearTimeout(timer);
    timer = 0;
  }

  /* Reading anew */

  const parts = () => [...document.querySelectorAll("[data-live][id]")].filter((part) => part.dataset.live.trim());
  const isTold = (part, topics) => !topics || part.dataset.live.split(/\s+/).some((topic) => topics.includes(topic));
  const COUNTED = ["alerts", "approvals", "notifications"];

  // The parts to read anew, each with the moment from which on a reading shows all of it: what changes all the time is
  // told once for a while, and what it has come to is seen after that.
  const owed = new Map();
  let isCountOwed = false;
  let timer = 0;
  let isReading = false;
  let isOver = false;
  let readAt = 0;
  let failures = 0;

  function oweFrom(id, at) {
    owed.set(id, Math.max(at, owed.get(id) ?? 0));
  }

  function owe(topics, settleMs = 0) {
    for (const part of parts()) if (isTold(part, topics)) oweFrom(part.id, Date.now() + settleMs);
    isCountOwed ||= Boolean(home.dataset.liveCounters) && (!topics || COUNTED.some((topic) => topics.includes(topic)));
    plan();
  }

  function plan() {
    if (isOver || isReading || timer || document.hidden || (!owed.size && !isCountOwed)) return;
    const later = failures ? Math.min(LATER_MS * 2 ** (failures - 1), LATEST_MS) : 0;
    const settledAt = isCountOwed ? 0 : Math.min(...owed.values());
    const wait = Math.max(GATHERED_MS, readAt + APART_MS - Date.now(), settledAt - Date.now(), later);
    timer = setTimeout(readAnew, wait + Math.random() * SPREAD_MS);
  }

  async function readAnew() {
    timer = 0;
    const wanted = new Map(owed);
    const beganAt = Date.now();
    const isCountWanted = isCountOwed;
    owed.clear();
    isCountOwed = false;
    isReading = true;
    const swaps = swapsSoFar;
    let fresh = null;
    let isAnswered = true;
    try {
      fresh = await freshPage(wanted.size ? location.pathname + location.search : home.dataset.liveCounters);
      failures = 0;
    } catch {
      // The server or the network is away, or busy.
      isAnswered = false;
      failures += 1;
    }
    readAt = Date.now();
    isReading = false;
    // What somebody has sent meanwhile from this very page may be missing in the answer.
    const isShown = isAnswered && swaps === swapsSoFar && !requests;
    for (const [id, at] of wanted) if (!isShown || at > beganAt) oweFrom(id, at);
    isCountOwed ||= isCountWanted && !isShown;
    if (fresh && isShown && !isOver) show(fresh, wanted);
    plan();
  }

  /** Return the page as it is now; null where it can't be had any more, which has been said then. */
  async function freshPage(address) {
    const response = await fetch(address, {
      headers: { Accept: "text/html", "Live-Refresh": "1" },
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout?.(ANSWER_MS),
    });
    if (response.status === 429 || response.status >= 500) throw new Error(`not now: ${response.status}`);
    if (!response.ok) {
      finish("This page is no longer there for you.");
      return null;
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const theirs = page.querySelector("[data-live-scope]")?.dataset.liveScope;
    if (theirs === scope && !response.redirected) return page;
    if (!theirs) over();
    else if (theirs === scope) finish("This page has moved.");
    else finish("You work in another account now, or as somebody else.");
    return null;
  }

  function show(fresh, wanted) {
    let isChanged = false;
    let isHeldBack = false;
    for (const id of wanted.keys()) {
      const part = document.getElementById(id);
      const its = fresh.getElementById(id);
      if (!part || !its) continue;
      const renewal = budgetsiteRenew(part, its);
      isChanged ||= renewal.isChanged;
      isHeldBack ||= renewal.isHeldBack;
    }
    if (isChanged && fresh.title) document.title = fresh.title;
    for (const counter of document.querySelectorAll("[data-counter]")) {
      const its = fresh.querySelector(`[data-counter="${CSS.escape(counter.dataset.counter)}"]`);
      if (its) budgetsiteRenew(counter, its);
    }
    if (isHeldBack) announce("Something that you are working on has changed meanwhile.");
    else if (isChanged) announceUpdate();
  }

  /* Requests of the page itself */

  let requests = 0;
  let swapsSoFar = 0;

  document.addEventListener("htmx:beforeSend", () => {
    requests += 1;
  });
  document.addEventListener("htmx:afterRequest", () => {
    requests = Math.max(0, requests - 1);
    swapsSoFar += 1;
  });

  /* Words */

  const word = document.createElement("div");
  word.className = "live-word";
  word.setAttribute("role", "status");
  document.body.append(word);

  function announce(text) {
    // The same words are said again only where they are new.
    word.textContent = "";
    setTimeout(() => {
      word.textContent = text;
    }, 50);
  }

  let updateSaidAt = 0;
  let saying = 0;

  /** At once, or once for all that changes until it may be said again. */
  function announceUpdate() {
    clearTimeout(saying);
    saying = setTimeout(() => {
      updateSaidAt = Date.now();
      announce("Updated.");
    }, Math.max(0, updateSaidAt + SAID_APART_MS - Date.now()));
  }

  function over() {
    finish("You are signed out, so this page no longer follows what happens.");
  }

  function finish(text) {
    if (isOver) return;
    isOver = true;
    leave();
    const notice = document.createElement("div");
    notice.className = "live-over";
    notice.setAttribute("role", "status");
    const words = document.createElement("p");
    words.textContent = text;
    const reload = document.createElement("a");
    reload.className = "button button--small";
    reload.href = location.href;
    reload.textContent = "Reload";
    notice.append(words, reload);
    document.body.append(notice);
  }

  /* Begin once the page is there: who goes on at once leaves no connection behind. */

  document.addEventListener("visibilitychange", () => {
    if (isOver) return;
    if (!isShared && document.hidden) stopListening();
    else if (!isShared && !listening) listen();
    plan();
  });
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => {
    if (!event.persisted || isOver) return;
    begin();
    owe(null);
  });
  addEventListener("online", () => listening?.wake?.());
  const beginning = setTimeout(begin, BEGINS_MS);
})();
