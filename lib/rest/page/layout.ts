import { html } from "hono/html";
import { authorize } from "../../auth/authorize.ts";
import type { Identity } from "../../auth/identity.ts";
import type { Job } from "../../job/types.ts";
import { METHODS } from "../../service/methods.ts";
import { iconOf } from "./icon.ts";

/** Markup made by `html`, which escapes every value in it. */
export type Html = ReturnType<typeof html>;

/** Who reads a page. */
export interface Reader {
  readonly identity: Identity;
  /** Whether they have logged in on a page, so that they can log out. */
  readonly mayLogOut: boolean;
}

/** What surrounds the content of a page. */
export interface Layout {
  readonly title: string;
  /** Absent where nobody has said who they are. */
  readonly reader?: Reader;
  /** From {@linkcode iconOf}. */
  readonly icon?: string;
  /** What the jobs have in common whose changes are changes of the page; absent for a page that does not change. */
  readonly watch?: Partial<Pick<Job, "jobId" | "owner" | "host" | "labels">>;
  /** Whether the page is as high as the window, and something in it scrolls. */
  readonly fills?: true;
}

/** Whether somebody may start jobs. */
export function mayStart(identity: Identity): boolean {
  return authorize(identity, METHODS.startJob.rule).kind === "allowed";
}

/** A whole page: what all pages have in common, around the content of one. */
export function layout(content: Html, { title, reader, icon, watch, fills }: Layout): Html {
  // Without an icon, browsers would ask for /favicon.ico.
  return html`<!DOCTYPE html>
<html lang="en" data-now="${Date.now()}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <link id="icon" rel="icon" href="${icon ?? iconOf("")}">
    <link rel="stylesheet" href="/page.css">
    <link rel="stylesheet" href="/log.css">
    <script type="module" src="/page.js"></script>
  </head>
  <body class="${fills === true ? "fills" : ""}">
    <a class="skip" href="#content">Skip to the content</a>
    <header>
      <a class="home" href="/">Job Worker</a>
      ${reader && navigation(reader)}
    </header>
    <p id="problem" class="problem" role="alert" hidden></p>
    <main id="content" ${watch && html`data-watch="${JSON.stringify(watch)}"`}>
      ${content}
    </main>
    ${reader && keysDialog()}
    <noscript><p class="problem">Without JavaScript, this page shows the jobs, but cannot start or
      stop one or follow a log.</p></noscript>
  </body>
</html>`;
}

function navigation({ identity, mayLogOut }: Reader): Html {
  const who = html`<bdi>${identity.user}</bdi> <small>${identity.roles.join(", ")}</small>`;
  return html`
    <nav aria-label="Pages">
      <a id="to-jobs" href="/">Jobs</a>
      ${mayStart(identity) &&
        html`<a id="to-start" class="button primary" href="/new">Start a job</a>`}
    </nav>
    ${mayLogOut
      ? html`
        <a class="who" href="/sessions" title="Logins">${who}</a>
        <form method="post" action="/logout"><button class="plain">Log out</button></form>
      `
      : html`<span class="who">${who}</span>`}
    <button id="keys-button" class="plain" type="button" title="Keys">?</button>
  `;
}

/** The keys of the page, as its script has them. */
const KEYS: readonly (readonly [key: string, what: string])[] = [
  ["j k", "The next job, the one before"],
  ["Enter", "Open the job"],
  ["u", "Back to the jobs"],
  ["c", "Start a job"],
  ["r", "Run a job again"],
  ["s", "Stop a job"],
  ["/", "Search the jobs, or find in the log"],
  ["n N", "The next find in the log, the one before"],
  ["f", "Follow the log"],
  ["w", "Wrap long lines"],
  ["t", "Times: none, since the start, by the clock"],
  ["e", "The first line of stderr"],
  ["?", "These keys"],
];

function keysDialog(): Html {
  return html`
    <dialog id="keys" aria-labelledby="keys-title">
      <form method="dialog">
        <h2 id="keys-title">Keys</h2>
        <dl class="keys">${KEYS.map(([key, what]) =>
          html`
            <div>
              <dt>${key.split(" ").map((one) =>
                html`
                  <kbd>${one}</kbd>
                `
              )}</dt>
              <dd>${what}</dd>
            </div>
          `
        )}</dl>
        <div class="bar"><button autofocus>Close</button></div>
      </form>
    </dialog>
  `;
}

/** The page that is shown instead of one that fails. */
export function problemPage(message: string, title: string, reader?: Reader): Html {
  return layout(
    html`
      <h1>${title}</h1>
      <p class="problem">${message}</p>
      <p><a href="/">All jobs</a></p>
    `,
    { title: `${title} - Job Worker`, ...(reader !== undefined && { reader }) },
  );
}
