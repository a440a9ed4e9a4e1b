/**
 * Does one thing for many who ask at about the same time. Who asks while nothing is under way is
 * served at once; those who ask meanwhile share the next batch.
 */
export class Batcher<Question, Result> {
  readonly #run: (questions: readonly Question[]) => Promise<Result>;
  #next: { readonly questions: Question[]; readonly result: Promise<Result> } | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** @param run does a batch, which holds the answer to each of the questions */
  constructor(run: (questions: readonly Question[]) => Promise<Result>) {
    this.#run = run;
  }

  /** Takes part in the next batch. */
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
