"use strict";
(() => {
  const root = document.documentElement;
  const all = selector => Array.from(document.querySelectorAll(selector));

  // Light or dark: as the system has it until the button says otherwise.
  const stored = action => { try { return action(localStorage); } catch { return null; } };
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = stored(s => s.getItem("suitebench-theme"));
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    stored(s => s.setItem("suitebench-theme", root.dataset.theme));
  });

  // A suite that is pointed at or kept is lit wherever it appears.
  const kept = new Set();
  let pointed = "";
  const light = () => {
    const lit = new Set(kept);
    if (pointed) lit.add(pointed);
    document.body.classList.toggle("lit", lit.size > 0);
    for (const e of all("[data-s]")) e.classList.toggle("on", lit.has(e.dataset.s));
    for (const e of all(".chip")) e.setAttribute("aria-pressed", String(kept.has(e.dataset.s)));
  };
  const suite = event => {
    const e = event.target.closest && event.target.closest("[data-s]");
    return e ? e.dataset.s : "";
  };
  const point = key => { if (key !== pointed) { pointed = key; light(); } };
  document.addEventListener("pointerover", e => { if (e.pointerType === "mouse") point(suite(e)); });
  document.addEventListener("click", e => {
    const at = e.target.closest && e.target.closest("svg .s, .chip");
    if (!at) return;
    const key = at.dataset.s;
    if (!kept.delete(key)) kept.add(key);
    light();
  });
  document.addEventListener("keydown", e => { if (e.key === "Escape") { kept.clear(); point(""); light(); } });

  // A heading sorts its column, and turns the order at the second click.
  const value = (row, column) => {
    const cell = row.cells[column];
    const number = cell.dataset.v === undefined ? NaN : Number(cell.dataset.v.replaceAll(",", ""));
    return { number, text: cell.textContent };
  };
  for (const table of all("table.sortable")) {
    const headings = Array.from(table.tHead.rows[0].cells);
    headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      for (const h of headings) h.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const numbers = Array.from(table.tBodies[0].rows).some(r => r.cells[column].dataset.v !== undefined);
      const sorted = Array.from(table.tBodies[0].rows).map(row => ({ row, ...value(row, column) })).sort((a, b) => {
        if (numbers) {
          const none = isNaN(a.number) - isNaN(b.number); // what has no figure comes last
          if (none || isNaN(a.number)) return none;
          return up ? a.number - b.number : b.number - a.number;
        }
        const order = a.text.localeCompare(b.text, "en", { numeric: true });
        return up ? order : -order;
      });
      table.tBodies[0].append(...sorted.map(s => s.row));
    }));
  }

  // The choice of a group size.
  for (const select of all("select[data-table]")) {
    const table = document.getElementById(select.dataset.table);
    const choose = () => {
      for (const row of table.querySelectorAll("tbody tr")) row.hidden = select.value !== "" && row.dataset.f !== select.value;
    };
    select.closest("p").hidden = false;
    select.addEventListener("change", choose);
    choose();
  }
})();
