import { assert } from "../assert.ts";
import { until } from "../worker/fixture.ts";
import { CONTENT_TYPE } from "../../lib/metrics/exposition.ts";
import { type Family, parseExposition, valueOf } from "./exposition_text.ts";

type Labels = Readonly<Record<string, string>>;

/** What a daemon has served when it was last asked. */
export class Scraped {
  readonly url: string;
  families: ReadonlyMap<string, Family> = new Map();

  /** @param url as the daemon says it at its start */
  constructor(url: string) {
    this.url = url;
  }

  async scrape(): Promise<void> {
    const response = await fetch(this.url);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), CONTENT_TYPE);
    this.families = parseExposition(await response.text());
  }

  /** The value of a series with these labels; 0 if there is none. */
  of(name: string, labels: Labels = {}): number {
    return valueOf(this.families, name, labels);
  }

  /** Waits until a series has a value: what happens in other processes is not counted at once. */
  async reaches(name: string, labels: Labels, value: number): Promise<void> {
    await until(async () => {
      await this.scrape();
      return this.of(name, labels) === value;
    });
  }
}
