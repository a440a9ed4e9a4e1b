import { styled } from "./ansi.js";

/** These two bound the memory of the page, whatever a job prints. */
const MAX_LINES = 5000;
const MAX_CHARACTERS = 16_384;
/** A log that is scrolled this close to its end, in pixels, counts as read to the end. */
const NEAR = 24;

/** Shows the lines of a log in an element that scrolls: as text, never as markup. */
export class LogView {
  #box;
  #onFollow;
  #follows = true;
  /** Oldest first. */
  #lines = [];
  /** The lines to draw at the next frame; a hidden page draws none. */
  #dirty = new Set();
  #outputs = { stdout: newOutput(), stderr: newOutput() };

  /**
   * @param {HTMLElement} box
   * @param {(follows: boolean) => void} onFollow called when the reader leaves the end or comes back
   */
  constructor(box, onFollow) {
    this.#box = box;
    this.#onFollow = onFollow;
    box.addEventListener("scroll", () => {
      const follows = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
      if (follows === this.#follows) return;
      this.#follows = follows;
      onFollow(follows);
    });
  }

  /** Whether to scroll to the end and stay there. */
  set follows(follows) {
    this.#follows = follows;
    if (follows) this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Adds one record of the log. */
  write({ stream, time, data }) {
    const output = this.#outputs[stream];
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    // A character may be split between two records, and a line among several.
    const parts = output.decoder.decode(bytes, { stream: true }).split("\n");
    parts.forEach((part, index) => {
      if (index > 0) this.#endLine(output, stream, time);
      for (let rest = part; rest !== "";) {
        const line = output.line ??= this.#newLine(output, stream, time);
        const room = MAX_CHARACTERS - line.text.length;
        line.text += rest.slice(0, room);
        rest = rest.slice(room);
        this.#draw(line);
        if (rest !== "") this.#endLine(output, stream, time);
      }
    });
  }

  /** Adds a line that is not from the job. */
  note(text) {
    const line = this.#newLine(newOutput(), "note", new Date().toISOString());
    line.text = text;
  }

  #newLine(output, stream, time) {
    const line = { stream, time, text: "", style: output.style, element: null };
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#dirty.delete(this.#lines.shift());
    this.#draw(line);
    return line;
  }

  #endLine(output, stream, time) {
    const line = output.line ?? this.#newLine(output, stream, time);
    output.style = styled(line.text, line.style).style;
    output.line = null;
  }

  #draw(line) {
    if (this.#dirty.size === 0) requestAnimationFrame(() => this.#paint());
    this.#dirty.add(line);
  }

  #paint() {
    const box = this.#box;
    const oldest = this.#lines[0]?.element ?? null;
    const place = placeOf(oldest);
    while (box.firstChild !== oldest && box.firstChild !== null) box.firstChild.remove();
    // For a reader further up, the remaining lines stay where they were on the screen.
    if (!this.#follows) box.scrollTop += placeOf(oldest) - place;
    for (const line of this.#dirty) {
      if (line.element === null) box.append(line.element = elementOf(line));
      fill(line.element.lastChild, line);
    }
    this.#dirty.clear();
    if (this.#follows) box.scrollTop = box.scrollHeight;
  }
}

function placeOf(element) {
  return element?.getBoundingClientRect().top ?? 0;
}

function newOutput() {
  return { decoder: new TextDecoder(), style: {}, line: null };
}

function elementOf({ stream, time }) {
  const element = document.createElement("div");
  element.className = `line ${stream}`;
  const clock = document.createElement("time");
  clock.dateTime = time;
  clock.textContent = time;
  element.append(clock, document.createElement("span"));
  return element;
}

function fill(element, { text, style }) {
  const pieces = styled(text, style).runs.map(({ text, classes }) => {
    if (classes === "") return text;
    const span = document.createElement("span");
    span.className = classes;
    span.textContent = text;
    return span;
  });
  element.replaceChildren(...pieces);
}
