"use strict";
// Everything that is shown is set as text, never as markup: names come from files of other people.
const KEY = "universe-key", PAGE = 10, LOOK_EVERY_MS = 500, RUNS = "/api/processing/cache-sync";
const find = (id) => document.getElementById(id);
const element = (name, text, kind) => {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = String(text);
  if (kind) made.className = kind;
  return made;
};
let universes = [], offset = 0, watched = null;

class Refused extends Error {
  constructor(status, detail, body) { super(detail); this.status = status; this.body = body; }
}

async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  const key = sessionStorage.getItem(KEY);
  if (key) headers.set("X-API-Key", key);
  const answer = await fetch(path, { ...options, headers, credentials: "omit", cache: "no-cache" });
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  if (answer.status === 401 || answer.status === 403) showKeyForm();
  throw new Refused(answer.status, body.detail || `the server answered ${answer.status}`, body);
}

function say(text, kind) {
  const message = element("p", text, `message ${kind}`);
  find("messages").replaceChildren(message);
}

const failed = (error) => say(error instanceof Refused ? error.message : "The server cannot be reached.", "bad");

function showKeyForm() {
  find("key-section").hidden = false;
  find("forget").hidden = true;
}

const time = (text) => (text ? new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "");

function showUniverses() {
  const wanted = find("filter").value.trim().toLowerCase();
  const shown = universes.filter((u) => `${u.name} ${u.type}:${u.key}`.toLowerCase().includes(wanted));
  find("universes").replaceChildren(...shown.map((universe) => {
    const row = element("tr"), name = element("th");
    name.scope = "row";
    name.append(element("span", universe.name), " ", element("code", universe.key));
    row.append(name, element("td", universe.count, "number"), element("td", (universe.category || "").replaceAll("_", " ")),
      element("td", time(universe.last_updated)), element("td", universe.type));
    return row;
  }));
}

async function readUniverses() {
  const list = await ask("/api/v1/universes");
  universes = list.universes;
  const members = universes.reduce((sum, universe) => sum + universe.count, 0);
  find("counts").textContent = `${universes.length} universes, ${members} memberships, as of ${list.as_of || "no session yet"}`;
  showUniverses();
}

const isOpen = (status) => status === "pending" || status === "running";

async function readHistory() {
  const history = await ask(`${RUNS}/history?limit=${PAGE}&offset=${offset}`);
  find("history").replaceChildren(...history.jobs.map((run) => {
    const row = element("tr"), actions = element("td");
    const action = (label, path) => {
      const button = element("button", label);
      button.type = "button";
      button.setAttribute("aria-label", `${label} the run of ${time(run.created_at)}`);
      button.addEventListener("click", () => order(`${RUNS}/${path}/${run.job_id}`, { method: "POST" }, button));
      actions.append(button, " ");
    };
    if (run.status === "held") action("Approve", "approve");
    if (isOpen(run.status)) action("Cancel", "cancel");
    const show = element("button", "Show");
    show.type = "button";
    show.setAttribute("aria-label", `Show the run of ${time(run.created_at)}`);
    show.addEventListener("click", () => watch(run.job_id).catch(failed));
    actions.append(show);
    row.append(element("td", time(run.created_at)), element("td", run.mode), element("td", run.triggered_by),
      element("td", run.status.replaceAll("_", " "), run.status),
      element("td", run.duration_seconds === null ? "" : run.duration_seconds.toFixed(2), "number"), actions);
    return row;
  }));
  find("newer").disabled = offset === 0;
  find("older").disabled = offset + PAGE >= history.total;
  return history.jobs;
}

function showRun(run) {
  find("run").hidden = false;
  const state = element("strong", run.status.replaceAll("_", " "), run.status);
  const words = [` run ${run.job_id}`, run.session ? ` for ${run.session}` : ""];
  if (!isOpen(run.status)) words.push(`: ${run.total_changes} changes in ${run.universes_updated.length} universes`);
  find("run-state").replaceChildren(state, words.join(""));
  const progress = find("run-progress");
  progress.hidden = !isOpen(run.status);
  if (run.progress && typeof run.progress.percentage === "number") progress.value = run.progress.percentage;
  else progress.removeAttribute("value");
  const steps = [];
  const add = (term, text, kind) => steps.push(element("dt", term), element("dd", text, kind));
  if (run.progress && run.progress.step) add("now", run.progress.step.replaceAll("_", " "));
  for (const [step, result] of Object.entries(run.task_results || {})) {
    add(step.replaceAll("_", " "), `${result.status}, ${result.changes} changes`, result.status);
  }
  for (const held of run.held || []) {
    add(`held: ${held.universe}`, `${(held.added || []).length} would come, ${(held.removed || []).length} would go`, "held");
  }
  if (run.error_details) add("error", run.error_details, "failed");
  find("run-steps").replaceChildren(...steps);
  find("cancel").hidden = !isOpen(run.status);
  find("rebuild").disabled = isOpen(run.status);
}

/** Looks at a run until it is over. */
async function watch(id) {
  watched = id;
  while (watched === id) {
    const run = await ask(`/api/admin/cache-sync/status/${encodeURIComponent(id)}`);
    if (watched !== id) return;
    showRun(run);
    if (!isOpen(run.status)) {
      watched = null;
      await Promise.all([readUniverses(), readHistory()]);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** Orders something about a run, and looks at the run that answers. */
async function order(path, options, button) {
  button.disabled = true;
  try {
    const answer = await ask(path, options);
    say(answer.message || `Run ${answer.job_id} waits for its turn.`, "good");
    await readHistory();
    await watch(answer.job_id);
  } catch (error) {
    failed(error);
    const running = error instanceof Refused && error.status === 409 && error.body.job_id;
    if (running) await watch(running).catch(failed);
  } finally {
    button.disabled = false;
    find("rebuild").disabled = watched !== null;
  }
}

async function start() {
  find("forget").hidden = !sessionStorage.getItem(KEY);
  try {
    const [, runs] = await Promise.all([readUniverses(), readHistory()]);
    find("key-section").hidden = true;
    const open = runs.find((run) => isOpen(run.status));
    if (open) await watch(open.job_id);
  } catch (error) {
    const isFirst = error instanceof Refused && error.status === 401 && !sessionStorage.getItem(KEY);
    if (isFirst) find("key").focus();
    else failed(error);
  }
}

find("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, find("key").value.trim());
  find("key").value = "";
  find("messages").replaceChildren();
  start();
});
find("forget").addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  location.reload();
});
find("rebuild-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new URLSearchParams(find("preserve").checked ? { preserve_existing: "1" } : {});
  order("/admin/historical-data/rebuild-cache", { method: "POST", body: form }, find("rebuild"));
});
find("cancel").addEventListener("click", () => {
  if (watched) ask(`${RUNS}/cancel/${watched}`, { method: "POST" }).then((answer) => say(answer.message || "Cancelled.", "good"), failed);
});
find("filter").addEventListener("input", showUniverses);
find("older").addEventListener("click", () => { offset += PAGE; readHistory().catch(failed); });
find("newer").addEventListener("click", () => { offset = Math.max(0, offset - PAGE); readHistory().catch(failed); });
start();
