/** Which page is asked for. */
export interface PagePosition {
  /** Its number, by which the host knows whether it is what comes next. */
  readonly page: number;
  /** Whether the one before has not come yet, so that the request does not say from where on. */
  readonly isAhead: boolean;
  readonly signal: AbortSignal;
}

/** Fetches a page; never rejects, and settles soon once the signal is aborted. */
export type FetchPage<Page> = (request: object, position: PagePosition) => Promise<Page>;

/** The pages of an answer that are on their way. */
export class ComingPages<Page> implements AsyncDisposable {
  readonly #fetch: FetchPage<Page>;
  readonly #signal: AbortSignal;
  #left = new AbortController();
  #coming: Promise<Page>[] = [];
  #nextPage = 0;

  /** @param signal of whoever wants the answer */
  constructor(fetch: FetchPage<Page>, signal: AbortSignal) {
    this.#fetch = fetch;
    this.#signal = signal;
  }

  /** How many there are. */
  get count(): number {
    return this.#coming.length;
  }

  /** Asks for the page after those that are on their way, if there are any. */
  ask(request: object): void {
    const isAhead = this.count > 0;
    const signal = AbortSignal.any([this.#signal, this.#left.signal]);
    this.#coming.push(this.#fetch(request, { page: this.#nextPage++, isAhead, signal }));
  }

  /** Waits for the first of them. */
  async next(): Promise<Page> {
    const [first, ...others] = this.#coming;
    if (first === undefined) throw new TypeError("Cannot wait: no page was asked for");
    const page = await first;
    this.#coming = others;
    return page;
  }

  /**
   * Drops all of them: the next one is to be what its request says. So its number is one that nothing at the host can
   * have got to, whatever has become of what was asked before, and however late that comes there.
   */
  async drop(): Promise<void> {
    this.#nextPage++;
    if (this.count === 0) return;
    this.#left.abort();
    await Promise.all(this.#coming);
    this.#left = new AbortController();
    this.#coming = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop();
  }
}
