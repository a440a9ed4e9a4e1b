import { html } from "hono/html";
import type { Session } from "../../auth/sessions.ts";
import { ageText } from "./job_words.ts";
import { type Html, layout, type Reader } from "./layout.ts";

/** What {@linkcode loginPage} needs. */
export interface LoginPageView {
  /** The path to go on to. */
  readonly to: string;
  /** Who has tried; `""`: nobody. */
  readonly user: string;
  /** Why it was not possible to log in; `""`: nobody has tried. */
  readonly problem: string;
}

/** Asks who somebody is. It needs no script. */
export function loginPage({ to, user, problem }: LoginPageView): Html {
  const content = html`
    <form class="card login" method="post" action="/login">
      <h1>Log in</h1>
      <input type="hidden" name="to" value="${to}">
      <label>User
        <input name="user" value="${user}" required ${user === "" &&
          "autofocus"} autocomplete="username" autocapitalize="off"
          spellcheck="false"></label>
      <label>Password
        <input name="password" type="password" required ${user !== "" && "autofocus"}
          autocomplete="current-password"></label>
      ${problem !== "" && html`<p class="problem" role="alert">${problem}</p>`}
      <button class="primary">Log in</button>
    </form>
  `;
  return layout(content, { title: "Log in - Job Worker" });
}

/** Loads itself again, now from a page of ours. */
export function againPage(): Html {
  const content = html`
    <h1>One moment</h1>
    <meta http-equiv="refresh" content="0">
    <p><a href="">Go on</a></p>
  `;
  return layout(content, { title: "Job Worker" });
}

/** What {@linkcode sessionsPage} needs besides the sessions. */
export interface SessionsPageView {
  readonly reader: Reader;
  /** The id of the session in which the page is shown. */
  readonly own: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** Where somebody has logged in, each to be ended. */
export function sessionsPage(
  sessions: readonly Session[],
  { reader, own, now }: SessionsPageView,
): Html {
  const content = html`
    <h1>Logins</h1>
    <table>
      <thead>
        <tr>
          <th scope="col">User</th>
          <th scope="col">From</th>
          <th scope="col">Since</th>
          <th scope="col">Until</th>
          <th scope="col">End</th>
        </tr>
      </thead>
      <tbody>${sessions.map(({ id, user, address, createdAt, expiresAt }) =>
        html`
          <tr>
            <td><bdi>${user}</bdi></td>
            <td>${address}${id === own && " (here)"}</td>
            <td>${ageText(createdAt, now)}</td>
            <td class="until">${new Date(expiresAt).toISOString().slice(0, 16).replace(
              "T",
              " ",
            )} UTC</td>
            <td>
              <form method="post"
                action="/sessions/end"><input type="hidden" name="id" value="${id}"><button
              class="danger" aria-label="End the login of ${user} from ${address}">End</button></form>
            </td>
          </tr>
        `
      )}</tbody>
    </table>
  `;
  return layout(content, { title: "Logins - Job Worker", reader });
}
