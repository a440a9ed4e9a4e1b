/**
 * Does one thing for many callers who ask at about the same time. The first is served at once; those who
 * ask while a batch is under way share the next one.
 */
export class Batcher<Question, Result> {
  readonly #run: (questions: readonly Question[]) => Promise<Result>;
  #next: { readonly questions: Question[]; readonly result: Promise<Result> } | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** @param run answers a batch of questions; all of them get this one result */
  constructor(run: (questions: readonly Question[]) => Promise<Result>) {
    this.#run = run;
  }

  /** Adds a question to the next batch. */
  add(question: Question): Promise<Result> {
    this.#next ??= this.#begin();
    this.#next.questions.push(question);
    return this.#next.result;
  }

  #begin(): { questions: Question[]; result: Promise<Result> } {
    const questions: Question[] = [];
    const result = this.#last.catch(() => {}).then(() => {
      this.#next = null;
      return this.#run(questions);
    });
    this.#last = result;
    return { questions, result };
  }
}
