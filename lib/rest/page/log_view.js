import { styled } from "./ansi.js";
import { marked, patternOf } from "./mark.js";

/** They bound the memory of the page, whatever a job prints. */
const MAX_LINES = 5000;
const MAX_CHARACTERS = 16_384;
/** How many lines above one that is pointed at may be given up for others below. */
const MAX_ABOVE = 1000;
/** A log that is scrolled this close to its end, in pixels, counts as read to the end. */
const NEAR = 24;
const LINE_END = 10;

/** Shows the lines of a log in an element that scrolls: as text, never as markup. */
export class LogView {
  #box;
  #on;
  #follows = true;
  /** Oldest first. */
  #lines = [];
  /** The lines to draw at the next frame; a hidden page draws none. */
  #dirty = new Set();
  #outputs = { stdout: newOutput(), stderr: newOutput() };
  /** What finds what is sought, or null. */
  #pattern = null;
  #times = "";
  /** The offset of the line to be shown as soon as it is there, or null. */
  #wanted = null;
  #isShown = true;
  /** The line that is pointed at. */
  #chosen = null;
  /** Where the box was scrolled to for that, until its reader scrolls. */
  #shownAt = null;
  /** Whether more lines would push that one out. */
  #isFull = false;
  /** How many lines there have been. */
  #count = 0;

