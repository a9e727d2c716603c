"use strict";
// Search and sort of the tables; without it they are all there, in the order of the file.
const plain = (cell) => cell.textContent.trim();
const amount = (text) => (/^-?[\d,]+(\.\d+)?$/.test(text) ? Number(text.replaceAll(",", "")) : NaN);
function compare(one, other) {
  const [a, b] = [amount(one), amount(other)];
  if (one === "" || other === "") return (one === "") - (other === "");
  return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other) : a - b;
}
function sortBy(table, place, head) {
  const turned = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", turned === 1 ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => turned * compare(plain(a.cells[place]), plain(b.cells[place])));
  table.tBodies[0].append(...rows);
}
function search(table, words) {
  const wanted = words.toLowerCase().split(/\s+/);
  for (const row of table.tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word));
  }
}
for (const table of document.querySelectorAll("table")) {
  if (table.tBodies[0].rows.length < 2) continue;
  [...table.tHead.rows[0].cells].forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sortBy(table, place, head));
    head.replaceChildren(button);
  });
  if (table.tBodies[0].rows.length < 20) continue;
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "Search these rows";
  field.setAttribute("aria-label", field.placeholder);
  field.addEventListener("input", () => search(table, field.value));
  table.parentElement.before(field);
}
