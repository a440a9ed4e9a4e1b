import { html } from "hono/html";
import type { Identity } from "../../auth/identity.ts";

/** Markup made by `html`, which escapes every value in it. */
export type Html = ReturnType<typeof html>;

/** A square with a prompt in it. Without an icon, browsers would ask for /favicon.ico. */
const ICON = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" ' +
    'fill="#1f5fbf"/><path d="m4 5 3 3-3 3m5 0h3" fill="none" stroke="#fff" stroke-width="1.6"/></svg>',
);

/** A whole page: what all pages have in common, around the content of one. */
export function layout(title: string, content: Html, identity?: Identity): Html {
  return html`<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <link rel="icon" href="${ICON}">
    <link rel="stylesheet" href="/page.css">
    <script type="module" src="/page.js"></script>
  </head>
  <body>
    <a class="skip" href="#content">Skip to the content</a>
    <header>
      <a class="home" href="/">Job Worker</a>
      ${
    identity &&
    html`<span class="who"><bdi>${identity.user}</bdi> <small>${
      identity.roles.join(", ")
    }</small></span>`
  }
    </header>
    <main id="content">
      ${content}
      <p id="problem" class="problem" role="alert" hidden></p>
    </main>
    <noscript><p class="problem">Without JavaScript, this page shows the jobs, but cannot start or
      stop one or follow a log.</p></noscript>
  </body>
</html>`;
}

/** The page that is shown instead of one that fails. */
export function problemPage(message: string): Html {
  return layout(
    "Job Worker",
    html`
      <h1>Something went wrong</h1>
      <p class="problem">${message}</p>
      <p><a href="/">All jobs</a></p>
    `,
  );
}
