"use strict";
const at = (id) => document.getElementById(id);
const MARKS = {accepted: "✓", genuine: "✓", refused: "✕", open: "?"};
let words = {}, language = "en", chosen = "", texts = [], look = crypto.randomUUID(), last = null, closing = 0;

const word = (name, values = {}) =>
  (words[language]?.[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
const element = (name, text) => Object.assign(document.createElement(name), {textContent: text});
const moment = (value) => new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, {dateStyle: "long", timeStyle: "short"}).format(new Date(value));

const note = (text) => { at("note").textContent = text; };
const send = async (path, body, headers = {}) => {
  try {
    return await fetch(path, {method: "POST", body, headers: {"Accept-Language": language, ...headers}});
  } catch {
    note(word("no-answer"));
    return null;
  }
};

// Codes in, an answer out.
const add = async (text) => {
  if (!texts.includes(text)) texts.push(text);
  await ask();
};
const read = async (blob, quiet) => {
  const response = await send("/codes", blob, {"Content-Type": "application/octet-stream"});
  if (!response) return false;
  if (!response.ok) { note(word("unreadable")); return false; }
  const codes = await response.json();
  const found = codes.filter((code) => code.text).map((code) => code.text);
  if (!found.length) {
    if (codes.length) note(word("foreign", {what: codes[0].looks_like}));
    else if (!quiet) note(word("nothing"));
    return false;
  }
  for (const text of found) if (!texts.includes(text)) texts.push(text);
  await ask();
  return true;
};
const ask = async () => {
  note("");
  const typed = {name: at("document-name").value.trim() || null, mrz: at("document-mrz").value.trim().toUpperCase() || null, birth_date: at("document-born").value || null};
  const given = typed.name || typed.mrz || typed.birth_date ? typed : null;
  const body = JSON.stringify({texts, look, country: at("country").value || null, document: given});
  const response = await send("/answers", body, {"Content-Type": "application/json"});
  if (!response) return;
  if (!response.ok) { note((await response.json()).title); return; }
  last = await response.json();
  show();
};

// The answer.
const show = () => {
  if (!last) return;
  const dialog = at("answer"), country = at("country").value;
  dialog.dataset.outcome = last.outcome;
  at("mark").textContent = MARKS[last.outcome];
  at("outcome").textContent = word(last.outcome) + (country && last.outcome !== "genuine" ? ` ${word("in-country", {country})}` : "");
  at("until").textContent = last.until ? word("until", {moment: moment(last.until)}) : "";
  at("reasons").replaceChildren(...last.reasons.map((text) => element("li", text)));
  at("why").hidden = !last.reasons.length;
  at("identity").textContent = last.identity === "match" ? word("identity-match") : "";
  at("reminder").textContent = last.reminder || "";
  at("passes").replaceChildren(...last.passes.map((pass) => {
    const item = document.createElement("li");
    if (pass.name || pass.birth_date) item.append(element("strong", [pass.name, pass.birth_date && `${word("born")} ${pass.birth_date}`].filter(Boolean).join(", ")));
    item.append(element("span", [(pass.profile || "?").toUpperCase(), pass.kind, pass.expires && word("until", {moment: moment(pass.expires)})].filter(Boolean).join(" · ")));
    return item;
  }));
  at("document").hidden = !last.passes.some((pass) => pass.name || pass.birth_date);
  at("add").hidden = last.passes.some((pass) => !pass.ok) || last.identity === "no match";
  if (!dialog.open) dialog.showModal();
  at("outcome").focus({preventScroll: true});
  dialog.scrollTop = 0;
  clearInterval(closing);
  let left = last.closes_after;
  const tick = () => {
    at("closes").textContent = word("closes", {seconds: left});
    if (left-- <= 0) finish();
  };
  tick();
  closing = setInterval(tick, 1000);
};
const close = () => {
  clearInterval(closing);
  last = null;
  at("passes").replaceChildren();
  at("document").reset();
  at("picture").value = at("text").value = "";
  if (at("answer").open) at("answer").close();
};
const finish = () => { texts = []; look = crypto.randomUUID(); close(); };
at("next").addEventListener("click", finish);
at("add").addEventListener("click", close);
at("answer").addEventListener("cancel", finish);
at("document").addEventListener("submit", (event) => { event.preventDefault(); ask(); });

// Text, file, camera.
at("by-text").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("text").value.replace(/[\r\n]+/g, "");
  if (text.trim()) add(text);
});
at("picture").addEventListener("change", () => { const [file] = at("picture").files; if (file) read(file, false); });

let stream = null;
const stop = () => {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  at("video").hidden = true;
  at("camera").textContent = word("camera");
};
at("camera").addEventListener("click", async () => {
  if (stream) { stop(); return; }
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment", width: {ideal: 1280}}});
  } catch {
    note(word("camera-none"));
    return;
  }
  const video = at("video"), canvas = document.createElement("canvas");
  video.srcObject = stream;
  video.hidden = false;
  at("camera").textContent = word("camera-stop");
  await video.play();
  while (stream) {
    if (!at("answer").open && video.videoWidth) {
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      canvas.getContext("2d").drawImage(video, 0, 0);
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
      if (blob && stream && await read(blob, true)) stop();
    }
    await new Promise((done) => setTimeout(done, 250));
  }
});

// Languages and lists.
const speak = (tag) => {
  language = tag;
  document.documentElement.lang = tag;
  document.title = word("title");
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
  for (const each of document.querySelectorAll("[data-language]")) each.setAttribute("aria-pressed", String(each.dataset.language === tag));
  if (stream) at("camera").textContent = word("camera-stop");
  if (at("country").options.length) at("country").options[0].textContent = word("country-none");
};
for (const each of document.querySelectorAll("[data-language]")) each.addEventListener("click", () => { chosen = each.dataset.language; speak(chosen); });
(async () => {
  words = await (await fetch("/pages/words.json")).json();
  const tag = (navigator.language || "en").slice(0, 2);
  const lists = await (await fetch("/health")).json();
  at("country").append(new Option("", ""), ...lists.countries.map((country) => new Option(country, country)));
  if (!lists.ok) at("lists").dataset.word = "lists-former";
  // Somebody may have chosen before the words were there.
  speak(chosen || (words[tag] ? tag : "en"));
})();
