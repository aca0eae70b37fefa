"use strict";

const byId = (id) => document.getElementById(id);
const MOST_LINES = 64;
let model = null;

// Text is only ever set as text, so that markup in it is shown, not obeyed.
function element(kind, className, text) {
  const made = document.createElement(kind);
  made.className = className;
  made.textContent = text;
  return made;
}

function say(text) {
  byId("message").textContent = text;
  byId("message").hidden = !text;
}

function explain(status, message) {
  if (status === 429) return "The server is busy. Try again in a moment.";
  if (status === 503) return "The server is not ready. Try again in a moment.";
  if (status === 504) return "That took too long. Try again, or fewer lines.";
  if (status === 413) return "That is too much text at once. Try fewer lines.";
  return `The server could not translate this: ${message}`;
}

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(body),
  };
  let response, answer;
  try {
    response = await fetch(path, options);
    answer = await response.json();
  } catch (error) {
    throw new Error(
      "The server does not answer. Is it still running? " +
      "Your text is kept; try again when it is back.");
  }
  if (!response.ok) throw new Error(explain(response.status, answer.error));
  return answer;
}

async function connect() {
  const found = await ask("healthz");
  byId("model").textContent = `${found.model}, version ${found.version}`;
  return found;
}

// For each line a list of [translation, score or null], the best first.
async function translate(lines) {
  const path = `v1/models/${encodeURIComponent(model.model)}:predict`;
  if (!model.signatures.includes("nbest")) {
    const {predictions} = await ask(path, {instances: lines});
    return predictions.map((text) => [[text, null]]);
  }
  const {predictions} = await ask(
    path, {signature_name: "nbest", instances: lines});
  return predictions.map(({translations, scores, counts}) =>
    translations.slice(0, counts).map((text, i) => [text, scores[i]]));
}

function row(kind, [text, score]) {
  const made = element(kind, "", "");
  made.append(element("span", "translation", text));
  if (score !== null) {
    const shown = element("span", "score", score.toFixed(3));
    shown.title = "Score: length-normalised log-probability; nearer 0 is better";
    made.append(shown);
  }
  return made;
}

function card(line, found) {
  const made = element("article", "", "");
  made.append(element("p", "source", line));
  const best = row("div", found[0] || ["(no translation)", null]);
  best.classList.add("best");
  made.append(best);
  if (found.length > 1) {
    const others = element("details", "", "");
    others.append(
      element("summary", "", `${found.length - 1} more of the n-best`));
    const list = element("ol", "", "");
    list.start = 2;
    for (const entry of found.slice(1)) {
      const item = element("li", "", "");
      item.append(row("div", entry));
      list.append(item);
    }
    others.append(list);
    made.append(others);
  }
  return made;
}

async function submit(event) {
  event.preventDefault();
  const button = byId("translate");
  if (button.disabled) return;
  const lines = byId("text").value.split("\n").filter((line) => line.trim());
  if (!lines.length) return say("Type some text first.");
  if (lines.length > MOST_LINES) {
    return say(`Please translate at most ${MOST_LINES} lines at once.`);
  }
  say("");
  button.disabled = true;
  button.textContent = "Translating …";
  try {
    model = await connect();
    const found = await translate(lines);
    byId("results").replaceChildren(
      ...lines.map((line, i) => card(line, found[i])));
  } catch (error) {
    say(error.message);
  } finally {
    button.disabled = false;
    button.textContent = "Translate";
  }
}

byId("form").addEventListener("submit", submit);
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    byId("form").requestSubmit();
  }
});
connect().catch((error) => {
  byId("model").textContent = "";
  say(error.message);
});
