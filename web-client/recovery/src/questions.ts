/** What was asked and waits for its answer, by id. */

import { NotAnswered } from "./errors.js";

interface Question<Answer> {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

export class Questions<Answer> {
  readonly #open = new Map<string, Question<Answer>>();
  #count = 0;

  constructor(readonly timeout: number) {}

  /** Asks. `send` gets the id, and throws where nothing can be sent. */
  ask(send: (id: string) => void): Promise<Answer> {
    const id = String(++this.#count);
    return new Promise((resolve, reject) => {
      // First, so that what cannot be sent waits for nothing.
      send(id);
      const timer = setTimeout(() => this.fail(id, new NotAnswered("timeout")), this.timeout);
      this.#open.set(id, { resolve, reject, timer });
    });
  }

  answer(id: string, answer: Answer): void {
    this.#take(id)?.resolve(answer);
  }

  fail(id: string, error: Error): void {
    this.#take(id)?.reject(error);
  }

  failAll(error: Error): void {
    for (const id of [...this.#open.keys()]) this.fail(id, error);
  }

  #take(id: string): Question<Answer> | undefined {
    const question = this.#open.get(id);
    clearTimeout(question?.timer);
    this.#open.delete(id);
    return question;
  }
}
