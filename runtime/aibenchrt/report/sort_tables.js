// A click on the name of a column, or Enter or a blank on it, sorts its table by that column; a second one turns the order round.
"use strict";
for (const table of document.querySelectorAll("table")) {
  const names = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  if (body.rows.length < 2) continue;
  const figure = (text) => {
    const found = text.replace(/,/g, "").match(/^[<>≤≥\s]*([-+−]?\d*\.?\d+(?:e[-+]?\d+)?)/);
    return found ? Number(found[1].replace("−", "-")) : NaN;
  };
  const compare = (a, b) => {
    const [x, y] = [figure(a), figure(b)];
    if (!isNaN(x) && !isNaN(y)) return x - y;
    return isNaN(x) - isNaN(y) || a.localeCompare(b);
  };
  names.forEach((name, column) => {
    const sort = () => {
      const up = name.getAttribute("aria-sort") !== "ascending";
      const rows = [...body.rows];
      const text = new Map(rows.map((row) => [row, row.cells[column].textContent.trim()]));
      rows.sort((a, b) => (up ? 1 : -1) * compare(text.get(a), text.get(b)));
      body.append(...rows);
      names.forEach((other) => other.removeAttribute("aria-sort"));
      name.setAttribute("aria-sort", up ? "ascending" : "descending");
    };
    name.tabIndex = 0;
    name.title = "sort by " + name.firstChild.textContent.trim();
    const leads = (event) => event.target !== name; // to the definition of the column
    name.addEventListener("click", (event) => leads(event) || sort());
    name.addEventListener("keydown", (event) => {
      if (leads(event) || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      sort();
    });
  });
}
