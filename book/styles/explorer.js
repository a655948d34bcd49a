// Predicted against true bone age, point by point. Does nothing on pages without #explorer.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("explorer");
  const data = window.boneageExplorer;
  if (!place) return;
  if (!data) {
    place.textContent = "This copy of the book was built without a run; make report fills this page.";
    return;
  }

  const SIDE = 420;
  const MARGIN = 48;
  const OLDEST = data.bands.at(-1);
  const SEXES = { 1: "girls", 0: "boys" };
  const state = { network: 0, sex: "all", band: "all", chosen: null, saliency: true };
  const words = (months) => `${months.toFixed(1)} months (${(months / 12).toFixed(1)} years)`;

  const make = (tag, attributes = {}, ...children) => {
    const space = ["svg", "circle", "line", "text", "g"].includes(tag)
      ? "http://www.w3.org/2000/svg"
      : "http://www.w3.org/1999/xhtml";
    const element = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const choice = (name, options, label) => {
    const select = make("select", { id: `explorer-${name}` });
    for (const [value, text] of options) select.append(make("option", { value }, text));
    select.addEventListener("change", () => {
      state[name] = select.value;
      draw();
    });
    return make("label", { for: select.id }, label, select);
  };

  const bands = data.bands.slice(1).map((end, k) => [k, `${data.bands[k] / 12} to ${end / 12} years`]);
  const controls = make(
    "div",
    { class: "controls" },
    choice("network", data.networks.map((network, k) => [k, network.title]), "Network"),
    choice("sex", [["all", "all"], [1, "girls"], [0, "boys"]], "Sex"),
    choice("band", [["all", "all"], ...bands], "Age"),
  );
  const plot = make("div");
  const told = make("p", { role: "status" });
  const detail = make("div", { "aria-live": "polite" });
  place.replaceChildren(controls, make("div", { class: "panes" }, make("div", {}, plot, told), detail));

  const inBand = (age, band) =>
    age >= data.bands[band] && (age < data.bands[band + 1] || (band === bands.length - 1 && age === OLDEST));
  const isSeen = (hand) =>
    (state.sex === "all" || hand.female === Number(state.sex)) &&
    (state.band === "all" || inBand(hand.age, Number(state.band)));
  const across = (months) => MARGIN + (months / OLDEST) * (SIDE - MARGIN - 20);
  const down = (months) => SIDE - MARGIN - (Math.min(Math.max(months, 0), OLDEST) / OLDEST) * (SIDE - MARGIN - 20);

  const drawPlot = (seen) => {
    const network = data.networks[state.network];
    const picture = make("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "group" });
    picture.setAttribute("aria-label", `Answers of ${network.title} against true bone age, months`);
    for (const months of data.bands) {
      picture.append(
        make("line", { class: "grid", x1: across(months), x2: across(months), y1: down(0), y2: down(OLDEST) }),
        make("line", { class: "grid", x1: across(0), x2: across(OLDEST), y1: down(months), y2: down(months) }),
        make("text", { x: across(months), y: down(0) + 18, "text-anchor": "middle" }, String(months)),
        make("text", { x: MARGIN - 8, y: down(months) + 4, "text-anchor": "end" }, String(months)),
      );
    }
    picture.append(
      make("line", { class: "identity", x1: across(0), y1: down(0), x2: across(OLDEST), y2: down(OLDEST) }),
      make("text", { x: across(OLDEST / 2), y: SIDE - 8, "text-anchor": "middle" }, "True bone age (months)"),
      make("text", { transform: `rotate(-90 12 ${SIDE / 2})`, x: 12, y: SIDE / 2, "text-anchor": "middle" }, "Answer (months)"),
    );
    for (const hand of seen) {
      const answer = hand.answers[state.network];
      const point = make("circle", {
        class: hand === state.chosen ? "hand chosen" : "hand",
        cx: across(hand.age),
        cy: down(answer),
        r: 6,
        // Girls are filled, boys are rings: no color tells them apart.
        fill: hand.female ? network.color : "var(--pst-color-background)",
        stroke: network.color,
        tabindex: 0,
        role: "button",
        "aria-label": `Radiograph ${hand.name}: true ${hand.age} months, answer ${answer} months`,
      });
      const choose = () => {
        state.chosen = hand;
        draw();
        picture.ownerDocument.querySelector("#explorer .chosen")?.focus();
      };
      point.addEventListener("click", choose);
      point.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          choose();
        }
      });
      picture.append(point);
    }
    plot.replaceChildren(picture);
    const errors = seen.map((hand) => Math.abs(hand.answers[state.network] - hand.age));
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    told.textContent = errors.length
      ? `${errors.length} radiographs (filled: girls, rings: boys); ${network.title} errs by ${mean.toFixed(1)} months on average.`
      : "No radiograph is of this sex and age.";
  };

  const drawDetail = (hand) => {
    if (!hand) {
      detail.replaceChildren(make("p", {}, "Choose a point."));
      return;
    }
    const parts = [];
    if (data.synthetic) {
      const alt = `Synthetic radiograph ${hand.name} of a hand, ${SEXES[hand.female] === "girls" ? "female" : "male"}, bone age ${hand.age} months`;
      const frame = make("div", { class: "picture" }, make("img", { src: `../explorer/radiographs/${hand.name}.jpg`, alt }));
      const network = data.networks[state.network];
      if (hand.saliency.includes(network.name)) {
        const over = make("img", {
          class: "saliency",
          src: `../explorer/saliency/${network.name}/${hand.name}.png`,
          alt: `Where ${network.title} looked on this radiograph: red makes it older, blue younger`,
        });
        over.hidden = !state.saliency;
        frame.append(over);
        const box = make("input", { type: "checkbox", id: "explorer-saliency" });
        box.checked = state.saliency;
        box.addEventListener("change", () => {
          state.saliency = box.checked;
          over.hidden = !box.checked;
        });
        parts.push(make("label", { for: box.id }, box, `Where ${network.title} looked: red older, blue younger`));
      }
      parts.unshift(frame);
    }
    const rows = data.networks.map((network, k) => {
      const answer = hand.answers[k];
      const error = answer - hand.age;
      const sign = error < 0 ? "−" : "+";
      return make(
        "tr",
        {},
        make("th", { scope: "row" }, network.title),
        make("td", {}, answer.toFixed(1)),
        make("td", {}, `${sign}${Math.abs(error).toFixed(1)}`),
      );
    });
    const head = make("tr", {}, ...["Network", "Answer", "Error"].map((name) => make("th", { scope: "col" }, name)));
    parts.push(
      make("p", {}, `Radiograph ${hand.name}, ${hand.female ? "female" : "male"}: true bone age ${words(hand.age)}.`),
      make("table", { class: "table" }, make("caption", {}, "Answers of all networks, months."), make("thead", {}, head), make("tbody", {}, ...rows)),
    );
    detail.replaceChildren(...parts);
  };

  const draw = () => {
    const seen = data.hands.filter(isSeen);
    if (state.chosen && !seen.includes(state.chosen)) state.chosen = null;
    drawPlot(seen);
    drawDetail(state.chosen);
  };
  // The worst error first: it says more than an empty pane.
  const error = (hand) => Math.abs(hand.answers[0] - hand.age);
  state.chosen = [...data.hands].sort((a, b) => error(b) - error(a))[0];
  draw();
});