  /**
   * @param {HTMLElement} box
   * @param {{ follow: (follows: boolean) => void, full: () => void }} on told when the reader leaves the end or
   * comes back, and when more lines would soon push out the one that is pointed at
   */
  constructor(box, on) {
    this.#box = box;
    this.#on = on;
    box.addEventListener("scroll", () => {
      if (this.#dirty.size > 0 || this.#wanted !== null || !this.#isShown) return;
      // Whoever is shown the last line that there is does not want to leave it for those that come.
      if (box.scrollTop === this.#shownAt) return;
      this.#shownAt = null;
      this.#setFollows(box.scrollHeight - box.scrollTop - box.clientHeight < NEAR);
    });
    // As when the command is unfolded.
    new ResizeObserver(() => this.stay()).observe(box);
  }

  /** Scrolls to the end again if that is where its reader is, although something else has moved it. */
  stay() {
    if (this.#follows) this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Whether to scroll to the end and stay there. */
  set follows(follows) {
    this.#follows = follows;
    this.#shownAt = null;
    if (follows) this.#choose(null);
    this.stay();
  }

  /** What times are shown as: `""`, `"offset"` or `"clock"`. */
  set times(times) {
    this.#times = times;
    this.#box.classList.toggle("timed", times !== "");
    for (const line of this.#lines) if (line.element !== null) this.#fillTime(line);
  }

  /** Adds one record of the log. */
  write({ stream, time, offset, data }) {
    const output = this.#outputs[stream] ?? this.#outputs.stdout;
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    for (let from = 0; from < bytes.length && !this.#isFull;) {
      const end = bytes.indexOf(LINE_END, from);
      const piece = bytes.subarray(from, end < 0 ? bytes.length : end);
      output.start ??= { stream, time, offset: offset + from };
      // A character may be split between two records, and a line among several.
      this.#append(output, output.decoder.decode(piece, { stream: end < 0 }));
      if (end < 0) break;
      this.#endLine(output);
      from = end + 1;
    }
  }

  /** Adds a line that is not from the job. */
  note(text) {
    const output = newOutput();
    output.start = { stream: "note", time: new Date().toISOString(), offset: null };
    this.#append(output, text);
  }

  /** Removes all lines, before others are written. */
  clear() {
    this.#lines = [];
    this.#dirty.clear();
    this.#outputs = { stdout: newOutput(), stderr: newOutput() };
    this.#choose(null);
    this.#wanted = null;
    this.#isShown = true;
    this.#isFull = false;
    this.#box.replaceChildren();
  }

  /** Shows the line that has the output at an offset, and says whether it is there. */
  goTo(offset) {
    const at = this.#lines.findLastIndex((line) => line.offset !== null && line.offset <= offset);
    // How far the last line goes is not known yet.
    const isThere = at >= 0 && (this.#lines[at].offset === offset || at < this.#lines.length - 1);
    if (isThere) this.#show(this.#lines[at]);
    return isThere;
  }

  /** Removes all lines and, of those that are written then, shows the one that has the output at an offset. */
  await(offset) {
    this.clear();
    this.#wanted = offset;
  }

  /** Marks a text wherever it is. Returns in how many lines it is. */
  find(text) {
    this.#pattern = patternOf(text);
    for (const line of this.#lines) this.#draw(line);
    return this.#found().length;
  }

  /** Goes to the next line with a find, or to the one before; says which one of how many it is. */
  findNext(by) {
    const found = this.#found();
    if (found.length === 0) return { at: 0, of: 0 };
    const here = this.#lines.indexOf(this.#chosen);
    const places = found.map((line) => this.#lines.indexOf(line));
    const next = by > 0
      ? places.findIndex((place) => place > here)
      : places.findLastIndex((place) => place < here);
    const at = next >= 0 ? next : by > 0 ? 0 : found.length - 1;
    this.#show(found[at]);
    return { at: at + 1, of: found.length };
  }

  #found() {
    const pattern = this.#pattern;
    if (pattern === null) return [];
    return this.#lines.filter(({ text, style }) =>
      styled(text, style).runs.map((run) => run.text).join("").search(pattern) >= 0
    );
  }

  #append(output, text) {
    for (let rest = text; rest !== "";) {
      const line = output.line ??= this.#newLine(output);
      const room = MAX_CHARACTERS - line.text.length;
      line.text += rest.slice(0, room);
      rest = rest.slice(room);
      this.#draw(line);
      if (rest !== "") this.#endLine(output, true);
    }
  }

  #newLine({ start, style }) {
    const line = { ...start, text: "", style, element: null, number: this.#count++ };
    this.#lines.push(line);
    // Before others can push it out, and before it is drawn.
    if (this.#wanted !== null && line.offset >= this.#wanted) {
      const before = line.offset > this.#wanted ? this.#lines.at(-2) : undefined;
      this.#choose(before ?? line);
      this.#wanted = null;
      this.#isShown = false;
    }
    if (this.#lines.length > MAX_LINES) {
      const oldest = this.#lines.shift();
      this.#dirty.delete(oldest);
      this.#isFull = this.#chosen?.number < oldest.number + MAX_ABOVE;
      if (this.#isFull) this.#on.full();
    }
    this.#draw(line);
    return line;
  }

  #endLine(output, isCut = false) {
    const line = output.line ?? this.#newLine(output);
    output.style = styled(line.text, line.style).style;
    output.line = null;
    if (!isCut) output.start = null;
  }

  #setFollows(follows) {
    if (follows === this.#follows) return;
    this.#follows = follows;
    this.#on.follow(follows);
  }

  #choose(line) {
    this.#chosen?.element?.classList.remove("chosen");
    this.#chosen = line;
    line?.element?.classList.add("chosen");
  }

  #show(line) {
    this.#isShown = true;
    this.#setFollows(false);
    this.#paint();
    this.#choose(line);
    line.element.scrollIntoView({ block: "center" });
    this.#shownAt = this.#box.scrollTop;
  }

  #draw(line) {
    if (this.#dirty.size === 0) requestAnimationFrame(() => this.#paint());
    this.#dirty.add(line);
  }

  #paint() {
    if (this.#dirty.size === 0) return;
    const box = this.#box;
    const oldest = this.#lines[0]?.element ?? null;
    const place = placeOf(oldest);
    while (box.firstChild !== oldest && box.firstChild !== null) box.firstChild.remove();
    // For a reader further up, the remaining lines stay where they were on the screen.
    if (!this.#follows) box.scrollTop += placeOf(oldest) - place;
    for (const line of this.#dirty) {
      if (line.element === null) {
        box.append(line.element = elementOf(line));
        line.element.classList.toggle("chosen", line === this.#chosen);
        this.#fillTime(line);
      }
      fill(line.element.lastChild, line, this.#pattern);
    }
    this.#dirty.clear();
    if (this.#follows) box.scrollTop = box.scrollHeight;
    if (!this.#isShown) this.#show(this.#chosen);
  }

  #fillTime({ time, element }) {
    const { started } = this.#box.dataset;
    const since = Date.parse(time) - Number(started || Date.parse(time));
    element.firstChild.textContent = this.#times === "offset"
      ? spanText(since)
      : this.#times === "clock"
      ? clockText(new Date(time))
      : "";
  }
}

/** `1:02:03.004` */
function spanText(ms) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const hours = Math.floor(ms / 3_600_000);
  const minutes = ms / 60_000 % 60;
  const rest = `${two(ms / 1000 % 60)}.${String(ms % 1000).padStart(3, "0")}`;
  return `${hours > 0 ? `${hours}:` : ""}${two(minutes)}:${rest}`;
}

/** The time of the reader's own clock. */
function clockText(date) {
  const time = date.toLocaleTimeString("en-GB");
  return `${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function placeOf(element) {
  return element?.getBoundingClientRect().top ?? 0;
}

function newOutput() {
  return {
    decoder: new TextDecoder("utf-8", { ignoreBOM: true }),
    style: {},
    line: null,
    start: null,
  };
}

function elementOf({ stream, time, offset }) {
  const element = document.createElement("div");
  element.className = `line ${stream}`;
  const place = document.createElement(offset === null ? "span" : "a");
  place.className = "place";
  place.title = offset === null ? time : `Link to this line of ${time}`;
  if (offset !== null) {
    place.href = `#at=${offset}`;
    // The log is one stop for those who go from link to link.
    place.tabIndex = -1;
  }
  element.append(place, document.createElement("span"));
  return element;
}

function fill(element, { text, style }, pattern) {
  const pieces = marked(styled(text, style).runs, pattern).map(({ text, classes, isFound }) => {
    if (classes === "" && !isFound) return text;
    const piece = document.createElement(isFound ? "mark" : "span");
    piece.className = classes;
    piece.textContent = text;
    return piece;
  });
  element.replaceChildren(...pieces);
}
