// Keys, sliders and failures of the page. Every control also works as a plain form without this file.
"use strict";

const $ = (id) => document.getElementById(id);

// A slider moved by keys changes at every step: what it comes to rest at is asked for.
let resting = 0;
document.addEventListener("change", (event) => {
  const target = event.target;
  if (!target.matches("[data-now]")) return;
  clearTimeout(resting);
  resting = setTimeout(() => target.form.requestSubmit(), target.type === "range" ? 120 : 0);
});

document.addEventListener("keydown", (event) => {
  const target = event.target;
  const typing = target.matches("input:not([type=range]), textarea, select");
  if (event.key === "/" && !typing && $("search")) {
    event.preventDefault();
    $("search").focus();
  }
  const options = [...document.querySelectorAll("#found .option")];
  const place = options.indexOf(target);
  if (target.id !== "search" && place < 0) return;
  const search = $("search");
  if (event.key === "ArrowDown" && options.length) {
    event.preventDefault();
    options[Math.min(place + 1, options.length - 1)].focus();
  } else if (event.key === "ArrowUp" && place >= 0) {
    event.preventDefault();
    (options[place - 1] || search).focus();
  } else if (event.key === "Escape") {
    $("found").replaceChildren();
    search.focus();
  } else if (event.key === "Enter" && target.id === "search") {
    event.preventDefault();
    if (options.length) options[0].click();
  }
});

// What was found goes when the reader turns to something else.
document.addEventListener("focusin", (event) => {
  const found = $("found");
  if (found && !found.contains(event.target) && event.target.id !== "search") found.replaceChildren();
});

let from = "";
let aside = 0; // on a phone the lists are scrolled sideways
let down = 0;
document.addEventListener("htmx:beforeSwap", () => {
  aside = document.querySelector(".columns")?.scrollLeft ?? 0;
  down = scrollY;
});
document.addEventListener("htmx:beforeRequest", (event) => {
  const button = event.detail.requestConfig?.triggeringEvent?.submitter;
  from = button ? button.name : "";
  document.body.classList.add("waiting");
});
document.addEventListener("htmx:afterRequest", () => document.body.classList.remove("waiting"));
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "page") return;
  fail("");
  const columns = document.querySelector(".columns");
  if (columns) columns.scrollLeft = aside;
  // While old and new stand together, the browser has followed the old.
  scrollTo(scrollX, down);
  // The search goes on after a choice; another button's place is taken by its successor or by the lists.
  if (from === "add" || from === "drop" || from === "person") $("search")?.focus();
  else if (document.activeElement === document.body && from) $("page")?.querySelector("select, button.main")?.focus({ preventScroll: true });
  linkLanguages();
});

function linkLanguages() {
  for (const link of document.querySelectorAll("[data-switch]")) {
    const address = new URL(location.href);
    address.searchParams.set("lang", link.dataset.switch);
    link.href = address.search;
  }
}

// What is typed into a form stands in the address, which can be sent to a colleague, before anything is saved.
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-typed]");
  if (!form) return;
  keepTyped(new URL(location.href), [form]);
});

function keepTyped(address, forms) {
  for (const form of forms) {
    for (const field of form.elements) {
      if (!field.name) continue;
      const name = `${form.dataset.typed}.${field.name}`;
      if (field.value) address.searchParams.set(name, field.value);
      else address.searchParams.delete(name);
    }
  }
  history.replaceState(history.state, "", address);
  linkLanguages();
}

// A form that was refused stands at the address that it was sent to, where nothing can be got: it goes home.
const refused = document.querySelector("[data-home]");
if (refused) keepTyped(new URL(refused.dataset.home, location.href), refused.querySelectorAll("form[data-typed]"));

// What was typed before the new field had its listeners is looked for, too.
document.addEventListener("htmx:afterSettle", (event) => {
  const search = $("search");
  if (event.detail.target?.id === "page" && search?.value !== search?.defaultValue) search.dispatchEvent(new Event("search"));
});

// A call that fails leaves the page, and what was typed, as they are, and says what happened.
function fail(text) {
  $("failure").textContent = text;
  $("failure").hidden = !text;
}
document.addEventListener("htmx:sendError", () => fail(document.body.dataset.offline));
document.addEventListener("htmx:timeout", () => fail(document.body.dataset.slow));
document.addEventListener("htmx:responseError", (event) => {
  let detail = "";
  try {
    detail = JSON.parse(event.detail.xhr.responseText).detail || "";
  } catch {
    // not a problem document
  }
  fail(`${document.body.dataset.failed} ${detail}`);
});

// A page that waits for the first model turns into the service once there is one.
if ("waits" in document.body.dataset) {
  setInterval(async () => {
    const ready = await fetch("/ready").catch(() => null);
    if (ready?.ok) location.reload();
  }, 2000);
}

// A picture, chosen or dropped anywhere on the page, is made small here before it is sent.
async function askLike(file) {
  document.body.classList.add("waiting");
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, 512 / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const jpeg = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.88));
    const answer = await fetch("/pictures", { method: "POST", body: jpeg });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.detail);
    const form = $("ask");
    const name = form.elements.i ?? form.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name: "i" }));
    name.value = found.name;
    form.requestSubmit();
  } catch (error) {
    document.body.classList.remove("waiting");
    fail(`${$("drop").dataset.problem} ${error.message}`);
  }
}
document.addEventListener("change", (event) => {
  if (event.target.id === "picture" && event.target.files[0]) askLike(event.target.files[0]);
});
document.addEventListener("dragover", (event) => {
  if (!$("drop") || !event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  document.body.classList.remove("dropping");
  if (!$("drop") || !event.dataTransfer.files[0]) return;
  event.preventDefault();
  askLike(event.dataTransfer.files[0]);
});
