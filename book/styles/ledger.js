// Makes the claims ledger sortable and filterable. Without it the ledger is a plain table.
"use strict";

(() => {
  const enhance = (ledger) => {
    const table = ledger.querySelector("table");
    const body = table.tBodies[0];
    const rows = [...body.rows];
    rows.forEach((row, number) => {
      row.dataset.order = number;
    });

    // A button in each head sorts by it: up, down, as it was.
    const heads = [...table.tHead.rows[0].cells];
    const text = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[
          head.getAttribute("aria-sort") ?? "none"
        ];
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (next !== "none") head.setAttribute("aria-sort", next);
        const sign = next === "descending" ? -1 : 1;
        const byPlace = (a, b) => a.dataset.order - b.dataset.order;
        const byText = (a, b) =>
          sign * text(a, column).localeCompare(text(b, column), "en", { numeric: true }) || byPlace(a, b);
        body.append(...[...rows].sort(next === "none" ? byPlace : byText));
      });
    });

    // A button for each verdict that occurs, and a field to search in all text.
    const bar = document.createElement("div");
    bar.className = "ledger-bar";
    const search = document.createElement("input");
    search.type = "search";
    search.placeholder = "Search the ledger";
    search.setAttribute("aria-label", "Search the ledger");
    const said = document.createElement("span");
    said.setAttribute("role", "status");
    let chosen = "";
    const update = () => {
      const wanted = search.value.trim().toLowerCase();
      let shown = 0;
      rows.forEach((row) => {
        const fits =
          (!chosen || row.dataset.verdict === chosen) && row.textContent.toLowerCase().includes(wanted);
        row.hidden = !fits;
        shown += fits;
      });
      said.textContent = `${shown} of ${rows.length} rows`;
      bar.querySelectorAll("button").forEach((button) => {
        button.setAttribute("aria-pressed", String(button.dataset.verdict === chosen));
      });
    };
    const byRank = [...rows].sort((a, b) => a.querySelector("[data-sort]").dataset.sort - b.querySelector("[data-sort]").dataset.sort);
    ["", ...new Set(byRank.map((row) => row.dataset.verdict))].forEach((verdict) => {
      const button = document.createElement("button");
      const count = rows.filter((row) => !verdict || row.dataset.verdict === verdict).length;
      button.type = "button";
      button.dataset.verdict = verdict;
      button.textContent = `${verdict || "all"} (${count})`;
      button.addEventListener("click", () => {
        chosen = verdict;
        update();
      });
      bar.append(button);
    });
    search.addEventListener("input", update);
    bar.append(search, said);
    ledger.prepend(bar);
    update();
    // A row's own address still leads to it once the bar has moved everything down.
    if (location.hash.startsWith("#claim-")) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  };

  const start = () => document.querySelectorAll(".ledger").forEach(enhance);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
