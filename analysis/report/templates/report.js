(function () {
  "use strict";
  var all = function (s, n) { return Array.prototype.slice.call((n || document).querySelectorAll(s)); };
  var get = function (id) { return document.getElementById(id); };

  // ---- Contents: the section that is read is marked.
  var links = all(".toc a"), byId = {}, seen = {};
  links.forEach(function (a) { byId[a.getAttribute("href").slice(1)] = a; });
  if ("IntersectionObserver" in window) {
    var watch = new IntersectionObserver(function (entries) {
      entries.forEach(function (e) { seen[e.target.id] = e.isIntersecting; });
      var current = Object.keys(byId).filter(function (id) { return seen[id]; })[0];
      if (!current) return;
      links.forEach(function (a) { a.removeAttribute("aria-current"); });
      byId[current].setAttribute("aria-current", "true");
      var list = byId[current].closest("ol");
      if (list.scrollWidth > list.clientWidth) {
        list.scrollLeft = byId[current].offsetLeft - list.offsetLeft - 24;
      }
    }, { rootMargin: "-15% 0px -70% 0px" });
    Object.keys(byId).forEach(function (id) { if (get(id)) watch.observe(get(id)); });
  }

  // ---- State: what is highlighted, hidden, searched, sorted. It lies in the address behind the
  // anchor: #verdicts&hi=arm:afn&off=backbone:resnet8&q=blur&sort=table-cost.2.down&theme=dark
  var state = { hi: [], off: [], q: "", sort: [], theme: "" }, anchor = "";
  function read() {
    var parts = location.hash.slice(1).split("&");
    anchor = parts[0].indexOf("=") < 0 ? parts.shift() : "";
    state = { hi: [], off: [], q: "", sort: [], theme: "" };
    parts.forEach(function (part) {
      var at = part.indexOf("="), key = part.slice(0, at), value = "";
      try { value = decodeURIComponent(part.slice(at + 1)); } catch (e) { return; }
      if (key === "q") state.q = value;
      else if (key === "theme") state.theme = /^(dark|light)$/.test(value) ? value : "";
      else if (Array.isArray(state[key]) && value) state[key] = value.split(" ");
    });
  }
  function write() {
    var parts = [anchor];
    ["hi", "off", "q", "sort", "theme"].forEach(function (key) {
      var value = Array.isArray(state[key]) ? state[key].join(" ") : state[key];
      if (value) parts.push(key + "=" + encodeURIComponent(value).replace(/%3A/g, ":"));
    });
    history.replaceState(null, "", "#" + parts.join("&"));
  }

  // ---- Marks and rows of cells.
  var items = all("[data-cell]").map(function (node) {
    var kinds = {};
    node.getAttribute("data-cell").split(" ").forEach(function (t) {
      var kind = t.slice(0, t.indexOf(":"));
      (kinds[kind] = kinds[kind] || []).push(t);
    });
    return { node: node, kinds: kinds, row: node.tagName === "TR" };
  });
  var rows = all(".table tbody tr:not(.group)").map(function (node) {
    return { node: node, text: "" };
  });
  var blocks = all("details[data-cell]").map(function (node) { return { node: node, text: "" }; });
  function byKind(tokens) {
    var found = {};
    tokens.forEach(function (t) {
      var kind = t.slice(0, t.indexOf(":"));
      (found[kind] = found[kind] || {})[t] = true;
    });
    return found;
  }
  function apply() {
    var hi = byKind(state.hi), off = byKind(state.off), hidden = 0, words = state.q.toLowerCase();
    items.forEach(function (item) {
      var gone = false, dim = false, kind, own;
      for (kind in off) if ((own = item.kinds[kind])) {
        var some = own.filter(function (t) { return off[kind][t]; }).length;
        // A comparison with a hidden arm is hidden; a mean over backbones stays while one is left.
        gone = gone || (kind === "arm" ? some > 0 : some === own.length);
      }
      for (kind in hi) if ((own = item.kinds[kind])) {
        dim = dim || !own.some(function (t) { return hi[kind][t]; });
      }
      item.gone = gone;
      item.node.classList.toggle("gone", gone);
      item.node.classList.toggle("dim", dim);
      item.node.classList.toggle("lit", !dim && state.hi.length > 0 && item.row);
      hidden += gone && item.row;
    });
    var missed = 0, kept = 0;
    rows.forEach(function (row) {
      if (words && !row.text) {
        var group = row.node.parentNode.querySelector(".group");
        row.text = ((group ? group.textContent + " " : "") + row.node.textContent).toLowerCase();
      }
      var out = words !== "" && row.text.indexOf(words) < 0;
      row.node.classList.toggle("missed", out);
      missed += out;
    });
    // A cell is kept whole where its text holds what is searched; of a few the text is shown.
    blocks.forEach(function (block) {
      if (words && !block.text) block.text = block.node.textContent.toLowerCase();
      var out = words !== "" && block.text.indexOf(words) < 0;
      block.node.classList.toggle("missed", out);
      kept += words !== "" && !out;
    });
    if (kept && kept <= 4) blocks.forEach(function (b) {
      if (!b.node.classList.contains("missed")) b.node.open = true;
    });
    all(".table tbody").forEach(function (body) {
      var left = body.querySelector("tr:not(.group):not(.gone):not(.missed)");
      body.classList.toggle("gone", !left);
    });
    if (words) all("main details:not(.toolbox)").forEach(function (d) {
      if (d.querySelector(".table tbody tr:not(.group):not(.gone):not(.missed)")) d.open = true;
    });
    all("[data-choice]").forEach(function (li) {
      all("button", li).forEach(function (b) {
        var on = state[b.getAttribute("data-do")].indexOf(li.getAttribute("data-choice")) >= 0;
        b.setAttribute("aria-pressed", String(on));
      });
    });
    get("tool-search").value = state.q;
    var told = [];
    if (state.hi.length) told.push(state.hi.length + " highlighted");
    if (state.off.length) told.push(state.off.length + " hidden");
    if (words) told.push("searched");
    get("tool-state").textContent = told.length ? "(" + told.join(", ") + ": no statistic is changed)" : "";
    get("tool-count").textContent = told.length ? hidden + " rows are hidden, " + missed +
      " do not hold the search" + (words ? "; " + kept + " of " + blocks.length + " cells do" : "") +
      ". All numbers, families and verdicts are those of the whole study." : "";
  }

  // ---- Sorting: within the groups of a table, by numbers where a column has them.
  function key(row, column) {
    var cell = row.cells[column], text = cell ? cell.textContent.trim() : "";
    var number = text.replace(/\u2212/g, "-").replace(/,/g, "").match(/^[<>×\s]*([+-]?\d+(\.\d+)?(e[+-]?\d+)?)/);
    return number ? [0, parseFloat(number[1]), text] : [text ? 1 : 2, 0, text];
  }
  function sort(table, column, down) {
    all("tbody", table).forEach(function (body) {
      var own = all("tr:not(.group)", body).map(function (r, i) {
        if (!r.hasAttribute("data-at")) r.setAttribute("data-at", i);
        return { row: r, key: column < 0 ? [0, +r.getAttribute("data-at"), ""] : key(r, column) };
      });
      own.sort(function (x, y) {
        var a = x.key, b = y.key;
        if (a[0] !== b[0]) return a[0] - b[0];
        var c = a[0] ? a[2].localeCompare(b[2]) : a[1] - b[1];
        return (down ? -c : c) || x.row.getAttribute("data-at") - y.row.getAttribute("data-at");
      });
      own.forEach(function (o) { body.appendChild(o.row); });
    });
    all("thead th", table).forEach(function (th, i) {
      if (i === column) th.setAttribute("aria-sort", down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
  }
  var sorted = {};
  function sortAll() {
    var now = {};
    state.sort.forEach(function (s) { now[s.split(".")[0]] = s; });
    Object.keys(sorted).concat(Object.keys(now)).forEach(function (id) {
      var table = get(id) && get(id).querySelector("table"), parts = (now[id] || "..").split(".");
      if (table && sorted[id] !== now[id]) {
        sort(table, now[id] ? +parts[1] : -1, parts[2] === "down");
      }
    });
    sorted = now;
  }
  all(".table[id] thead th").forEach(function (th) {
    if (!th.textContent.trim()) return;
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = th.textContent;
    button.title = "Sort by " + th.textContent;
    th.textContent = "";
    th.appendChild(button);
    button.addEventListener("click", function () {
      var id = th.closest(".table").id, was = th.getAttribute("aria-sort");
      state.sort = state.sort.filter(function (s) { return s.split(".")[0] !== id; });
      if (was !== "descending") {
        state.sort.push([id, th.cellIndex, was ? "down" : "up"].join("."));
      }
      sortAll();
      write();
    });
  });

  // ---- The toolbox.
  var box = get("toolbox");
  box.hidden = false;
  box.addEventListener("click", function (event) {
    var button = event.target.closest("[data-do]");
    if (!button) return;
    var what = button.getAttribute("data-do"), other = what === "hi" ? "off" : "hi";
    var token = button.closest("[data-choice]").getAttribute("data-choice");
    var at = state[what].indexOf(token);
    if (at >= 0) state[what].splice(at, 1);
    else {
      state[what].push(token);
      state[other] = state[other].filter(function (t) { return t !== token; });
    }
    apply();
    write();
  });
  get("tool-search").addEventListener("input", function () {
    state.q = this.value;
    apply();
    write();
  });
  get("tool-reset").addEventListener("click", function () {
    state.hi = []; state.off = []; state.q = ""; state.sort = [];
    apply();
    sortAll();
    write();
  });

  // ---- Numbers of a mark: under the pointer, and with the arrow keys in a figure.
  var tip = document.createElement("div"), at = null;
  tip.className = "tip";
  tip.setAttribute("role", "status");
  document.body.appendChild(tip);
  function tell(mark) {
    if (at) at.classList.remove("at");
    at = mark;
    tip.textContent = mark ? mark.getAttribute("data-tip") : "";
    if (mark) mark.classList.add("at");
  }
  // From a mark to the runs behind it: the first cell with its arm, backbone and task.
  var cells = all("#cells [data-cell]");
  function visit(mark) {
    var own = mark && mark.getAttribute("data-cell").split(" ").filter(function (t) {
      return t.indexOf("outcome:") !== 0;
    });
    var tasked = own && own.some(function (t) { return t.indexOf("task:") === 0; });
    var found = own && cells.filter(function (c) {
      return c.getAttribute("data-cell").split(" ").every(function (t) {
        return own.indexOf(t) >= 0 || (!tasked && t.indexOf("task:") === 0);
      });
    })[0];
    if (!found) return;
    anchor = found.id || found.querySelector("[id]").id;
    write();
    open();
    get(anchor).scrollIntoView();
    (found.querySelector("summary, a") || found).focus({ preventScroll: true });
  }
  all(".frame").forEach(function (frame) {
    var marks = all("[data-tip]", frame), number = -1, figure = frame.closest("figure");
    if (!marks.length) return;
    frame.tabIndex = 0;
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", "Figure with " + marks.length +
      " marks; the arrow keys read them, Enter goes to the runs" + (figure ? ": " + figure.id.slice(4) : ""));
    frame.addEventListener("mouseover", function (e) { tell(e.target.closest("[data-tip]")); });
    frame.addEventListener("mouseleave", function () { tell(null); });
    frame.addEventListener("click", function (e) { tell(e.target.closest("[data-tip]")); });
    frame.addEventListener("dblclick", function (e) { visit(e.target.closest("[data-cell]")); });
    frame.addEventListener("blur", function () { tell(null); });
    frame.addEventListener("keydown", function (e) {
      var step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
      if (e.key === "Escape") tell(null);
      if (e.key === "Enter" && at) { e.preventDefault(); visit(at); }
      if (!step) return;
      e.preventDefault();
      var last = number < 0 ? "" : marks[number].getAttribute("data-tip"), tries = marks.length;
      do { number = (number + step + marks.length) % marks.length; tries -= 1; } while (tries > 0 &&
        (marks[number].classList.contains("gone") || marks[number].getAttribute("data-tip") === last));
      tell(marks[number]);
    });
  });

  // ---- Dark and light.
  var theme = get("theme");
  function paint() {
    var dark = state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    if (state.theme) document.documentElement.setAttribute("data-theme", state.theme);
    else document.documentElement.removeAttribute("data-theme");
    theme.textContent = dark ? "Light" : "Dark";
  }
  theme.hidden = false;
  theme.addEventListener("click", function () {
    state.theme = theme.textContent.toLowerCase();
    paint();
    write();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

  // ---- Anchors inside folded parts are opened.
  function open() {
    read();
    var target = anchor && get(anchor);
    for (var node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
    if (target && location.hash !== "#" + anchor) target.scrollIntoView();
    paint();
    apply();
    sortAll();
  }
  all('a[href^="#"]').forEach(function (a) {
    a.addEventListener("click", function (event) {
      if (event.ctrlKey || event.metaKey) return;
      var target = get(a.getAttribute("href").slice(1));
      if (!target) return;
      event.preventDefault();
      anchor = target.id;
      write();
      open();
      target.setAttribute("tabindex", "-1");
      target.focus({ preventScroll: true });
      target.scrollIntoView();
    });
  });
  window.addEventListener("hashchange", open);
  open();
})();
