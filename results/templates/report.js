"use strict";

// Tables: a click on a head sorts its column; once more turns it round. Cells carry their value in data-value.
function sortTable(head) {
  const table = head.closest("table");
  const heads = Array.from(head.parentNode.children);
  const column = heads.indexOf(head);
  const numeric = !head.classList.contains("text");
  const before = head.getAttribute("aria-sort");
  const descending = before === "none" ? numeric : before === "ascending";
  const body = table.tBodies[0];
  const value = (row) => row.cells[column].dataset.value;
  const rows = Array.from(body.rows).sort((one, two) => {
    const a = value(one), b = value(two);
    if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1; // what is missing stays last
    const order = numeric ? Number(a) - Number(b) : a.localeCompare(b, "en");
    return descending ? -order : order;
  });
  heads.forEach((other) => other.setAttribute("aria-sort", "none"));
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  body.append(...rows);
}
document.querySelectorAll("th[aria-sort] button").forEach((button) =>
  button.addEventListener("click", () => sortTable(button.parentNode)));

// The browser of problems. Text from the data is only ever set through textContent.
function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function browse(data) {
  const byId = (id) => document.getElementById(id);
  const filter = byId("filter"), pick = byId("pick"), color = byId("color"), order = byId("order");
  const previous = byId("previous"), next = byId("next");
  const place = byId("problem"), list = byId("solutions"), more = byId("more"), shown = byId("shown");
  const SOME = 12;
  const ORACLE = { "-1": ["wrong", 0], "0": ["neutral", 0.5], "1": ["right", 1] };
  let limit = SOME;

  const armName = (arm) => data.arms[arm].name;
  const chosenBy = (problem, arm) => problem.solutions.filter((s) => s.chosen_by.includes(arm));
  const choosers = (problem) => data.choosers.filter((arm) => chosenBy(problem, arm).length > 0);
  const fails = (problem, arm) => chosenBy(problem, arm).some((s) => !s.final_correct);
  const FILTERS = {
    all: () => true,
    any: (problem) => choosers(problem).some((arm) => fails(problem, arm)),
    every: (problem) => choosers(problem).length > 0 && choosers(problem).every((arm) => fails(problem, arm)),
    disagree: (problem) => new Set(choosers(problem).map((arm) => fails(problem, arm))).size > 1,
  };

  function format(score) {
    const size = Math.abs(score);
    return size !== 0 && (size < 0.001 || size >= 10000) ? score.toExponential(1) : score.toFixed(3);
  }

  // 0 is wrong, 1 is right, 0.5 has no tint.
  function tint(element, score) {
    const hue = score < 0.5 ? "var(--wrong)" : "var(--right)";
    const share = Math.round(Math.abs(score - 0.5) * 2 * 100) / 100;
    element.style.backgroundColor = `color-mix(in oklab, ${hue} calc(var(--tint) * ${share} * 1.4), transparent)`;
    element.style.borderLeftColor = share < 0.02 ? "var(--neutral)" : `color-mix(in oklab, ${hue} ${Math.round(40 + 60 * share)}%, transparent)`;
  }

  function showStep(step, by) {
    const item = make("li", "step");
    item.append(make("span", "text", step.text));
    let label, score;
    if (by === "oracle") {
      [label, score] = step.oracle === null ? ["not judged", null] : ORACLE[String(step.oracle)];
    } else {
      score = by in step.scores ? step.scores[by] : null;
      label = score === null ? "no score" : score.toFixed(2);
    }
    item.append(make("span", "score", label));
    if (score === null) item.classList.add("unscored"); else tint(item, score);
    return item;
  }

  function showSolution(solution, by) {
    const card = make("article", "solution");
    const head = make("header");
    head.append(make("h3", "", `Solution ${solution.sample}`));
    const verdict = solution.answer === null ? (solution.finished ? "✗ no answer" : "✗ never finished")
      : solution.final_correct ? `✓ right: ${solution.answer}` : `✗ wrong: ${solution.answer}`;
    head.append(make("span", solution.final_correct ? "mark right" : "mark wrong", verdict));
    if (solution.count > 1) head.append(make("span", "soft", `drawn ${solution.count} times`));
    card.append(head);
    if (solution.chosen_by.length > 0) {
      card.classList.add("chosen");
      const badges = make("ul", "badges");
      solution.chosen_by.forEach((arm) => {
        const badge = make("li", "badge", `chosen by ${armName(arm)}`);
        badge.dataset.arm = arm;
        badges.append(badge);
      });
      card.append(badges);
    }
    const steps = make("ol", "steps");
    steps.append(...solution.steps.map((step) => showStep(step, by)));
    card.append(steps);
    const scores = make("p", "scores");
    data.scorers.filter((arm) => arm in solution.solution_scores).forEach((arm) => {
      const score = make("span", "", `${armName(arm)} `);
      score.append(make("b", "", format(solution.solution_scores[arm])));
      scores.append(score);
    });
    card.append(scores);
    return card;
  }

  function sorted(problem) {
    const by = order.value;
    const key = by === "drawn" ? (s) => s.sample
      : by === "often" ? (s) => -s.count
      : by === "chosen" ? (s) => -s.chosen_by.length
      : (s) => (by in s.solution_scores ? -s.solution_scores[by] : Infinity);
    return problem.solutions.slice().sort((a, b) => key(a) - key(b) || a.sample - b.sample);
  }

  function show() {
    const problem = data.problems[Number(pick.value)];
    list.replaceChildren();
    place.replaceChildren();
    const none = pick.options.length === 0;
    previous.disabled = none || pick.selectedIndex === 0;
    next.disabled = none || pick.selectedIndex === pick.options.length - 1;
    pick.disabled = none;
    more.hidden = true;
    if (none) {
      place.append(make("p", "", "No problem passes this filter."));
      shown.textContent = "";
      return;
    }
    place.append(make("p", "", problem.problem));
    const drawn = problem.solutions.reduce((sum, s) => sum + s.count, 0);
    const right = problem.solutions.reduce((sum, s) => sum + (s.final_correct ? s.count : 0), 0);
    place.append(make("p", "facts", `Right answer ${problem.answer}; ${right} of ${drawn} solutions shown here reach it (${problem.solutions.length} different).`));
    const solutions = sorted(problem);
    list.append(...solutions.slice(0, limit).map((solution) => showSolution(solution, color.value)));
    shown.textContent = `${Math.min(limit, solutions.length)} of ${solutions.length} different solutions, problem ${pick.selectedIndex + 1} of ${pick.options.length}`;
    more.hidden = solutions.length <= limit;
    more.textContent = `Show all ${solutions.length}`;
    byId("key-scores").hidden = color.value === "oracle";
    byId("key-oracle").hidden = color.value !== "oracle";
  }

  function fill() {
    const kept = pick.value;
    pick.replaceChildren();
    data.problems.forEach((problem, index) => {
      if (!FILTERS[filter.value](problem)) return;
      const marks = choosers(problem).map((arm) => (fails(problem, arm) ? "✗" : "✓")).join("");
      const option = make("option", "", `${problem.problem_id}  ${marks}`);
      option.value = String(index);
      pick.append(option);
    });
    if (Array.from(pick.options).some((option) => option.value === kept)) pick.value = kept;
    limit = SOME;
    show();
  }

  function turn(by) {
    pick.selectedIndex += by;
    limit = SOME;
    show();
  }

  filter.addEventListener("change", fill);
  pick.addEventListener("change", () => { limit = SOME; show(); });
  color.addEventListener("change", show);
  order.addEventListener("change", show);
  previous.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  more.addEventListener("click", () => { limit = Infinity; show(); list.children[SOME].querySelector("h3").scrollIntoView({ block: "nearest" }); });
  fill();
}

const embedded = document.getElementById("examples");
if (embedded) browse(JSON.parse(embedded.textContent));
