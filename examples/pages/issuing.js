"use strict";
const at = (id) => document.getElementById(id);
const month = new Date(Date.now() - 60 * 864e5);
at("date").value = month.toISOString().slice(0, 10);

const say = (...nodes) => {
  at("result").hidden = false;
  at("said").replaceChildren(...nodes);
  at("result").scrollIntoView({block: "nearest"});
};
const element = (name, text, attributes = {}) => {
  const made = Object.assign(document.createElement(name), attributes);
  made.textContent = text;
  return made;
};
const facts = () => {
  const [number, doses] = at("doses").value.split("/").map(Number);
  return {
    holder: {family_name: at("family").value, given_name: at("given").value || null, birth_date: at("born").value},
    vaccination: {product: at("product").value, dose_number: number, doses, date: at("date").value},
  };
};

at("facts").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.submitter.value;
  const response = await fetch(form === "screen" ? "/screens" : `/passes/${form}`, {
    method: "POST",
    headers: {"Content-Type": "application/json", "Accept-Language": at("language").value},
    body: JSON.stringify(facts()),
  });
  if (!response.ok) {
    const problem = await response.json();
    const list = document.createElement("ul");
    for (const fault of problem.faults || []) list.append(element("li", `${fault.field} ${fault.sentence}`.trim()));
    say(element("p", problem.title, {className: "fault"}), element("p", problem.detail || ""), list);
  } else if (form === "screen") {
    const {views} = await response.json();
    const list = document.createElement("ul");
    for (const [view, path] of Object.entries(views)) {
      for (const bound of view === "eu" ? [""] : ["", "?bound=true"]) {
        const item = document.createElement("li");
        item.append(element("a", `${view.toUpperCase()}${bound && ", bound to this browser"}`, {href: path + bound, target: "_blank"}));
        list.append(item);
      }
    }
    say(list);
  } else if (form === "text") {
    say(element("textarea", await response.text(), {rows: 6, readOnly: true, ariaLabel: "The pass as text"}));
  } else {
    const file = await response.blob();
    say(element("a", `Save the ${form.toUpperCase()}`, {href: URL.createObjectURL(file), download: `pass.${form}`}));
  }
});
