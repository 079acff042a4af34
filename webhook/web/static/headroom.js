"use strict";
// Keeps the page up to date without moving anything: the server says when the account has changed, the sections are
// fetched again, and only what differs is changed in place. Without JavaScript the page reloads by itself.
const main = document.getElementById("main");

const isBox = (node) => node instanceof HTMLInputElement || node instanceof HTMLTextAreaElement;

function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) { old.replaceWith(fresh); return; }
  if (old.nodeType === Node.TEXT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
  if (old.nodeType !== Node.ELEMENT_NODE || "kept" in old.dataset) return; // an answer stays until the next one
  if (old instanceof HTMLDetailsElement) { children(old, fresh); return; } // what somebody folded stays folded
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (isBox(old)) return; // what somebody types stays
  children(old, fresh);
}

const keyOf = (node) => node.id || (node.dataset && node.dataset.key) || "";

function children(old, fresh) {
  const known = new Map([...old.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const key = keyOf(next);
    const same = key ? known.get(key) : at && !keyOf(at) ? at : null;
    if (!same) { old.insertBefore(next, at); continue; }
    if (same !== at) old.insertBefore(same, at); else at = at.nextSibling;
    morph(same, next);
  }
  while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
}

// On a phone: the verdict, the load lines and what waits; the rest is folded.
if (matchMedia("(max-width: 640px)").matches) for (const part of document.querySelectorAll("details")) part.open = false;

let asking = false, again = false;
async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Headroom-Part": "sections" }, cache: "no-store" });
    if (answer.ok) {
      const fresh = main.cloneNode(false);
      fresh.innerHTML = await answer.text(); // escaped by the server's template
      fresh.dataset.state = fresh.querySelector("#verdict").classList[1];
      morph(main, fresh);
    }
  } catch { /* the stream says when the server is back */ }
  asking = false;
  if (again) { again = false; setTimeout(refresh, 500); }
}

function listen() {
  const stream = new EventSource(main.dataset.stream);
  stream.addEventListener("changed", refresh);
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) { stream.close(); setTimeout(() => { refresh(); listen(); }, 5000); }
  });
}
listen();

// What-if: a slider shows its figure at once, and is tried when it is let go; the address says what is tried.
document.addEventListener("input", (event) => {
  if (event.target.type === "range") event.target.parentElement.querySelector("output").value = `${event.target.value}%`;
});
document.addEventListener("change", (event) => {
  const form = event.target.closest("form.try");
  if (!form) return;
  const asked = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    const slider = form.elements[name];
    if (slider.type !== "range" || value !== slider.dataset.now) asked.append(name, slider.type === "range" ? `${value}%` : value);
  }
  history.replaceState(null, "", `?${asked}`);
  refresh();
});

// The box for manifests: the answer comes beside it, and the page stays where it is.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.check");
  if (!form) return;
  event.preventDefault();
  const answer = document.getElementById("check-answer"), button = form.querySelector("button");
  button.disabled = true;
  try {
    const said = await fetch(form.action, { method: "POST", headers: { "X-Headroom-Part": "check" }, body: new URLSearchParams(new FormData(form)) });
    if (said.ok) answer.innerHTML = await said.text(); // escaped by the server's template
    else answer.textContent = `Nothing was checked: ${said.status} ${said.statusText}`;
  } catch { answer.textContent = "Nothing was checked: the server does not answer."; }
  button.disabled = false;
});
document.addEventListener("dragover", (event) => { if (event.target.id === "manifests") event.preventDefault(); });
document.addEventListener("drop", async (event) => {
  const files = [...event.dataTransfer.files];
  if (event.target.id !== "manifests" || !files.length) return;
  event.preventDefault();
  event.target.value = (await Promise.all(files.map((file) => file.text()))).join("\n---\n");
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const said = button.firstChild, before = said.data;
  said.data = "copied";
  setTimeout(() => { said.data = before; }, 1500);
});

document.addEventListener("keydown", (event) => {
  const typing = isBox(event.target);
  if (event.key === "/" && !typing) { event.preventDefault(); document.querySelector("input[type=search]").focus(); }
  if (event.key === "Escape" && typing) event.target.blur();
  const row = event.target.closest("tbody tr");
  if (!row || typing || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const next = event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling;
  if (next) { event.preventDefault(); next.querySelector("button").focus(); }
});
